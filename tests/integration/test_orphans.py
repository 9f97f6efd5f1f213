"""Nothing outlives a run: however its owner, its supervisor or its broker ends, with real workers."""

from __future__ import annotations

import contextlib
import gc
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import psutil
import pytest

import farptr as fp
from farptr.launch.rundir import list_runs
from tests.conftest import alive, pids_of, until

ROOT = Path(__file__).parents[2]

OWNER = """
import json, os, signal, sys
import farptr as fp
sim = fp.up("julie", "toby", "alice")
julie, toby, alice = sim
kept = [fp.tensor([i]).send(julie).send(toby) for i in range(10)]
kept += [p + 1 for p in kept]
sim.sync()
info = sim._running.info
pids = [info.supervisor_pid, info.broker_pid, *info.workers.values()]
print(json.dumps([pids, str(info.directory)]), flush=True)
{end}
"""
ENDS = {
    "close": ("sim.close()", None, 0),
    "exit without close": ("", None, 0),
    "exception": ("raise KeyError('oh')", None, 1),
    "sys.exit": ("sys.exit(3)", None, 3),
    "os._exit": ("os._exit(4)", None, 4),
    "abort": ("os.abort()", None, -signal.SIGABRT),
    "kill -9": ("signal.pause()", signal.SIGKILL, -signal.SIGKILL),
    "Ctrl-C": ("signal.pause()", signal.SIGINT, -signal.SIGINT),
    "Ctrl-C while it waits": ("toby['x'] if 0 else [sim.sync() for _ in iter(int, 1)]", signal.SIGINT, -signal.SIGINT),
    "SIGTERM": ("signal.pause()", signal.SIGTERM, -signal.SIGTERM),
    "kill -9 while it sends": ("while 1: kept[0] + 1", signal.SIGKILL, -signal.SIGKILL),
    "a forked child lives on": ("os._exit(0) if os.fork() else signal.alarm(5) or signal.pause()", None, 0),
}


@contextlib.contextmanager
def owner(end):
    """A process that owns a run: it, the pids of the run, and the run's directory."""
    process = subprocess.Popen(
        [sys.executable, "-c", OWNER.format(end=end)], cwd=ROOT, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, start_new_session=True,
    )  # fmt: skip
    try:
        pids, directory = json.loads(process.stdout.readline())
        yield process, pids, Path(directory)
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)  # and its forked child, if it has one
        process.wait()
        process.stdout.close()


@pytest.mark.parametrize("how", ENDS)
def test_nothing_outlives_its_owner(how):
    end, sent, code = ENDS[how]
    with owner(end) as (process, pids, directory):
        if sent is not None:
            assert all(map(alive, pids))
            process.send_signal(sent)
        assert process.wait(10) == code
        until(lambda: not any(map(alive, pids)))
        until(lambda: not directory.exists())


@pytest.mark.parametrize("victims", [(0,), (1,), (0, 1), (0, 1, 2, 3, 4)], ids=["supervisor", "broker", "both", "all"])
def test_nothing_outlives_its_supervisor_or_broker(victims):
    with owner("signal.pause()") as (process, pids, directory):
        for i in victims:
            os.kill(pids[i], signal.SIGKILL)
        until(lambda: not any(map(alive, pids)))
        assert process.poll() is None
        process.terminate()
        process.wait(10)
        if victims in ((0,), (1,)):
            until(lambda: not directory.exists())


def test_the_owners_own_close_sweeps_what_a_killed_run_left(runtime_dir):
    run = fp.up("julie")
    pids, directory = pids_of(run), run._running.info.directory
    for pid in (pids[1], pids[0]):
        os.kill(pid, signal.SIGSTOP)
    for pid in (pids[1], pids[0]):
        os.kill(pid, signal.SIGKILL)
    until(lambda: not any(map(alive, pids)))
    run.close()
    assert not directory.exists()


def test_a_busy_worker_ends_too():
    """One that is deep in NumPy, and looks at no socket, when its supervisor is killed."""
    with fp.up("julie") as run:
        pids = pids_of(run)
        p = fp.tensor(np.ones((1500, 1500))).send(run["julie"])
        for _ in range(200):
            p = p @ p
        run.flush()
        os.kill(pids[0], signal.SIGKILL)
        until(lambda: not any(map(alive, pids)))


def test_a_busy_worker_without_a_supervisor_ends_with_its_broker(runtime_dir):
    """Nobody ends it but its own thread that watches for the broker's end."""
    farptr = [sys.executable, "-m", "farptr"]
    with contextlib.ExitStack() as started:

        def start(*words):
            process = started.enter_context(subprocess.Popen([*farptr, *words], stderr=subprocess.DEVNULL))
            started.callback(process.kill)
            return process

        broker = start("broker", "-c", "team")
        until(lambda: "team" in [run.name for run in list_runs()])
        worker = start("worker", "julie", "--connect", "team")
        with fp.connect("team") as run:
            until(lambda: run.sync() or "julie" in [w.name for w in run])
            p = fp.tensor(np.ones((3000, 3000), int)).send(run["julie"])  # integers: no BLAS, a minute's work
            kept = p @ p
            run.flush()
            until(lambda: psutil.Process(worker.pid).cpu_times().user > 2.0, patience_s=60)
            broker.terminate()
            assert worker.wait(30) == 1, "left undone"
            del kept


def test_closing_does_not_wait_for_a_busy_worker():
    with fp.up("julie") as run:
        pids = pids_of(run)
        p = fp.tensor(np.ones((1500, 1500))).send(run["julie"])
        for _ in range(200):
            p = p @ p
        run.close()
        until(lambda: not any(map(alive, pids)))


def test_a_run_lives_as_long_as_anything_of_it():
    run = fp.up("julie", "toby")
    pids = pids_of(run)
    julie, toby = run
    p = fp.tensor([1]).send(julie)
    del run, julie, toby
    gc.collect()
    assert p.get_copy().tolist() == [1]
    del p
    gc.collect()
    until(lambda: not any(map(alive, pids)))


def test_a_connection_that_is_dropped_is_a_client_that_leaves():
    with fp.up("julie") as run:
        other = fp.connect(run._running.info.address)
        p = fp.tensor([1]).send(other["julie"])
        other.sync()
        assert len(run["julie"]._objects) == 1
        del other, p
        gc.collect()
        until(lambda: len(run["julie"]._objects) == 0)
        assert [row[2] for row in run._session.ask_broker("parties")].count("client") == 1


def test_an_exception_in_the_block_ends_the_run():
    with pytest.raises(ZeroDivisionError), fp.up("julie") as run:  # noqa: PT012
        pids = pids_of(run)
        1 / 0  # noqa: B018
    assert not any(map(alive, pids))


def test_ctrl_c_reaches_no_worker():
    """A terminal sends it to a whole foreground group; workers are in none of the owner's."""
    with fp.up("julie") as run:
        assert all(os.getpgid(pid) != os.getpgid(0) for pid in pids_of(run))
        for pid in pids_of(run)[1:]:
            os.kill(pid, signal.SIGINT)
        run.sync()
        assert all(map(alive, pids_of(run)))
