"""Connections that are cut while both ends live: a client resumes its session, a worker is lost."""

import os
import signal
import subprocess
import sys
import threading
import time

import numpy as np
import pytest

import farptr as fp
from tests.behaviour.far import sent
from tests.chaos import links
from tests.conftest import alive

pytestmark = pytest.mark.skipif(
    not hasattr(os, "pidfd_open"), reason="cutting a connection from outside needs Linux 5.6"
)


def address(run):
    return run._running.info.address


def cut(run, pid):
    if not links.can_cut(pid):
        pytest.skip("this system does not let one process cut another's connection")
    assert links.cut(pid, address(run)), "there was no connection to cut"


def use_until(p, until_s):
    while time.monotonic() < until_s:
        p.get_copy()


def test_a_client_that_is_cut_goes_on_as_if_nothing_had_happened(processes):
    run = processes.to_be_cut("julie", "toby")
    p = sent([0, 0], tuple(run)[:1])
    for i in range(20):
        p += 1
        cut(run, os.getpid())
        assert p.get_copy().tolist() == [i + 1, i + 1]
    run.sync()
    assert run.leaks() == []


def test_nothing_is_lost_or_run_twice_when_it_is_cut_all_the_time(processes):
    """Batches, large arrays both ways, chains and moves, while somebody cuts every few milliseconds.

    Five times at most for each step forward: on a slow machine a session would never be resumed, and expire.
    """
    run = processes.to_be_cut("julie", "toby")
    julie, toby = run
    over, cuts, since = threading.Event(), [], []

    def break_it():
        while not over.wait(0.01):
            if len(since) < 5:
                since.append(links.cut(os.getpid(), address(run)))
                cuts.append(since[-1])

    breaker = threading.Thread(target=break_it)
    count, large = sent([0], (julie,)), np.arange(50_000.0)
    breaker.start()
    try:
        until_s, done = time.monotonic() + 2.0, 0
        while time.monotonic() < until_s:
            for _ in range(50):
                count += 1
            done += 50
            since.clear()
            there = fp.tensor(large).send(julie).move(toby) + done
            assert there.get()[-1] == large[-1] + done
            assert (fp.tensor([done]).send(julie).send(toby) * 2).get().get().tolist() == [2 * done]
            assert count.get_copy().tolist() == [done]
    finally:
        over.set()
        breaker.join()
    assert sum(cuts) > 10
    del there
    run.sync()
    assert [len(worker._objects) for worker in run] == [1, 0]
    assert run.leaks() == []


def test_a_client_that_waits_for_nothing_notices_too(processes):
    """Its commands run, and what it lets go of is freed, without another call of its."""
    run, watcher = processes.to_be_cut("julie"), None
    try:
        p = sent([1, 2], tuple(run))
        run.sync()
        watcher = fp.connect(run.name)
        cut(run, os.getpid())  # of both: they are this process's
        del p
        deadline_s = time.monotonic() + 5
        while watcher["julie"].count():
            assert time.monotonic() < deadline_s, "it was not freed"
    finally:
        if watcher is not None:
            watcher.close()


def test_an_idle_worker_that_is_cut_is_lost_within_a_second(processes):
    run = processes.to_be_cut("julie", "toby")
    julie, toby = run
    p, pid = sent([1], (julie,)), run.pids["julie"]
    run.sync()
    began_s = time.monotonic()
    cut(run, pid)
    with pytest.raises(fp.WorkerLost, match="julie"):
        use_until(p, began_s + 5)
    assert time.monotonic() - began_s < 1.0
    while alive(pid):
        assert time.monotonic() < began_s + 5, "it lives on"
    assert sent([2], (toby,)).get().tolist() == [2]


@pytest.mark.slow
def test_a_session_that_is_not_resumed_in_time_expires(processes):
    """A client that is stopped while its connection is cut, for longer than the lease, while there is news for it."""
    run = processes.to_be_cut("julie")
    client = subprocess.Popen([sys.executable, "-c", CLIENT, run.name], stdout=subprocess.PIPE, text=True)
    try:
        assert client.stdout.readline() == "here\n"
        os.kill(client.pid, signal.SIGSTOP)
        cut(run, client.pid)
        run.add("toby")  # news, which cannot be told
        assert run["julie"].count() == 1
        deadline_s = time.monotonic() + 20
        while run["julie"].count():
            assert time.monotonic() < deadline_s, "what it held is not freed"
            time.sleep(0.05)
        os.kill(client.pid, signal.SIGCONT)
        assert client.communicate(timeout=20)[0] == "False\n" * 2
    finally:
        client.kill()
        client.communicate()


CLIENT = """
import sys
import farptr as fp
run = fp.connect(sys.argv[1])
p = fp.tensor([1, 2]).send(run["julie"])
run.sync()
print("here", flush=True)
told = 0
while told < 2:
    try:
        p.get_copy()
    except fp.SessionExpired as error:
        told += 1
        print(error.definite, flush=True)
"""
