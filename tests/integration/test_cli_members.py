"""Workers that come to a run that is up, and go: ``farptr add``, ``farptr rm``, and the same in Python."""

from __future__ import annotations

import json
import os
import signal
import time

import numpy as np
import pytest

import farptr as fp
from farptr.cli import main
from farptr.launch.rundir import find
from tests.conftest import alive, until
from tests.integration.commands import ok, pids_of, refused

REMOVED = "it was removed from the run"


# ---------------------------------------------------------------- the command line


def test_add_and_rm(base):
    np.savez(base / "shard.npz", x=np.arange(3))
    ok("up", "julie", "-d", "-c", "team")
    with fp.connect("team") as sim:
        lines = ok("add", "bob=shard.npz", "eve", "-c", "team", "--load", "eve=shard.npz", cwd=base)
        workers = find("team").workers
        assert list(workers) == ["julie", "bob", "eve"]
        assert lines.splitlines() == [
            f"bob is up (pid {workers['bob']})",
            f"eve is up (pid {workers['eve']})",
            "next: farptr rm bob -c team   ends it again",
        ]
        until(lambda: sim.sync() or "eve" in sim)
        assert int(sim["bob"]["x"].sum()) == 3

        assert ok("rm", "bob", "eve", "-c", "team") == "bob has ended\neve has ended\n"
        assert list(find("team").workers) == ["julie"]
        assert not alive(workers["bob"])


def test_a_bare_file_is_for_the_one_worker(base):
    np.savez(base / "shard.npz", x=np.arange(3))
    ok("up", "julie", "-d")
    ok("add", "bob", "--load", "shard.npz", cwd=base)
    ok("add", "eve=shard.npz", cwd=base)
    with fp.connect() as sim:
        assert [int(sim[name]["x"].sum()) for name in ("bob", "eve")] == [3, 3]
    assert "whose is it" in refused(2, "add", "a", "b", "--load", "shard.npz")[0]
    assert "two files for a" in refused(2, "add", "a=x.npz", "--load", "y.npz")[0]


def test_rm_says_so_to_who_holds_a_pointer(base):
    ok("up", "julie", "toby", "-d")
    with fp.connect() as sim:
        julie, toby = sim
        direct = fp.tensor([1, 2]).send(toby)
        chain = fp.tensor([1, 2]).send(toby).send(julie)
        rest = fp.tensor([3]).send(julie)
        sim.sync()
        ok("rm", "toby")
        for use in (direct.get_copy, lambda: (chain + chain).get().get()):
            with pytest.raises(fp.WorkerLost, match=r"worker toby .*is gone") as caught:
                use()
            assert REMOVED in str(caught.value)
        assert int(rest.get()[0]) == 3
        assert "toby" not in sim


def test_json_of_add_and_rm(base):
    ok("up", "julie", "-d")
    added = json.loads(ok("add", "bob", "--json"))
    assert added == {"run": "default", "workers": [{"name": "bob", "pid": find("default").workers["bob"]}]}
    assert json.loads(ok("rm", "bob", "--json")) == added


def test_what_add_refuses(base):
    assert refused(3, "add", "bob") == ("no run called 'default'", "`farptr up julie toby` starts one")
    ok("up", "julie", "-d")
    assert refused(2, "add", "bob", "julie") == ("a worker called 'julie' is already here", "take another name")
    assert "not a legal name" in refused(2, "add", "b b")[0]
    assert "two workers would be called 'bob'" in refused(2, "add", "bob", "bob")[0]
    assert "there is no file" in refused(5, "add", "bob", "--load", "missing.npz")[0]
    assert refused(2, "add")[1] == "`farptr add --help` explains"
    assert list(find("default").workers) == ["julie"]


def test_what_rm_refuses(base):
    ok("up", "julie", "toby", "-d")
    assert refused(2, "rm", "toby", "jule") == ("no worker called 'jule' in this run", "did you mean 'julie'?")
    assert list(find("default").workers) == ["julie", "toby"]
    assert refused(3, "rm", "julie", "-c", "defalt")[1] == "did you mean 'default'?"


def test_a_supervisor_that_is_stopped_is_7(base, monkeypatch, capsys):
    monkeypatch.setattr("farptr.launch.ask.REMOVE_TIMEOUT_S", 0.3)
    ok("up", "julie", "-d")
    supervisor = find("default").supervisor_pid
    os.kill(supervisor, signal.SIGSTOP)
    assert main(["rm", "julie"]) == 7
    os.kill(supervisor, signal.SIGCONT)
    assert capsys.readouterr().err.startswith("error: the supervisor of run 'default' does not answer")


def test_a_run_of_a_broker_alone_has_workers_by_hand(base, terminal):
    broker = terminal("broker", "-c", "team")
    broker.expect("ends the run")
    for command in ("add", "rm"):
        message, hint = refused(5, command, "bob", "-c", "team")
        assert message == "run 'team' has no supervisor: its workers are started by hand"
        assert "farptr worker NAME --connect team" in hint


# ---------------------------------------------------------------- Python


def test_add_and_remove_in_python(base):
    np.savez(base / "shard.npz", x=np.arange(3))
    with fp.up("julie") as sim:
        bob = sim.add("bob", load=base / "shard.npz")
        assert [worker.name for worker in sim] == ["julie", "bob"]
        assert bob == sim["bob"]
        assert int(bob["x"].sum()) == 3
        pid = sim.pids["bob"]
        pointer = fp.tensor([1]).send(bob)
        sim.remove(bob)
        assert not alive(pid)
        assert list(sim) == [sim["julie"]]
        with pytest.raises(fp.WorkerLost, match=REMOVED):
            pointer.get()
        again = sim.add("bob")
        assert again != bob
        assert int(fp.tensor([4]).send(again).get()[0]) == 4
        sim.remove("bob")
        with pytest.raises(fp.UnknownWorker, match="'bob'"):
            sim.remove(again)


def test_a_worker_that_works_can_be_removed(base):
    with fp.up("julie", "toby") as sim:
        julie, toby = sim
        pointers = [fp.tensor(np.ones(100_000)).send(toby) for _ in range(5)]
        for _ in range(200):
            pointers[0] = np.sqrt(pointers[0] + pointers[1])
        sim.remove("toby")
        with pytest.raises(fp.WorkerLost, match="toby"):
            pointers[0].get()
        assert int(fp.tensor([1]).send(julie).get()[0]) == 1


def test_errors_in_python(base):
    with fp.up("julie") as sim, fp.up("toby") as other:
        with pytest.raises(fp.BadName, match="already here"):
            sim.add("julie")
        with pytest.raises(fp.BadName, match="reserved"):
            sim.add("me")
        with pytest.raises(fp.LoadFailed, match="there is no file"):
            sim.add("bob", load="missing.npz")
        with pytest.raises(fp.UnknownWorker) as caught:
            sim.remove("jule")
        assert caught.value.hint == "did you mean 'julie'?"
        with pytest.raises(fp.UsageError, match="another run"):
            sim.remove(other["toby"])
        assert list(sim) == [sim["julie"]]
    for call in (lambda: sim.add("bob"), lambda: sim.remove("julie")):
        with pytest.raises(fp.SessionClosed):
            call()


def test_one_that_joined_by_hand_is_not_the_supervisors_to_remove(base, terminal):
    with fp.up("julie", name="team") as sim:
        hand = terminal("worker", "bob", "--connect", "team")
        hand.expect("joined run team")
        until(lambda: sim.sync() or "bob" in sim)
        for act in (sim.remove, sim.restart):
            with pytest.raises(fp.UnknownWorker, match="'bob' was started by hand"):
                act("bob")
        for command in ("rm", "restart"):
            error, hint = refused(2, command, "bob", "-c", "team")
            assert "'bob' was started by hand" in error
            assert "farptr kill bob" in hint
        with pytest.raises(fp.BadName, match="'bob' is already here"):
            sim.add("bob")


def test_every_client_hears_of_it(base):
    with fp.up("julie", name="team") as sim, fp.connect("team") as other:
        sim.add("bob")
        other.sync()
        assert "bob" in other
        other.remove("bob")
        sim.sync()
        assert "bob" not in sim


def test_a_supervisor_that_died_cannot_add(base):
    sim = fp.up("julie")
    info = sim._running.info
    os.kill(info.supervisor_pid, signal.SIGKILL)
    until(lambda: not any(map(alive, pids_of(info))))
    began_s = time.monotonic()
    with pytest.raises(fp.FarptrError):
        sim.add("bob")
    assert time.monotonic() - began_s < 5
    sim.close()
