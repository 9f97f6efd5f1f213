"""``farptr kill``, ``stop``, ``cont``, ``restart``; ``farptr up --restart --memory-limit``."""

from __future__ import annotations

import json
import os
import signal

import numpy as np
import psutil
import pytest

import farptr as fp
from farptr.launch.restarts import AT_MOST
from farptr.launch.rundir import find
from tests.conftest import alive, until
from tests.integration.commands import ok, pids_of, refused, rows


def state(pid):
    return psutil.Process(pid).status()


# ---------------------------------------------------------------- kill


def test_kill(base):
    ok("up", "julie", "toby", "eve", "-d")
    before = find("default").workers
    assert ok("kill", "julie").splitlines() == [
        "julie: it was killed by signal 9 (SIGKILL)",
        "next: farptr restart julie   starts it again, empty",
    ]
    killed = json.loads(ok("kill", "toby", "eve", "--signal", "segv", "--json"))
    why = "it was killed by signal 11 (SIGSEGV)"
    assert killed == {"run": "default", "processes": [{"name": name, "state": why} for name in ("toby", "eve")]}
    assert not any(map(alive, before.values()))
    with fp.connect() as sim:
        assert len(sim) == 0, "the broker knows"


def test_what_kill_refuses(base):
    assert refused(3, "kill", "julie")[0] == "no run called 'default'"
    ok("up", "julie", "toby", "-d")
    pids = pids_of(find("default"))
    assert refused(2, "kill", "toby", "jule") == ("no worker called 'jule' in this run", "did you mean 'julie'?")
    assert "there is no signal 'NOSUCH'" in refused(2, "kill", "toby", "--signal", "NOSUCH")[0]
    assert "farptr stop" in refused(2, "kill", "toby", "--signal", "STOP")[0]
    assert refused(2, "kill")[1] == "`farptr kill --help` explains"
    assert all(map(alive, pids))


def test_a_worker_that_was_started_by_hand_can_be_killed_and_stopped(base, terminal):
    ok("up", "julie", "-d", "-c", "team")
    hand = terminal("worker", "bob", "--connect", "team")
    hand.expect("joined run team")
    ok("stop", "bob", "-c", "team")
    assert state(hand.pid) == psutil.STATUS_STOPPED
    ok("cont", "bob", "-c", "team")
    assert "bob: its process is gone" in ok("kill", "bob", "-c", "team")
    until(lambda: not alive(hand.pid))


def test_a_broker_of_its_own_can_be_killed(base, terminal):
    broker = terminal("broker", "-c", "team")
    broker.expect("ends the run")
    assert ok("kill", "broker", "-c", "team") == "broker: it is gone, and the run with it\n"
    assert refused(3, "kill", "broker", "-c", "team")


def test_the_broker(base):
    ok("up", "julie", "-d")
    info = find("default")
    assert ok("stop", "broker").splitlines()[0] == "broker: it is stopped"
    assert state(info.broker_pid) == psutil.STATUS_STOPPED
    assert ok("cont", "broker") == "broker: it goes on\n"
    ok("stop", "broker")
    assert ok("kill", "broker") == "broker: it is gone, and the run with it\n"
    until(lambda: not any(map(alive, pids_of(info))))
    until(lambda: list(base.iterdir()) == [])


# ---------------------------------------------------------------- stop, cont


def test_stop_and_cont(base):
    ok("up", "julie", "toby", "-d", "-c", "team")
    pids = find("team").workers
    assert ok("stop", "julie", "toby", "-c", "team").splitlines() == [
        "julie: it is stopped",
        "toby: it is stopped",
        "next: farptr cont julie toby -c team   lets it go on",
    ]
    assert [state(pid) for pid in pids.values()] == [psutil.STATUS_STOPPED] * 2
    assert rows(ok("ps", "-c", "team"))["julie"][4] == "stopped"
    continued = json.loads(ok("cont", "julie", "toby", "--json", "-c", "team"))
    assert [row["state"] for row in continued["processes"]] == ["it goes on"] * 2
    assert psutil.STATUS_STOPPED not in [state(pid) for pid in pids.values()]


# ---------------------------------------------------------------- restart


def test_restart(base):
    np.savez(base / "shard.npz", x=np.arange(3))
    ok("up", "julie=shard.npz", "toby", "-d", cwd=base)
    before = find("default").workers
    lines = ok("restart", "julie", "toby")
    after = find("default").workers
    assert lines.splitlines() == [f"{name} is up again (pid {after[name]})" for name in ("julie", "toby")]
    assert not set(before.values()) & set(after.values())
    with fp.connect() as sim:
        assert int(sim["julie"]["x"].sum()) == 3
    assert json.loads(ok("restart", "toby", "--json"))["workers"] == [
        {"name": "toby", "pid": find("default").workers["toby"]}
    ]


def test_what_restart_refuses(base, terminal):
    assert refused(3, "restart", "julie")[1] == "`farptr up julie toby` starts one"
    ok("up", "julie", "-d")
    assert refused(2, "restart", "jule") == ("no worker called 'jule' in this run", "did you mean 'julie'?")
    broker = terminal("broker", "-c", "team")
    broker.expect("ends the run")
    assert "its workers are started by hand" in refused(5, "restart", "julie", "-c", "team")[0]


def test_up_restart(base):
    ok("up", "julie", "toby", "--restart", "-d")
    assert "a new one takes its place" in ok("kill", "julie")
    until(lambda: "julie" in find("default").workers)
    with fp.connect() as sim:
        for _ in range(AT_MOST):
            sim.restart("julie")  # on purpose: that does not count, and begins a new count
        for _ in range(AT_MOST):
            sim.kill("julie")
            until(lambda: sim.sync() or "julie" in sim)
    assert "and is not started again" in ok("kill", "julie")
    until(lambda: "julie" in find("default").gone)
    table = ok("ps")
    assert rows(table)["julie"][2:5] == ["worker", "-", "gone"]
    why = f"it died {AT_MOST + 1} times within 30 s, and is not started again"
    assert table.splitlines()[-1].strip() == f"default: julie: {why}; `farptr restart julie`"
    document = json.loads(ok("ps", "--json"))["runs"][0]
    assert [p["pid"] for p in document["processes"] if p["name"] == "julie"] == [None]
    ok("restart", "julie")
    assert find("default").gone == {}
    assert rows(ok("ps"))["julie"][4] == "idle"


def test_a_run_without_it_restarts_nobody(base):
    ok("up", "julie", "toby", "-d")
    os.kill(find("default").workers["julie"], signal.SIGKILL)
    until(lambda: "julie" not in find("default").workers)
    ok("restart", "toby")
    assert list(find("default").workers) == ["toby"]
    assert find("default").gone == {}


# ---------------------------------------------------------------- memory


def test_up_and_worker_with_a_memory_limit(base, terminal):
    ok("up", "julie", "-d", "--memory-limit", "50MB")
    hand = terminal("worker", "bob", "--connect", "default", "--memory-limit", "50 MB")
    hand.expect("joined run default")
    ok("add", "eve")
    with fp.connect() as sim:
        until(lambda: sim.sync() or "bob" in sim)
        for worker in sim:
            p = fp.tensor(np.ones(1_000_000)).send(worker)
            with pytest.raises(fp.WorkerOutOfMemory):
                p.reshape((-1, 1)).__add__(p.reshape((1, -1))[:, :1000]).get()
            assert float(p.sum().get()) == 1_000_000


@pytest.mark.parametrize("size", ["much", "0", "-1", "1 XB", ""])
def test_what_is_no_size(base, size):
    assert "is no size" in refused(2, "up", "julie", "-d", "--memory-limit", size)[0]
