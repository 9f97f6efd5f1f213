"""Breaking things on purpose, in Python: kill, stop, cont, restart, and workers that are started again."""

from __future__ import annotations

import os
import signal
import threading
import time

import numpy as np
import psutil
import pytest

import farptr as fp
from farptr.launch.family import _TERM_PATIENCE_S
from farptr.launch.restarts import AT_MOST
from tests.conftest import alive, pids_of, until
from tests.conftest import until as until_slowly

AGAIN = "a new one takes its place"


@pytest.fixture
def run():
    with fp.up("julie", "toby") as run:
        yield run


def ending(run, number):
    return run._session.core.parties.lost[number]


def is_stopped(pid):
    return psutil.Process(pid).status() == psutil.STATUS_STOPPED


def heard(run, name):
    """Whether this client has heard by now that a worker is here."""
    run._session.ask_broker("parties")
    return name in run


@pytest.fixture
def shard(tmp_path):
    path = tmp_path / "shard.npz"
    np.savez(path, x=np.arange(3))
    return path


# ---------------------------------------------------------------- kill


@pytest.mark.parametrize(("number", "code"), [(signal.SIGKILL, -9), ("segv", -11), ("SIGABRT", -6), ("9", -9)])
def test_after_kill_this_client_knows_how_it_ended(run, number, code):
    julie, toby = run
    p = fp.tensor([1]).send(julie)
    pid = run.pids["julie"]
    run.sync()
    run.kill("julie", signal=number)
    assert not alive(pid)
    assert "julie" not in run
    assert ending(run, julie.number).returncode == code
    with pytest.raises(fp.WorkerLost, match=signal.Signals(-code).name) as told:
        p.get()
    assert told.value.returncode == code
    assert "sim.restart('julie')" in told.value.hint
    assert fp.tensor([2]).send(toby).get().tolist() == [2]


def test_kill_takes_a_worker_too_and_sigkill_by_default(run):
    julie, _ = run
    run.kill(julie)
    assert ending(run, julie.number).returncode == -signal.SIGKILL


def test_a_stopped_worker_can_be_killed(run):
    run.stop("julie")
    run.kill("julie")
    assert [worker.name for worker in run] == ["toby"]


def test_a_polite_end(run):
    run.kill("julie", signal.SIGTERM)
    assert "julie" not in run
    until(lambda: not alive(pids_of(run)[2]))


def test_a_signal_that_does_not_help_is_told_in_time(run):
    with pytest.raises(fp.DeadlineExceeded, match=r"julie lives on after SIGINT \(waited 0\.3 s\)"):
        run.kill("julie", signal.SIGINT, timeout=0.3)  # workers leave that to their owner
    assert fp.tensor([1]).send(run["julie"]).get().tolist() == [1]


@pytest.mark.parametrize(
    ("number", "words"),
    [("SIGSTOP", "sim.stop"), ("CONT", "sim.cont"), (signal.SIGUSR1, "sim.interrupt"), ("WINCH", "SIGKILL")],
)
def test_signals_that_end_nothing(run, number, words):
    with pytest.raises(fp.UsageError, match="does not end a process") as caught:
        run.kill("julie", number)
    assert words in caught.value.hint
    assert "julie" in run


@pytest.mark.parametrize("number", ["SIGNOSUCH", "0", 0, 9999, ""])
def test_no_signal(run, number):
    with pytest.raises(fp.UsageError, match="there is no signal"):
        run.kill("julie", number)
    assert len(run) == 2


def test_whom_to_kill(run):
    for act in (run.kill, run.stop, run.cont, run.restart):
        with pytest.raises(fp.UnknownWorker) as caught:
            act("jule")
        assert caught.value.hint == "did you mean 'julie'?"
    julie = run["julie"]
    run.kill(julie)
    for act in (run.kill, run.stop, run.cont):
        with pytest.raises(fp.UnknownWorker, match="no worker called 'julie'") as caught:
            act(julie)
        assert caught.value.hint == (
            "it is gone: it was killed by signal 9 (SIGKILL); sim.restart('julie') brings it back"
        )
    with fp.up("julie") as other, pytest.raises(fp.UsageError, match="another run"):
        run.kill(other["julie"])


def test_everybody_knows_when_the_broker_is_killed():
    run = fp.up("julie", name="team")
    pids = pids_of(run)
    with fp.connect("team") as other:
        run.kill("broker")
        for client in (run, other):
            with pytest.raises(fp.BrokerLost, match="the broker of run 'team' is gone"):
                client.sync()
            with pytest.raises(fp.BrokerLost):
                client.kill("broker")
    run.close()
    until(lambda: not any(map(alive, pids)))


# ---------------------------------------------------------------- stop, cont


def test_stop_and_cont(run):
    julie, toby = run
    pid = run.pids["julie"]
    p = fp.tensor([1, 2]).send(julie)
    run.sync()
    run.stop("julie")
    assert is_stopped(pid)
    q = p + p
    with pytest.raises((fp.WorkerUnresponsive, fp.DeadlineExceeded)):
        q.get(timeout=1.5)
    assert fp.tensor([3]).send(toby).get().tolist() == [3]
    run.cont(julie)
    assert not is_stopped(pid)
    assert (p + p).get().tolist() == [2, 4], "and nobody takes it for stopped"


@pytest.fixture
def stopped(processes):
    """A run whose julie is stopped and has work, as its broker knows."""
    run = processes("julie", "toby", "carol", own=True)
    p = fp.tensor([1]).send(run["julie"])
    run.sync()
    run.stop("julie")
    p += 1
    with pytest.raises(fp.WorkerUnresponsive):
        p.get()
    yield run
    run.cont("julie")


def test_who_waits_in_sync_for_a_stopped_worker_keeps_nobody_else_waiting(stopped, processes):
    other = processes.another(stopped)
    waiting = threading.Thread(target=lambda: other.sync(timeout=None))
    waiting.start()
    until(lambda: other._session.link.leader is not None)
    for _ in range(5):
        assert fp.tensor([1]).send(stopped["toby"]).get(timeout=3).tolist() == [1]
    assert waiting.is_alive()
    stopped.cont("julie")
    waiting.join(10)
    assert not waiting.is_alive()


def test_who_joins_while_a_worker_is_stopped_is_told_of_it(stopped, processes):
    other = processes.another(stopped)
    began_s = time.monotonic()
    with pytest.raises(fp.WorkerUnresponsive, match="julie does not answer: its process is stopped"):
        fp.tensor([1]).send(other["julie"]).get()
    assert time.monotonic() - began_s < 10


def test_who_waits_behind_a_fence_for_a_stopped_worker_is_told_of_it(stopped):
    """Toby is asked, behind two commands for julie that take different ways: the second must not overtake the first."""
    julie, toby, carol = stopped
    x = fp.tensor([5]).send(toby)
    y = fp.tensor([1]).send(julie)
    by_toby, by_carol = y.clone().send(toby), y.send(carol)
    by_toby += 1
    by_carol += 1
    began_s = time.monotonic()
    with pytest.raises(fp.WorkerUnresponsive, match="julie does not answer"):
        (x + 1).get_copy()
    assert time.monotonic() - began_s < 10
    stopped.cont("julie")
    assert ((x + 1).get_copy().tolist(), by_toby.get().get().tolist()) == ([6], [3])


def test_the_end_of_a_run_does_not_wait_for_a_stopped_worker():
    times_s = []
    for _ in range(3):
        run = fp.up("julie", "toby")
        run.stop("julie")
        began_s = time.monotonic()
        run.close()
        times_s.append(time.monotonic() - began_s)
    assert min(times_s) < _TERM_PATIENCE_S, "it was told to go on, and to end: nobody had to kill it"


def test_again_does_nothing(run):
    for act in (run.cont, run.stop, run.stop, run.cont, run.cont):
        act("julie")
    assert fp.tensor([1]).send(run["julie"]).get().tolist() == [1]


def test_the_broker_can_be_stopped(run):
    run.stop("broker")
    assert is_stopped(pids_of(run)[1])
    run.timeout = 0.2
    with pytest.raises(fp.DeadlineExceeded):
        run.sync()
    run.cont("broker")
    run.timeout = 30
    run.sync()


# ---------------------------------------------------------------- restart


def test_restart_gives_a_new_worker(shard):
    with fp.up({"julie": shard, "toby": None, "alice": None}, name="team") as run, fp.connect("team") as other:
        julie, toby, _ = run
        p = fp.tensor([1]).send(julie)
        chain = fp.tensor([1]).send(julie).send(toby)
        pid = run.pids["julie"]
        new = run.restart("julie")
        assert not alive(pid)
        assert new == run["julie"]
        assert new != julie
        assert new.number > julie.number
        assert [worker.name for worker in run] == ["julie", "toby", "alice"], "it has its place again"
        assert len(new._objects) == 1
        assert new["x"].get_copy().tolist() == [0, 1, 2]
        uses = (p.get_copy, lambda: p + 1, lambda chain=chain: (chain + chain).get().get(), lambda: julie["x"])
        for use in uses:
            with pytest.raises(fp.WorkerLost, match="restarted on purpose") as caught:
                use()
            assert caught.value.epoch == julie.number
        with pytest.raises(fp.StalePointer):
            p.get()
        with pytest.raises(fp.UnknownWorker, match="this worker 'julie' is gone"):
            run.kill(julie)
        assert fp.tensor([5]).send(new).get().tolist() == [5]
        other.sync()
        assert other["julie"].number == new.number


def test_a_dead_worker_can_be_restarted(run):
    run.kill("julie")
    new = run.restart("julie")
    assert fp.tensor([1]).send(new).get().tolist() == [1]


def test_an_added_worker_can_be_restarted_and_a_removed_one_not(run):
    run.add("bob")
    run.restart("bob")
    run.remove("bob")
    with pytest.raises(fp.UnknownWorker, match="no worker called 'bob'"):
        run.restart("bob")
    with pytest.raises(fp.UnknownWorker) as caught:
        run["bob"]
    assert caught.value.hint == "it is gone: it was removed from the run"
    assert heard(run, "julie")


def test_a_worker_that_cannot_load_again(shard):
    with fp.up({"julie": shard}) as run:
        shard.unlink()
        with pytest.raises(fp.LoadFailed, match="there is no file"):
            run.restart("julie")
        assert not heard(run, "julie")
        np.savez(shard, x=np.arange(5))
        assert int(run.restart("julie")["x"].sum()) == 10


def test_restart_is_the_supervisors():
    with fp.up("julie") as run:
        os.kill(pids_of(run)[0], signal.SIGKILL)
        with pytest.raises((fp.RunError, fp.BrokerLost)):
            run.restart("julie")


# ---------------------------------------------------------------- one for one


def test_a_worker_that_dies_is_started_again(shard):
    with fp.up({"julie": shard, "toby": None}, restart=True) as run:
        julie, toby = run
        p, q = fp.tensor([1]).send(julie), fp.tensor([2]).send(toby)
        run.sync()
        run.kill("julie", signal.SIGSEGV)
        assert ending(run, julie.number).why == f"it was killed by signal 11 (SIGSEGV); {AGAIN}"
        began_s = time.monotonic()
        until(lambda: heard(run, "julie"))
        assert time.monotonic() - began_s < 1.0, "it serves again within a second"
        assert [worker.name for worker in run] == ["julie", "toby"]
        assert run["julie"] != julie
        assert len(run["julie"]._objects) == 1
        assert run["julie"]["x"].get_copy().tolist() == [0, 1, 2]
        assert q.get().tolist() == [2]
        with pytest.raises(fp.StalePointer, match="SIGSEGV"):
            p.get()


def test_who_only_looks_sees_who_comes_and_goes():
    """A program that asks nobody anything meanwhile: what has come is taken in by the look itself."""
    with fp.up("julie", "toby", restart=True) as run, fp.connect(run.name) as other:
        before = run["julie"].number
        os.kill(run.pids["julie"], signal.SIGKILL)
        until(lambda: "julie" in other and other["julie"].number != before)
        until(lambda: "julie" in run and run["julie"].number != before)
        assert fp.tensor([1]).send(run["julie"]).get().tolist() == [1]
        other.remove("toby")
        until(lambda: len(run) == 1)
        assert "toby" not in repr(run)
        with pytest.raises(fp.UnknownWorker):
            run["toby"]


def test_restart_waits_for_one_that_is_coming():
    with fp.up("julie", restart=True) as run:
        for _ in range(3):
            run.kill("julie")
            assert fp.tensor([1]).send(run.restart("julie")).get().tolist() == [1]


def test_one_that_leaves_by_itself_comes_again_and_a_removed_one_does_not():
    with fp.up("julie", "toby", restart=True) as run:
        number = run["julie"].number
        run.kill("julie", signal.SIGTERM)
        until(lambda: heard(run, "julie"))
        assert run["julie"].number != number
        run.remove("toby")
        run.restart("julie")
        assert not heard(run, "toby")


def test_one_that_dies_too_often_stays_gone_until_somebody_asks():
    with fp.up("julie", "toby", restart=True) as run:
        for _ in range(AT_MOST):
            run.kill("julie")
            until(lambda: heard(run, "julie"))
        last = run["julie"]
        p = fp.tensor([1]).send(last)
        run.kill("julie")
        why = f"it died {AT_MOST + 1} times within 30 s, and is not started again"
        with pytest.raises(fp.WorkerLost, match=why) as caught:
            p.get()
        assert "sim.restart('julie')" in caught.value.hint
        log = run._directory / "logs" / "supervisor.log"
        until(lambda: f"worker julie stays gone: {why}" in log.read_text())
        run.restart("toby")  # the supervisor has had the time to start another one, if it wanted
        assert not heard(run, "julie")
        run.restart("julie")
        run.kill("julie")
        until(lambda: heard(run, "julie"))


def test_a_restart_that_cannot_load_stays_gone(shard):
    with fp.up({"julie": shard, "toby": None}, restart=True, name="team") as run:
        shard.unlink()
        run.kill("julie")
        log = run._directory / "logs" / "supervisor.log"
        until_slowly(lambda: "worker julie stays gone: there is no file" in log.read_text())
        assert not heard(run, "julie")
        assert fp.tensor([1]).send(run["toby"]).get().tolist() == [1]


def test_work_goes_on_while_workers_die():
    """Every use of a worker that dies again and again ends in a result or a typed error."""
    with fp.up("julie", "toby", restart=True) as run:
        results = 0
        for round_ in range(4):
            run.kill("julie")
            until(lambda: heard(run, "julie"))
            p = fp.tensor(np.full(10, round_)).send(run["julie"])
            results += int((p + p).sum().get())
        assert results == 20 * (0 + 1 + 2 + 3)
        run.sync()
