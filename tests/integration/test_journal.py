"""Journals and accounts of real runs."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import warnings

import numpy as np
import psutil
import pytest

import farptr as fp
from farptr.client.account import JournalStopped
from farptr.client.cells import run_cell
from farptr.client.status import status
from farptr.journal.reading import Reader
from farptr.journal.records import Came, Handed
from tests.integration.commands import FARPTR

FULL = """
import resource, sys, warnings
resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, resource.RLIM_INFINITY))
import farptr as fp
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    with fp.up({"julie": sys.argv[2]}, journal=sys.argv[1]) as sim:
        x = fp.tensor([1.0, 2.0]).send(sim[0])
        sim.ledger.assert_never_saw("me", source=sim[0]["own"].tag("#own"))
        for _ in range(60):
            x.get_copy()
            x = x + 1
        while not caught:
            sim.sync()
        print(x.get())
        sim[0]["own"].get_copy()
        try:
            sim.ledger.assert_never_saw("me", source="julie/own")
        except fp.JournalError as error:
            print("nobody knows:", error)
print(caught[0].message)
"""


@pytest.fixture
def sim(tmp_path):
    np.savez(tmp_path / "shard.npz", x=[[1.0, 2.0], [3.0, 4.0]])
    shard = tmp_path / "shard.npz"
    with fp.up({"julie": shard, "toby": shard}, "carol", journal=tmp_path / "runs", seed=1) as run:
        yield run


def test_what_was_made_of_what_is_known_through_chains_moves_and_remote_get(sim):
    julie, toby, carol = sim
    x = julie["x"]
    mean = x.mean(axis=0)
    there = mean.send(toby)  # a pointer to a pointer
    doubled = there + there
    near = doubled.get()
    assert near.get().tolist() == [4.0, 6.0]
    moved = x[0].move(carol)
    assert moved.get().tolist() == [1.0, 2.0]
    ledger = sim.ledger
    ledger.check()
    assert [(r.kind, r.value_bytes, r.sources) for r in ledger.view("me").receipts] == [
        ("derived", 16, ("julie/x",)),
        ("raw", 16, ("julie/x",)),
    ]
    assert [r.kind for r in ledger.view("carol").receipts] == ["raw"]
    assert not ledger.view("toby").receipts  # pointers only
    ledger.assert_never_saw("toby", source="julie")


def test_a_verdict_fails_for_one_gradient_that_is_fetched(sim):
    julie, toby, carol = sim
    ours = [julie["x"].mean(axis=0), toby["x"].mean(axis=0)]
    total = ours[0].copy().move(carol) + ours[1].copy().move(carol)
    total.get()
    sim.ledger.assert_never_saw("me", source="julie", unless="aggregate")
    ours[0].get()
    with pytest.raises(fp.DataSeen, match="me was handed 16 bytes derived") as caught:
        sim.ledger.assert_never_saw("me", source="julie", unless="aggregate")
    (receipt,) = caught.value.receipts
    assert (receipt.source, receipt.owners) == ("julie", ("julie",))


def test_one_element_that_is_asked_for_counts_and_a_shape_does_not(sim):
    p = sim["julie"]["x"].sum()
    assert p.shape == ()
    assert not sim.view("me").receipts
    assert float(p) == 10.0
    (receipt,) = sim.view("me").receipts
    assert (receipt.what, receipt.value_bytes, receipt.sources) == ("asked", 8, ("julie/x",))


def test_a_source_that_there_never_was_is_an_error(sim):
    with pytest.raises(fp.UnknownWorker):
        sim.ledger.assert_never_saw("me", source="bob")
    with pytest.raises(fp.UsageError, match="nothing was ever called"):
        sim.ledger.assert_never_saw("me", source="julie/gradinet")
    with pytest.raises(fp.UsageError, match="unless"):
        sim.ledger.assert_never_saw("me", source="julie", unless="anything")


def test_cells_and_their_workers_count_as_made_of_everything(tmp_path):
    with fp.up("julie", functions=True, journal=tmp_path / "runs") as sim:
        (julie,) = sim
        x = fp.tensor([1.0, 2.0]).send(julie)
        assert [said.error for said in run_cell([julie], "1 + 1")] == [None]
        x.get()
        assert all("julie/*" in r.sources for r in sim.view("me").receipts)


def test_it_balances_to_the_byte_with_large_arrays_and_a_worker_that_dies(tmp_path):
    with fp.up("julie", "toby", journal=tmp_path / "runs", restart=False) as sim:
        julie, toby = sim
        big = fp.tensor(np.arange(3_000_000.0)).send(julie)  # by shared memory, after one that goes in parts
        assert big.sum().get() == 2_999_999 * 1_500_000
        moved = fp.tensor(np.ones(40_000)).send(julie).move(toby)
        sim.sync()
        assert sim.ledger.matrix()["julie"]["toby"] == 320_000
        sim.kill("toby")
        with pytest.raises(fp.WorkerLost):
            moved.get()
        sim.ledger.check()
        path = sim.journal
    account = fp.open_journal(path)
    account.check()
    assert account.in_flight_bytes >= 0
    balance = account.manifest["balance"]
    assert balance["faults"] == []
    reader = Reader(path)
    records = list(reader)
    assert sum(r.wire_bytes for r in records if isinstance(r, Handed)) == balance["out_bytes"]
    assert sum(r.wire_bytes for r in records if isinstance(r, Came)) < balance["in_bytes"]  # hellos besides


def test_a_broker_that_is_killed_leaves_a_readable_journal(tmp_path):
    with fp.up("julie", journal=tmp_path / "runs") as sim:
        fp.tensor([1.0]).send(sim[0]).get()
        path = sim.journal
        os.kill(sim._running.info.broker_pid, signal.SIGKILL)
        with pytest.raises(fp.FarptrError):
            sim.sync()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", JournalStopped)
            sim.close()
    account = fp.open_journal(path)
    assert [r.what for r in account.receipts] == ["sent", "fetched"]
    assert "no last word" in account.notices[0]


def test_a_disk_that_is_full_stops_the_journal_and_not_the_run(tmp_path):
    np.savez(tmp_path / "own.npz", own=[5.0])
    done = subprocess.run(
        [sys.executable, "-c", FULL, str(tmp_path), str(tmp_path / "own.npz")],
        capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip
    assert done.stdout.splitlines()[0] == "[61. 62.]"
    assert "nobody knows: what me saw is not known" in done.stdout, "me saw it, and it is not in the journal"
    assert "the journal has stopped: File too large" in done.stdout
    account = fp.open_journal(tmp_path)
    assert account.receipts
    assert account.notices


def test_no_journal_is_a_clear_error(tmp_path):
    with fp.up("julie") as sim, pytest.raises(fp.NoJournal, match="writes no journal"):
        sim.ledger  # noqa: B018 - it asks
    with pytest.raises(fp.NoJournal):
        fp.open_journal(tmp_path)
    (tmp_path / "file").write_text("")
    with pytest.raises(fp.JournalError, match="no journal can be written"):
        fp.up("julie", journal=tmp_path / "file")


def command(*words, cwd, code=0):
    done = subprocess.run([*FARPTR, *words], cwd=cwd, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == code, done.stderr
    return done


def test_the_command_line(sim, tmp_path):
    julie, _, carol = sim
    julie["x"].mean(axis=0).move(carol).get()
    path = str(sim.journal)
    sim.close()
    text = command("ledger", path, cwd=tmp_path).stdout
    assert "it balances" in text
    assert "derived" in command("ledger", path, "--by-party", cwd=tmp_path).stdout
    lines = json.loads(command("ledger", path, "--json", cwd=tmp_path).stdout)["lines"]
    assert {"party": "carol", "source": "julie", "value_bytes": 16}.items() <= next(
        line.items() for line in lines if (line["party"], line["source"]) == ("carol", "julie")
    )
    assert command("ledger", path, "--csv", cwd=tmp_path).stdout.startswith("party,source,envelopes,")
    command("ledger", path, "--never-saw", "toby=julie", cwd=tmp_path)
    failed = command("ledger", path, "--never-saw", "me=julie/x", cwd=tmp_path, code=11)
    assert failed.stderr.startswith("error: me was handed 16 bytes derived")
    command("ledger", "nowhere", cwd=tmp_path, code=3)
    command("trace", path, "-o", "trace.json", cwd=tmp_path)
    events = json.loads((tmp_path / "trace.json").read_text())["traceEvents"]
    named = {event["args"]["name"] for event in events if event["ph"] == "M"}
    assert named == {"broker", "julie (worker)", "toby (worker)", "carol (worker)", "me (client)"}
    assert {"np:mean", ".mean", "mean"} & {word for e in events for word in e["name"].split(", ")}
    command("report", path, "-o", "report.html", cwd=tmp_path)
    assert "The account balances" in (tmp_path / "report.html").read_text()
    for what in ("sequence", "matrix", "pointers"):
        command("draw", what, path, cwd=tmp_path)
        assert (tmp_path / f"{what}.svg").read_text().startswith("<?xml")
    assert "<svg" in command("draw", "sequence", path, "--to", "100", "-o", "-", cwd=tmp_path).stdout
    command("draw", "matrix", path, "--from", "1", cwd=tmp_path, code=2)
    command("report", "nowhere", cwd=tmp_path, code=3)
    assert len([e for e in events if e["ph"] == "s"]) == len([e for e in events if e["ph"] == "f"]) > 0


def test_the_account_of_a_run_that_is_over(tmp_path):
    with fp.up("julie", journal=tmp_path / "runs") as sim:
        fp.tensor([1.0]).send(sim["julie"]).get()
        so_far = sim.ledger.matrix()
    assert sim.ledger.matrix() == so_far
    sim.ledger.assert_never_saw("julie", source="julie")
    assert sim.view("me").receipts
    with fp.up("julie") as sim:
        pass
    with pytest.raises(fp.SessionClosed):
        sim.ledger  # noqa: B018


def test_the_account_of_a_run_whose_broker_was_killed(tmp_path):
    sim = fp.up("julie", journal=tmp_path / "runs")
    fp.tensor([1.0]).send(sim["julie"]).get()
    sim.sync()
    os.kill(sim._running.info.broker_pid, signal.SIGKILL)
    with pytest.warns(JournalStopped, match="was not finished"):
        sim.close()
    assert any("no last word" in notice for notice in sim.ledger.notices)
    with pytest.raises(fp.JournalError):
        sim.ledger.assert_never_saw("julie", source="julie")


def test_a_trace_that_fails_leaves_the_file_that_was_there(tmp_path):
    with fp.up("julie", journal=tmp_path / "runs") as sim:
        for _ in range(50):
            fp.tensor([1.0]).send(sim["julie"]).get()
    command("trace", "runs", cwd=tmp_path)
    good = (tmp_path / "trace.json").read_text()
    (file,) = sorted((tmp_path / "runs" / "latest").glob("*.fpj"))[-1:]
    damaged = bytearray(file.read_bytes())
    damaged[len(damaged) // 2] ^= 1
    file.write_bytes(damaged)
    command("trace", "runs", cwd=tmp_path, code=1)
    assert (tmp_path / "trace.json").read_text() == good
    assert [path.name for path in tmp_path.iterdir() if "new" in path.name] == []


def test_monitor_shows_envelopes_of_a_run_that_is_up(tmp_path):
    command("up", "julie", "-d", "-c", "watched", "--journal", "runs", cwd=tmp_path)
    try:
        shown = command("monitor", "-c", "watched", "-n", "2", cwd=tmp_path).stdout
        assert "julie joined" in shown
    finally:
        command("down", "-c", "watched", cwd=tmp_path)


def test_monitor_joins_no_run_and_is_no_client_in_it(tmp_path):
    """So it can look at a run under the virtual clock, which has one client; and the account is as without it."""
    with fp.up("julie", journal=tmp_path / "runs", clock="virtual") as sim:
        fp.tensor([1.0]).send(sim["julie"]).get()
        shown = command("monitor", "-c", sim._running.info.name, "-n", "3", cwd=tmp_path).stdout
        assert "julie joined" in shown
        assert [row[2] for row in sim._session.ask_broker("parties")].count("client") == 1
    with fp.up("julie") as sim:
        done = command("monitor", "-c", sim._running.info.name, cwd=tmp_path, code=3)
        assert "writes no journal" in done.stderr


def test_a_writing_process_that_is_killed_stops_the_journal_and_ps_says_so(tmp_path):
    with fp.up("julie", journal=tmp_path / "runs") as sim:
        x = fp.tensor([1.0, 2.0]).send(sim[0])
        assert sim.ledger.receipts
        (writer,) = psutil.Process(sim._running.info.broker_pid).children()
        writer.kill()
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            while not caught:
                sim.sync()
        assert "is gone" in str(caught[0].message)
        with warnings.catch_warnings(record=True) as caught, fp.connect(sim._running.info.address) as other:
            warnings.simplefilter("always")
            while not caught:  # who joins later hears of it, too
                other.sync()
        assert "the journal has stopped" in status(sim._running.info).trouble
        assert x.get().tolist() == [1.0, 2.0]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", JournalStopped)
            sim.close()


def test_nothing_of_a_journal_outlives_its_run(tmp_path):
    with fp.up("julie", journal=tmp_path / "runs") as sim:
        (writer,) = psutil.Process(sim._running.info.broker_pid).children()
        x = fp.tensor([1.0]).send(sim[0])
        for _ in range(20_000):
            x = x + 1
    assert not writer.is_running() or writer.status() == psutil.STATUS_ZOMBIE  # whose parent was not there to see it
    assert fp.open_journal(tmp_path / "runs").manifest["balance"]["faults"] == []
