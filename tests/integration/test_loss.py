"""Processes that die or stop under a client: a named error in bounded time, and the others go on."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest

import farptr as fp
from tests.behaviour.far import sent
from tests.chaos.measure_tools import stopped
from tests.conftest import alive, pids_of, until

ROOT = Path(__file__).parents[2]
QUICKLY_S = 2.0
STUCK = r"no answer within 0\.3 s.*julie has \d+ to do|worker julie does not answer: its process is stopped"


@contextlib.contextmanager
def quickly():
    began_s = time.monotonic()
    yield
    assert time.monotonic() - began_s < QUICKLY_S


@pytest.fixture
def run():
    with fp.up("julie", "toby", "alice") as run:
        yield run


def kill(run, name, number=signal.SIGKILL):
    pid = run.pids[name]
    os.kill(pid, number)
    until(lambda: not alive(pid))


# ---------------------------------------------------------------- a worker


def test_a_killed_worker_is_named_with_its_signal(run):
    p, q = sent([1], (run["julie"],)), sent([2], (run["toby"],))
    run.sync()
    with stopped(run.pids["julie"]):
        threading.Timer(0.1, kill, (run, "julie")).start()
        with quickly(), pytest.raises(fp.WorkerLost) as told:
            p.get()
    text = str(told.value)
    assert "worker julie is gone" in text
    assert "killed by signal 9 (SIGKILL)" in text
    assert isinstance(told.value, ConnectionError)
    assert not told.value.definite
    assert q.get().tolist() == [2]


@pytest.mark.parametrize(("number", "words"), [(signal.SIGSEGV, "SIGSEGV"), (signal.SIGTERM, "")])
def test_other_ends(run, number, words):
    p = sent([1], (run["julie"],))
    run.sync()
    kill(run, "julie", number)
    with quickly(), pytest.raises(fp.WorkerLost, match=f"worker julie is gone.*{words}"):
        p.get()


def test_a_loss_says_who_how_where_and_what_was_waited_for(run):
    julie, toby, alice = run
    pp, x = sent([1], (toby, julie)), sent([2], (toby,))
    run.sync()
    epoch = toby.number
    with stopped(run.pids["toby"]):
        threading.Timer(0.2, kill, (run, "toby")).start()
        with quickly(), pytest.raises(fp.WorkerLost) as caught:
            x.get_copy()
    error = caught.value
    assert (error.worker, error.epoch, error.returncode, error.hop) == ("toby", epoch, -9, 0)
    assert error.command.startswith("to get ")
    assert f"toby:{x.id_at_location}" in error.command
    with stopped(run.pids["alice"]):
        threading.Timer(0.2, kill, (run, "alice")).start()
        with quickly(), pytest.raises(fp.WorkerLost) as caught:
            sent([3], (alice, julie)).shape  # noqa: B018
    assert (caught.value.worker, caught.value.hop) == ("alice", 1)
    assert caught.value.command.startswith("for the shape of ")
    with pytest.raises(fp.WorkerLost) as caught:
        pp + 1
    assert (caught.value.hop, caught.value.command, caught.value.outcome) == (1, "", "not-started")


def test_everything_about_a_dead_worker_says_so_at_once(run):
    julie, toby, _ = run
    p = sent([1, 2], (julie,))
    pp = sent([1, 2], (julie, toby))
    own = sent([5], (toby,))
    run.sync()
    kill(run, "julie")
    until(lambda: "julie" not in run or run.sync())
    calls = (
        p.get, p.get_copy, lambda: p + 1, lambda: p.shape, lambda: float(p[0]), lambda: p.move(toby), lambda: pp + 1,
        lambda: pp.shape, lambda: fp.tensor([1]).send(julie), lambda: own.send(julie), lambda: own.move(julie),
        lambda: julie._objects, julie.clear_objects, lambda: julie["x"],
    )  # fmt: skip
    for call in calls:
        with quickly(), pytest.raises(fp.WorkerLost, match="worker julie"):
            call()
    with pytest.raises(fp.UnknownWorker, match="no worker called 'julie'"):
        run["julie"]
    assert repr(julie) == "<VirtualWorker id:julie #objects:?>"
    assert repr(p).endswith(f"-> julie:{p.id_at_location}]")
    assert [w.name for w in run] == ["toby", "alice"]
    assert own.get().tolist() == [5]
    run.sync()


def test_the_middle_of_a_chain_dies(run):
    julie, toby, alice = run
    ppp = sent([1], (julie, toby, alice))
    run.sync()
    kill(run, "toby")
    with quickly(), pytest.raises(fp.WorkerLost, match=r"worker toby .*is gone"):
        (ppp + 1).get().get().get()
    del ppp
    until(lambda: len(julie._objects) == 0)
    assert len(alice._objects) == 0


def test_a_death_while_commands_are_under_way(run):
    julie, toby, _ = run
    p, pp = sent(np.ones(1000), (toby,)), sent(np.ones((600, 600)), (julie, toby))
    threading.Timer(0.05, kill, (run, "julie")).start()
    with pytest.raises(fp.WorkerLost, match="julie"):  # noqa: PT012 - the first command after it
        while True:
            q = pp @ pp
            q.shape  # noqa: B018
    del pp, q
    run.sync()
    assert float(p.sum()) == 1000
    assert len(toby._objects) == 1


def test_sync_does_not_wait_for_the_dead(run):
    pp = sent([1], (run["julie"], run["toby"]))
    with stopped(run.pids["julie"]):
        for _ in range(100):
            pp += 1
        threading.Timer(0.1, kill, (run, "julie")).start()
        with quickly(), pytest.raises(fp.WorkerLost, match="commands were under way to it") as caught:
            run.sync()
    error = caught.value
    assert (error.worker, error.returncode, error.outcome, error.definite) == ("julie", -9, "unknown", False)
    run.sync()  # it was told of once


def test_what_is_not_even_sent_surely_had_no_effect(run):
    p = sent([1], (run["julie"],))
    run.sync()
    kill(run, "julie")
    until(lambda: run.sync() or "julie" not in run)
    with pytest.raises(fp.WorkerLost) as caught:
        p + 1
    assert (caught.value.outcome, caught.value.definite, caught.value.returncode) == ("not-started", True, -9)
    run.sync()


def test_a_pointer_to_a_worker_that_was_started_again(run):
    p = sent([1], (run["julie"],))
    run.sync()
    old = run["julie"]
    kill(run, "julie")
    until(lambda: run.sync() or "julie" not in run)
    run.add("julie")
    with pytest.raises(
        fp.StalePointer, match=r"worker julie is gone(.|\n)*send the data to sim\['julie'\] anew"
    ) as caught:
        p.get()
    assert caught.value.epoch == old.number != run["julie"].number
    assert sent([2], (run["julie"],)).get().tolist() == [2]


def test_the_other_client_is_told_too(run):
    with fp.connect(run._running.info.address) as other:
        p = sent([1], (other["julie"],))
        other.sync()
        kill(run, "julie")
        with quickly(), pytest.raises(fp.WorkerLost, match="julie"):
            p.get()


# ---------------------------------------------------------------- a worker that is stopped or busy


def test_a_stopped_worker_is_a_deadline_and_then_all_is_well():
    with fp.up("julie", "toby", timeout=0.3) as run:
        p, q = sent([1], (run["julie"],)), sent([2], (run["toby"],))
        run.sync()
        with stopped(run.pids["julie"]):
            for call in (p.get, lambda: p.shape):
                with quickly(), pytest.raises(fp.DeadlineExceeded, match=STUCK) as caught:
                    call()
                assert str(p.id_at_location) in caught.value.where
                assert caught.value.queues.get("julie", 1) >= 1
            assert q.get_copy().tolist() == [2]
            for call in (lambda: run["julie"]._objects, lambda: run.sync(timeout=0.3)):
                with quickly(), pytest.raises(fp.DeadlineExceeded, match=STUCK):
                    call()
        run.timeout = 30
        assert isinstance(p.get_copy(), fp.tensor)
        assert p.get().tolist() == [1]
        assert q.get().tolist() == [2]
        run.sync()
        assert [len(w._objects) for w in run] == [0, 0]


def test_a_deadline_is_a_timeout_error_and_indefinite():
    with fp.up("julie") as run:
        p = sent([1], tuple(run))
        run.sync()
        with stopped(run.pids["julie"]), pytest.raises(TimeoutError) as told:
            p.get(timeout=0.1)
        assert not told.value.definite
        assert p.get(timeout=None).tolist() == [1]


SLOWLY = """
import sys, time
from farptr.worker.core import WorkerCore
from farptr.worker.shell import serve

turn = WorkerCore.turn
def slowly(core, envelope):
    time.sleep(float(sys.argv[2]))
    return turn(core, envelope)
WorkerCore.turn = slowly
serve("sloth", sys.argv[1])
"""


@contextlib.contextmanager
def sloth(run, each_s):
    """One more worker of a run, that takes this long for each envelope however fast the machine is; its pid."""
    process = subprocess.Popen([sys.executable, "-c", SLOWLY, run._running.info.address, str(each_s)], cwd=ROOT)
    try:
        until(lambda: "sloth" in run or run.sync())
        yield process.pid
    finally:
        process.kill()
        process.wait()


def test_progress_is_no_reason_to_give_up():
    """A long honest queue takes longer than the timeout; each command alone does not.

    How long is up to the worker's sleeps. The machine must only be fast enough for one of them in half a timeout
    (``tests/unit/client/test_patience.py`` has the exact times, by a clock of its own).
    """
    each_s, count = 0.05, 50
    with fp.up("julie") as run, sloth(run, each_s) as pid:
        p = fp.tensor([0]).send(run["sloth"])
        run.sync()
        with stopped(pid):
            for _ in range(count):
                p += 1
                run.flush()
            until(lambda: run._session.ask_broker("progress")["under_way"] == count)
            began_s = time.monotonic()
        assert p.get_copy(timeout=count * each_s / 2).tolist() == [count]
        assert time.monotonic() - began_s >= count * each_s


def test_a_pointer_that_arrives_after_its_deadline_is_released():
    with fp.up("julie", "toby") as run:
        pp = sent([1], tuple(run))
        run.sync()
        with stopped(run.pids["toby"]):
            for _ in range(3):
                with pytest.raises(fp.DeadlineExceeded):
                    pp.get_copy(timeout=0.05)
        run.sync()
        del pp
        assert [len(w._objects) for w in run] == [0, 0]


# ---------------------------------------------------------------- a worker that is stopped


def test_a_stopped_worker_is_known_within_a_second_and_delays_nobody_else(run):
    p, q = sent([1], (run["julie"],)), sent([2], (run["toby"],))
    run.sync()
    with stopped(run.pids["julie"]):
        began_s = time.monotonic()
        for call in (p.get_copy, run.sync, lambda: run["julie"]._objects):
            with quickly(), pytest.raises(fp.WorkerUnresponsive, match="worker julie does not answer: its process is"):
                call()
            # What was given up holds nobody: the other worker, and inspections of it, go on.
            assert (q + 1).get().tolist() == [3]
        assert time.monotonic() - began_s < 10
        q += 1
    assert p.get().tolist() == [1]
    assert q.get().tolist() == [3]
    run.sync()
    assert [len(w._objects) for w in run] == [0, 0, 0]


def test_who_waits_for_ever_waits_for_a_stopped_worker(run):
    p = sent([1], (run["julie"],))
    run.sync()
    with stopped(run.pids["julie"]):
        threading.Timer(1.0, os.kill, (run.pids["julie"], signal.SIGCONT)).start()
        assert p.get_copy(timeout=None).tolist() == [1]


def test_a_stopped_worker_takes_only_so_much_and_others_go_on(run):
    p, q = fp.tensor(np.ones(50_000)).send(run["julie"]), sent([0], (run["toby"],))
    big = np.ones(50_000)
    run.sync()
    with stopped(run.pids["julie"]):
        with pytest.raises((fp.Overloaded, fp.WorkerUnresponsive)) as caught:  # noqa: PT012
            for _ in range(10_000):
                p += big
        assert caught.value.where == "for the workers to catch up"
        for _ in range(20_000):
            q += 1
        assert q.get_copy().tolist() == [20_000]
        queued = run._session.ask_broker("progress")["queues"]["julie"]
        assert queued < 100
    run.sync()
    del p


def test_the_order_of_a_program_survives_a_sync_that_was_given_up(run):
    """What was issued before it, on a longer way, is not overtaken by what comes after it."""
    x = sent([1], (run["julie"],))
    xx = x.clone().send(run["toby"])
    run.sync()
    with stopped(run.pids["toby"]):
        xx += 1
        with pytest.raises(fp.DeadlineExceeded):
            run.sync(timeout=0.2)
        x *= 10
        run.flush()
    assert x.get_copy().tolist() == [20]
    del xx


# ---------------------------------------------------------------- the broker, the supervisor


@pytest.mark.parametrize("which", [0, 1], ids=["supervisor", "broker"])
def test_the_end_of_the_broker_is_the_end_of_the_run(which):
    with fp.up("julie") as run:
        p = sent([1], tuple(run))
        run.sync()
        pids = pids_of(run)
        os.kill(pids[which], signal.SIGKILL)
        with quickly(), pytest.raises(fp.BrokerLost, match=r"the broker of run .* is gone"):  # noqa: PT012
            while True:
                p.get_copy()
        for call in (p.get, run.sync, run.traffic, lambda: fp.tensor([1]).send(run._session and p.location).get()):
            with quickly(), pytest.raises(fp.BrokerLost):
                call()
        assert "PointerTensor" in repr(p)
        until(lambda: not any(map(alive, pids)))


def test_the_broker_dies_while_a_client_waits():
    with fp.up("julie") as run:
        p = sent([1], tuple(run))
        run.sync()
        with stopped(run.pids["julie"]):
            threading.Timer(0.1, os.kill, (run._running.info.broker_pid, signal.SIGKILL)).start()
            with quickly(), pytest.raises(fp.BrokerLost):
                p.get(timeout=None)


def test_an_interrupt_while_waiting_leaves_the_session_usable():
    with fp.up("julie") as run:
        p = sent([1], tuple(run))
        run.sync()
        with stopped(run.pids["julie"]):
            threading.Timer(0.1, os.kill, (os.getpid(), signal.SIGINT)).start()
            with quickly(), pytest.raises(KeyboardInterrupt):
                p.get(timeout=None)
        assert p.get().tolist() == [1]
        run.sync()


# ---------------------------------------------------------------- on purpose


def test_an_operation_is_interrupted_and_the_worker_lives_on():
    with fp.up("julie", "toby", functions=True) as run:
        p = sent([1.0], (run["julie"],))
        run.sync()
        run.interrupt("julie")  # it is idle: nothing happens
        q = fp.tensor(np.ones((700, 700), int)).send(run["julie"])  # integers: some tenths of a second each
        slow = [q @ q for _ in range(3)]
        run.flush()
        until(lambda: run._session.ask_broker("progress")["under_way"] > 0)
        time.sleep(0.1)  # it computes by now, or soon: the interrupt is repeated until it has met something
        deadline_s = time.monotonic() + 20
        while run._session.ask_broker("progress")["under_way"] and time.monotonic() < deadline_s:
            run.interrupt(run["julie"])
            time.sleep(0.05)
        with pytest.raises((fp.Interrupted, fp.SeveralFailed), match=r"interrupted on purpose|commands failed"):
            run.sync()
        assert (p + 1).get().tolist() == [2.0]
        with pytest.raises(fp.UnknownWorker, match=r"did you mean 'julie'"):
            run.interrupt("julei")
        del slow


@pytest.mark.parametrize("hops", [1, 2, 5])
def test_a_death_names_the_worker_and_its_hop(hops):
    names = [f"w{i}" for i in range(hops)]
    for at in range(hops):
        with fp.up(*names) as run:
            p = sent([1.0], [run[name] for name in reversed(names)])
            run.sync()
            with stopped(run.pids[names[at]]):
                threading.Timer(0.05, kill, (run, names[at])).start()
                with quickly(), pytest.raises(fp.WorkerLost) as caught:
                    _ = p.shape
            assert (caught.value.worker, caught.value.hop, caught.value.returncode) == (names[at], at, -9)
            with pytest.raises(fp.WorkerLost) as caught:
                p + 1
            assert (caught.value.worker, caught.value.hop, caught.value.definite) == (names[at], at, True)
