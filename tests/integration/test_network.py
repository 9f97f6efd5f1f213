"""The modelled network on real processes: by Python and by the command line, with delays that are felt."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

import farptr as fp
from farptr.journal.reading import Reader
from farptr.journal.records import Fact
from tests.conftest import until
from tests.integration.commands import ok, refused

NET = """
everybody = "LAN"
give_up = "500 ms"
[parties]
julie = { latency = "80ms" }
"""


def took(function, *args):
    began_s = time.monotonic()
    return function(*args), time.monotonic() - began_s


def on_their_way(sim, source):
    return [flight for flight in sim.net.in_flight() if flight.source == source]


@pytest.fixture
def sim(processes):
    run = processes("julie", "toby", own=True)
    yield run
    assert run.leaks() == []


def test_a_round_trip_takes_twice_the_latency_and_ends_with_the_block(sim):
    julie, _ = sim
    p = fp.send([1.0, 2.0], julie)
    sim.sync()
    with sim.net.party(julie, latency="80 ms") as change:
        assert "80ms" in repr(change) or "80 ms" in repr(change)
        value, slow_s = took(p.get_copy)
    assert (value == [1.0, 2.0]).all()
    assert slow_s >= 0.16
    assert sim.net.network.access("julie").up.perfect


def test_bytes_take_time_in_the_pool_too(sim):
    julie, _ = sim
    with sim.net.link("me", "julie", bandwidth="40 Mbit/s"):
        fp.send(np.zeros(125_000), julie)  # a million bytes, which lie in shared memory
        _, slow_s = took(sim.sync)
    assert slow_s >= 0.2


def test_a_partition_is_told_and_what_was_not_touched_goes_on(sim):
    julie, toby = sim
    sim.net.set(fp.Network(give_up="300 ms"))
    p, q = fp.send([1.0], julie), fp.send([2.0], toby)
    sim.sync()
    with sim.net.partition("me", julie):
        with pytest.raises(fp.LinkLost) as caught:
            p.get_copy()
        assert q.get_copy() == 2.0
    assert caught.value.hint
    assert p.get_copy() == 1.0


def test_a_party_that_is_down_from_the_beginning_and_again_later(processes):
    net = fp.Network(parties={"toby": {"down": True}}, give_up="300 ms")
    run = processes("julie", "toby", own=True, net=net)
    julie, toby = run
    with pytest.raises(fp.LinkLost):
        fp.send([1.0], toby).get()
    run.net.party(toby, down=True)
    with run.net.party(toby, "LAN"):
        assert fp.send([1.0], toby).get() == 1.0
    assert run.net.network.access("toby").up.down
    with run.net.party("*", down=True), pytest.raises(fp.LinkLost):
        fp.send([2.0], julie).get()
    assert fp.send([2.0], julie).get() == 2.0


def test_a_partition_between_workers_fails_what_is_pushed(sim):
    julie, toby = sim
    sim.net.set(fp.Network(give_up="300 ms"))
    p = fp.send([1.0], julie)
    with sim.net.partition(julie, toby, one_way=True):
        p.move(toby)
        with pytest.raises(fp.LinkLost, match="what julie sent to toby was lost"):
            p.get()


def test_rules_drop_and_delay(sim):
    julie, _ = sim
    p = fp.send([1.0], julie)
    sim.sync()
    with sim.net.rule("drop", source=julie, what="fetched", times=1):
        with pytest.raises(fp.AnswerLost) as caught:
            p.get_copy()
        assert p.get_copy() == 1.0
    assert not caught.value.definite
    with sim.net.rule("delay", destination=julie, delay="150 ms"):
        _, slow_s = took(p.get_copy)
        assert slow_s >= 0.15
        with pytest.raises(fp.BadNetwork, match="already"):
            sim.net.rule("drop", destination=julie)


def test_step_by_step(sim):
    julie, toby = sim
    p, q = fp.send([1.0], julie), fp.send([2.0], toby)
    sim.sync()
    with sim.net.hold():
        answers = [p.get_async(), q.get_async()]
        first, second = sim.net.in_flight()
        assert (first.source, first.destination, first.what, first.held) == ("me", "julie", "sent", True)
        assert sim.net.deliver(second) == 1
        until(lambda: on_their_way(sim, "toby"))
        assert sim.net.deliver(*on_their_way(sim, "toby")) == 1
        assert answers[1].result(10) == 2.0
        assert not answers[0].done()
        assert sim.net.drop(first) == 1
        until(lambda: on_their_way(sim, "julie"))
        sim.net.deliver()
        with pytest.raises(fp.LinkLost):
            answers[0].result(10)
        with pytest.raises(fp.BadNetwork, match="not held"):
            sim.net.deliver(99)


def test_blocks_of_two_clients_end_what_they_began(sim):
    """Who comes second and leaves first, or last, ends nothing of the other's."""
    julie, _ = sim
    p = fp.send([1.0], julie)
    sim.sync()
    with fp.connect(sim.name) as other:
        with sim.net.hold(), sim.net.link("me", julie, latency="1 ms"):
            answer = p.get_async()
            with other.net.hold(), sim.net.hold():
                later = other.net.link("me", "julie", latency="2 ms")
            assert [flight.held for flight in sim.net.in_flight()] == [True]
        assert answer.result() == 1.0
        assert sim.net.network.between("me", "julie").latency.text == "2 ms"
        later.undo()
        assert sim.net.network.between("me", "julie").perfect


@pytest.mark.parametrize(
    ("do", "error", "words"),
    [
        (lambda net: net.link("julie", "bob", latency="1 ms"), fp.UnknownWorker, "bob"),
        (lambda net: net.link("julie", "julie", latency="1 ms"), fp.BadNetwork, "itself"),
        (lambda net: net.link("julie", "toby", latency="1"), fp.BadNetwork, "no unit"),
        (lambda net: net.link("julie", "toby", latency="-1 ms"), fp.BadNetwork, "negative"),
        (lambda net: net.link("julie", "toby", speed="1 ms"), fp.BadNetwork, "speed"),
        (lambda net: net.party("julie", "5G"), fp.BadNetwork, "5G"),
        (lambda net: net.set("nowhere.toml"), fp.BadNetwork, "nowhere"),
        (lambda net: net.set(fp.Network(parties={"bob": "3G"})), fp.UnknownWorker, "bob"),
        (lambda net: net.rule("eat"), fp.BadNetwork, "eat"),
        (lambda net: net.rule("delay"), fp.BadNetwork, "how much"),
        (lambda net: net._ask("fly"), fp.BadNetwork, "fly"),
        (
            lambda net: net._ask("change", changes=[["julie", {"latency": f" trace ({__file__})"}]]),
            fp.BadNetwork,
            "no file",
        ),
        (lambda net: net._ask("cut", pairs=3, by=1), fp.BadNetwork, "malformed"),
        (lambda net: net._ask("cut", pairs=[["me", "julie"], ["julie"]], by=1), fp.BadNetwork, "no link"),
    ],
)
def test_what_cannot_be_meant_changes_nothing(processes, do, error, words):
    sim = processes("julie", "toby")
    with pytest.raises(error, match=words):
        do(sim.net)
    assert sim.net.state()["cuts"] == []
    assert fp.send([1.0], sim["julie"]).get() == 1.0


def test_a_worker_that_dies_is_known_though_its_link_is_slow(sim):
    julie, toby = sim
    p, q = fp.send([1.0], julie), fp.send([2.0], toby)
    sim.sync()
    with sim.net.link("me", julie, latency="30 s"):
        p + p
        sim.flush()
        sim.kill("julie")
        with pytest.raises(fp.WorkerLost):
            p.get()
    assert q.get() == 2.0


@pytest.mark.parametrize("times", [1, None], ids=["one part", "all"])
def test_large_arrays_of_which_something_is_lost(processes, monkeypatch, times):
    """They go in parts, and one that is missing is the loss of the whole."""
    monkeypatch.setenv("FARPTR_POOL", "0")
    sim = processes("julie", "toby", own=True)
    julie, toby = sim
    big = np.arange(700_000.0)
    kept = fp.send(big, julie)
    sim.sync()
    with sim.net.rule("drop", destination=julie, what="sent", times=times):
        fp.send(big, julie)
        with pytest.raises(fp.LinkLost):
            sim.sync()
    copy = kept.copy()
    sim.sync()
    with sim.net.rule("drop", destination=toby, what="pushed", times=times):
        copy.move(toby)
        with pytest.raises(fp.LinkLost):
            copy.get_copy()
    with sim.net.rule("drop", source=julie, what="fetched", times=times), pytest.raises(fp.AnswerLost):
        kept.get_copy()
    assert (kept.get() == big).all()
    del copy
    assert sim.leaks() == []


RUDE = """
import os, sys
import farptr as fp
sim = fp.connect(sys.argv[1])
sim.net.hold()
sim.net.partition("me", "julie")
sim.net.rule("drop", destination="toby")
print("done", flush=True)
sys.stdin.read()
"""


def test_what_a_client_keeps_back_goes_on_when_it_is_killed(sim):
    julie, toby = sim
    p, q = fp.send([1.0], julie), fp.send([2.0], toby)
    sim.sync()
    with subprocess.Popen(
        [sys.executable, "-c", RUDE, sim._running.info.address],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as rude:
        assert rude.stdout.readline() == "done\n"
        assert len(sim.net.state()["cuts"]) == 2
        answer = p.get_async()
        assert [flight.held for flight in sim.net.in_flight()] == [True]
        rude.kill()
    assert answer.result(30) == 1.0
    assert q.get() == 2.0
    state = sim.net.state()
    assert (state["cuts"], state["rules"]) == ([], [])


def test_from_the_command_line(base):
    (base / "net.toml").write_text(NET)
    ok("up", "julie", "toby", "-d", "--net", "net.toml", cwd=base)
    assert "latency 80ms" in ok("link")
    ok("link", "julie", "toby", "--preset", "3G", "--loss", "1%", "--both")
    state = json.loads(ok("link", "--json"))
    assert {(row["from"], row["to"]) for row in state["table"]["links"]} == {("julie", "toby"), ("toby", "julie")}
    assert "loss 1 %" in ok("link")
    ok("link", "me", "toby", "--down")
    with fp.connect() as sim:
        with pytest.raises(fp.LinkLost):
            fp.send([1.0], sim["toby"]).get()
        ok("link", "me", "toby", "--perfect")
        assert fp.send([1.0], sim["toby"]).get() == 1.0
    assert "network julie down" in " ".join(ok("link", "julie", "--down").split())
    ok("link", "julie", "--perfect")
    ok("link", "*", "--preset", "3G")
    with fp.connect() as sim:
        assert sim.net.network.access("toby").up.latency.typical_s == 0.15
    for wrong, words in (
        (["julie", "bob", "--latency", "1ms"], "bob"),
        (["julie", "toby", "--latency", "1"], "no unit"),
        (["julie", "toby"], "--perfect"),
        (["--latency", "1ms"], "whose"),
    ):
        assert words in " ".join(refused(2, "link", *wrong))
    ok("down")


def test_a_file_that_cannot_be_meant_starts_nothing(base):
    for text, words in (("everybody = 5", "net.toml"), ("[parties]\nbob = '3G'", "bob"), ("parties = 3", "parties")):
        (base / "net.toml").write_text(text)
        assert words in " ".join(refused(2, "up", "julie", "-d", "--net", "net.toml", cwd=base))
    refused(3, "down")


def test_a_script_with_a_network(base):
    (base / "net.toml").write_text(NET)
    (base / "s.py").write_text(
        "import farptr as fp, time\nsim = fp.connect()\np = fp.send([1.0], sim['julie'])\nt = time.monotonic()\n"
        "p.get()\nprint(time.monotonic() - t >= 0.16)\n"
    )
    assert ok("run", "--workers", "julie,toby", "--net", "net.toml", "s.py", cwd=base).strip() == "True"


def test_the_account_of_a_run_with_losses_balances_and_says_what_was_modelled(processes, tmp_path):
    sim = processes("julie", "toby", own=True, journal=tmp_path, net=fp.Network(give_up="200 ms"))
    julie, _ = sim
    p = fp.send(np.zeros(1000), julie)
    sim.sync()
    with sim.net.partition(julie, "me", one_way=True), pytest.raises(fp.AnswerLost):
        p.get_copy()
    assert sum(line.value_bytes for line in sim.ledger.lines() if line.party == "me") == 0
    del p
    sim.close()  # warns if it does not balance
    assert Reader(tmp_path).manifest["net"]["give_up"] == "0.2 s"
    facts = [record for record in Reader(tmp_path) if isinstance(record, Fact)]
    modelled = [fact.fields["do"] for fact in facts if fact.what == "network"]
    assert modelled == ["set", "cut", "cut"]


EXAMPLE = """-- stragglers
the first two: julie, toby; their average: [0.5  0.48]
late: carol, with [2.04 2.15]
-- cut_off
julie: [-0.05 -0.06]
toby: AnswerLost, definite: False
carol: [2.04 2.15]
afterwards toby: [1.05 1.01]
-- step_by_step
held: me -> julie, me -> toby
answered: [False, False]
julie: [-0.05 -0.06]
toby: LinkLost; its mean is still there: [1.05 1.01]
left behind: []
"""


def test_the_example_prints_what_it_should():
    script = Path(__file__).parents[2] / "examples" / "slow_network.py"
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr, done.stdout) == (0, "", EXAMPLE)
