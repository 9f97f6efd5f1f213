"""Futures on real processes: workers compute at the same time, threads and asyncio wait, processes die meanwhile."""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
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
from tests.conftest import alive, until
from tests.integration.test_loss import ROOT, kill, quickly, stopped

ROUNDS = 400


@pytest.fixture
def run():
    with fp.up("julie", "toby", "alice") as run:
        yield run


def names():
    return [thread.name for thread in threading.enumerate()]


def loaded(run):
    """An array on each of two workers."""
    ps = [fp.tensor(np.full(100_000, 1.0001)).send(run[name]) for name in ("julie", "toby")]
    run.sync()
    return ps


def work(p, rounds=ROUNDS):
    """Some tenths of a second of one core for a worker."""
    r = p
    for _ in range(rounds):
        r = np.sin(r)
    return r.sum()


# ---------------------------------------------------------------- at the same time


BUSY_S = 0.3


def busy(p):
    """A pointer to the same, for which its worker needs BUSY_S, whatever else the machine does."""
    with p._session.command() as core:
        core.give_up(core.cell(p.location.number, f"import time\ntime.sleep({BUSY_S})"))
    return p + 0


@pytest.mark.parametrize(
    "together",
    [
        lambda run, ps: [f.result() for f in [busy(p).get_async() for p in ps]],
        lambda run, ps: fp.gather([busy(p) for p in ps]),
        lambda run, ps: run.map(lambda w, p: busy(p), None, ps),
        lambda run, ps: asyncio.run(_gathered([busy(p).get_async() for p in ps])),
    ],
    ids=["get_async", "gather", "map", "asyncio"],
)
def test_workers_work_at_the_same_time(together):
    with fp.up("julie", "toby", functions=True) as run:
        ps = [fp.tensor([i]).send(w) for i, w in enumerate(run)]
        for _ in range(5):  # the machine may be busy with something else
            began_s = time.monotonic()
            assert together(run, ps) == [[0], [1]]
            took_s = time.monotonic() - began_s
            assert took_s >= BUSY_S
            if took_s < 0.5:
                return
    pytest.fail(f"two workers that need {BUSY_S} s each took {took_s:.2f} s together")


async def _gathered(futures):
    return await asyncio.gather(*futures)


def test_a_future_is_completed_while_nobody_waits(run):
    p = fp.tensor([1, 2]).send(run["julie"])
    done = threading.Event()
    f = p.get_async()
    f.add_done_callback(lambda _: done.set())
    assert done.wait(5)
    assert f.result().tolist() == [1, 2]
    fs = [work(q, 10).get_copy_async() for q in loaded(run)]
    assert concurrent.futures.wait(fs, timeout=5).not_done == set()
    assert set(concurrent.futures.as_completed(fs, timeout=5)) == set(fs)


def test_the_thread_is_there_for_futures_only(run):
    until(lambda: "farptr-futures" not in names())  # those of other tests
    p = fp.tensor([1]).send(run["julie"])
    p.get_copy()
    assert fp.gather([p.clone(), p.clone()]) == [[1], [1]]
    assert "farptr-futures" not in names()
    p.get_copy_async()
    assert names().count("farptr-futures") == 1
    for _ in range(10):
        p.get_copy_async().result()
    assert names().count("farptr-futures") == 1
    until(lambda: "farptr-futures" not in names())
    assert p.get_async().result().tolist() == [1]
    run.close()
    until(lambda: "farptr-futures" not in names(), 0.9)  # sooner than by itself


def test_calls_that_wait_go_on_beside_futures(run):
    p, q = loaded(run)
    fs = [work(p).get_async() for _ in range(3)]
    for i in range(200):
        assert (q[0] * 0 + i).get() == i
    assert len({float(f.result()) for f in fs}) == 1


# ---------------------------------------------------------------- asyncio


def test_await_does_not_hold_the_loop(run):
    ps = loaded(run)

    async def main():
        ticks = 0

        async def tick():
            nonlocal ticks
            while True:
                await asyncio.sleep(0.005)
                ticks += 1

        ticking = asyncio.create_task(tick())
        expected = [work(p).get() for p in ps]
        before = ticks
        one = await work(ps[0]).get_async()
        both = await asyncio.gather(*[work(p).get_async() for p in ps])
        assert ticks > before + 5
        assert [one, *both] == [expected[0], *expected]
        ticking.cancel()

    asyncio.run(main())


def test_what_is_raised_comes_through_await(run):
    julie, toby, _ = run

    async def main():
        with pytest.raises(ValueError, match="could not be broadcast"):
            await (fp.tensor([1, 2]).send(julie) + np.ones(3)).get_async()
        p = sent([1], (julie, toby))
        slow = work(loaded(run)[0])
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(slow.get_async(), 0.01)
        assert float(slow.get()) != 0  # the handle came back
        task = asyncio.ensure_future(_awaited(work(loaded(run)[0]).get_async()))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert (await p.get_async(all=True)).tolist() == [1]

    asyncio.run(main())
    assert julie.count() == toby.count() == 0


async def _awaited(future):
    return await future


# ---------------------------------------------------------------- threads


def test_many_threads_wait_for_futures(run):
    p = fp.tensor([0]).send(run["julie"])
    failed = []

    def ask(number):
        try:
            for i in range(100):
                f = (p + (100 * number + i)).get_async()
                if i % 7 == 0:
                    f.cancel()
                elif f.result(timeout=20).tolist() != [100 * number + i]:
                    failed.append((number, i))
                if i % 10 == 0:
                    fp.gather([p.clone(), p.clone()])
        except Exception as error:
            failed.append(error)

    threads = [threading.Thread(target=ask, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert not any(thread.is_alive() for thread in threads)
    assert failed == []
    run.sync()
    assert run["julie"].count() == 1


def test_a_thread_pool_maps_functions_that_wait(run):
    def train(worker):
        p = fp.tensor([1.0]).send(worker)
        while float(p) < 100:
            p *= 2
        return p.get().tolist()

    with concurrent.futures.ThreadPoolExecutor() as pool:
        assert list(pool.map(train, run)) == [[128.0]] * 3


# ---------------------------------------------------------------- what breaks meanwhile


def test_a_worker_that_is_killed_fails_its_own_futures(run):
    julie, toby, alice = run
    ps = [sent([1], way) for way in ((julie,), (julie, toby), (alice,))]
    run.sync()
    pid = run.pids["julie"]
    with stopped(pid):
        fs = [p.get_async(all=True) for p in ps]
        assert fs[2].result().tolist() == [1]
        os.kill(pid, signal.SIGKILL)
    for f, hop in zip(fs, (0, 1), strict=False):
        with quickly(), pytest.raises(fp.WorkerLost, match=r"worker julie.*is gone: .*SIGKILL") as told:
            f.result()
        assert (told.value.worker, told.value.hop) == ("julie", hop)
    with pytest.raises(fp.WorkerLost):
        ps[0].get()
    p = ps[1].get_async().result()  # that far it is there
    assert (p.location, toby.count()) == (julie, 0)
    del p
    run.sync()


def test_the_brokers_end_completes_futures(run):
    p = work(loaded(run)[0])
    fs = [p.get_copy_async() for _ in range(3)]
    g = p.get_async(timeout=None)
    called = threading.Event()
    g.add_done_callback(lambda _: called.set())
    os.kill(run._running.info.broker_pid, signal.SIGKILL)
    assert called.wait(5)
    for f in (*fs, g):
        with quickly(), pytest.raises(fp.BrokerLost, match="is gone"):
            f.result()
    until(lambda: "farptr-futures" not in names())


def test_closing_completes_futures_at_once(run):
    fs = [work(p).get_async() for p in loaded(run)]
    came = []
    for f in fs:
        f.add_done_callback(lambda f: came.append(type(f.exception())))
    began_s = time.monotonic()
    run._session.close("this run was closed")
    assert time.monotonic() - began_s < 0.9  # not the second that it would wait for the leader
    assert [f.done() for f in fs] == [True] * 2
    until(lambda: len(came) == 2)
    assert came == [fp.SessionClosed] * 2


def test_a_cut_connection_is_mended_for_futures(run):
    if not hasattr(os, "pidfd_open") or not links.can_cut(os.getpid()):
        pytest.skip("this system does not let one cut a connection from outside")
    p = work(loaded(run)[0])
    fs = [p.get_copy_async() for _ in range(3)]
    assert links.cut(os.getpid(), run._running.info.address)
    assert len({float(f.result(timeout=20)) for f in fs}) == 1
    assert len({float(x) for x in fp.gather([p.clone() for _ in range(3)])}) == 1


def test_without_progress_a_future_ends_in_time(run):
    p, q = fp.tensor([1]).send(run["julie"]), fp.tensor([2]).send(run["toby"])
    run.sync()
    with stopped(run.pids["julie"]):
        told = threading.Event()
        f, patient = p.get_copy_async(timeout=0.3), p.get_copy_async(timeout=None)
        f.add_done_callback(lambda _: told.set())
        assert told.wait(3)
        assert isinstance(f.exception(), fp.DeadlineExceeded | fp.WorkerUnresponsive)
        with quickly(), pytest.raises(fp.WorkerUnresponsive, match="worker julie does not answer: its process is"):
            p.get_copy_async().result()
        assert q.get_async().result().tolist() == [2]
        assert not patient.done()
    assert patient.result(timeout=5).tolist() == [1]


def test_a_forked_child_cannot_wait_for_its_parents_answers(run):
    f = work(loaded(run)[0]).get_async()
    called = []
    f.add_done_callback(called.append)
    read, write = os.pipe()
    pid = os.fork()
    if not pid:
        with contextlib.suppress(BaseException):
            told = type(f.exception(timeout=5)).__name__
            os.write(write, f"{told} {len(called)}".encode())
        os._exit(0)
    os.close(write)
    until(lambda: os.waitpid(pid, os.WNOHANG)[0] == pid)
    assert os.read(read, 100) == b"WrongProcess 0"
    os.close(read)
    assert float(f.result()) != 0
    assert called == [f]


def test_an_interrupt_leaves_the_future(run):
    f = work(loaded(run)[0], 10 * ROUNDS).get_async()
    threading.Timer(0.1, os.kill, (os.getpid(), signal.SIGINT)).start()
    with quickly(), pytest.raises(KeyboardInterrupt):
        f.result()
    assert float(f.result()) != 0


SCRIPT = """
import farptr as fp, numpy as np
sim = fp.up("julie")
print(*sim.pids.values(), flush=True)
p = fp.tensor(np.ones(100_000)).send(sim["julie"])
for _ in range(2000):
    p = np.sin(p)
futures = [p.get_copy_async() for _ in range(5)]
"""


def test_a_program_that_ends_with_futures_out_leaves_nothing():
    script = [sys.executable, "-c", SCRIPT]
    done = subprocess.run(script, cwd=ROOT, capture_output=True, text=True, timeout=30, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    until(lambda: not any(alive(int(pid)) for pid in done.stdout.split()))


def test_a_loss_is_told_while_nobody_waits(run):
    p = work(loaded(run)[0], 10 * ROUNDS)
    f = p.get_async()
    told = threading.Event()
    f.add_done_callback(lambda _: told.set())
    kill(run, "julie")
    assert told.wait(5)
    assert isinstance(f.exception(), fp.WorkerLost)
