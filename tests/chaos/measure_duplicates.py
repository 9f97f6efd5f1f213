"""Envelopes that come twice: nothing is run twice, on real sockets, whoever sent it and wherever it goes."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import random
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import farptr as fp
from farptr.launch.rundir import find
from tests.chaos import measure_proxy
from tests.chaos.measure_lifetimes import left
from tests.chaos.measure_tools import until

AGAIN = 100_000
WORKERS = ("julie", "toby", "carol")
CHECK_EACH = 50


@contextlib.contextmanager
def process(*words, ready):
    """A farptr command in the foreground, until the block is over."""
    started = subprocess.Popen(
        [sys.executable, "-m", "farptr", *words], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        until(lambda: started.poll() is not None or ready(), pause_s=0.01)
        assert started.poll() is None, f"farptr {words[0]} has ended"
        yield started
    finally:
        started.send_signal(signal.SIGINT)
        started.wait(10)


def is_up(name):
    with contextlib.suppress(fp.NoRun):
        return bool(find(name).address)
    return False


@contextlib.contextmanager
def run_behind_proxy(seed):
    """A run whose every connection goes through a proxy; (a client of it, how to ask the proxy)."""
    name, context = f"again-{os.getpid()}", multiprocessing.get_context("spawn")
    with contextlib.ExitStack() as stack:
        front = f"ipc://{stack.enter_context(tempfile.TemporaryDirectory(prefix='fp-', dir='/tmp'))}/front"
        stack.enter_context(process("broker", "-c", name, ready=lambda: is_up(name)))
        ours, theirs = context.Pipe()
        proxy = context.Process(target=measure_proxy.serve, args=(front, find(name).address, seed, theirs), daemon=True)
        proxy.start()
        theirs.close()
        stack.callback(proxy.join, 10)
        stack.callback(lambda: ours.send("end"))
        assert ours.recv() == "ready"
        observer = stack.enter_context(fp.connect(name))
        for worker in WORKERS:
            stack.enter_context(process("worker", worker, "--connect", front, ready=lambda w=worker: _has(observer, w)))

        def asked():
            ours.send("counts")
            return ours.recv()

        yield stack.enter_context(fp.connect(front)), asked
    assert not Path(front.removeprefix("ipc://")).exists()


def _has(run, name):
    run._session.ask_broker("parties")
    return name in run


class Work:
    """Objects that are increased; each must be what was issued, however it was reached."""

    def __init__(self, run, seed):
        self.run, self.chance, self.objects, self.wrong, self.effects = run, random.Random(seed), [], [], 0

    def step(self):
        run, chance = self.run, self.chance
        if len(self.objects) < 10:
            pointer = fp.tensor([0])
            for worker in chance.sample(run.workers, chance.choice((1, 1, 2, 3))):
                pointer = pointer.send(worker)
            self.objects.append([pointer, 0])
        entry = chance.choice(self.objects)
        act = chance.random()
        if act < 0.02 and entry[0].location is not None:
            entry[0].move(chance.choice(run.workers))
        elif act < 0.04:
            self.check(entry)
            self.objects = [other for other in self.objects if other is not entry]  # == would compare the data
        elif act < 0.1:
            entry[0] * 2  # a result at each hop, dropped at once
        else:
            entry[0] += 1
            entry[1] += 1
            self.effects += 1
        run.flush()

    def look(self):
        for entry in self.objects[:2]:
            self.check(entry)

    def check(self, entry):
        value = entry[0].get_copy()
        while isinstance(value, fp.Pointer):
            value = value.get_copy()
        if int(value[0]) != entry[1]:
            self.wrong.append(f"increased {int(value[0])} times, issued {entry[1]}")

    def finish(self):
        for entry in self.objects:
            self.check(entry)
        self.objects.clear()
        self.run.sync()


def duplicates(short):
    """100,000 envelopes sent again, at once and later, by clients and workers and to workers: 0 run twice."""
    wanted, count = AGAIN // 50 if short else AGAIN, 0
    with run_behind_proxy(seed=1) as (run, asked):
        work = Work(run, seed=2)
        while count < wanted:
            for _ in range(CHECK_EACH):
                work.step()
            work.look()
            count = sum(asked().values())
        work.finish()
        wrong = work.wrong + left(run)
        again = asked()
    by = {" ".join(key): number for key, number in sorted(again.items())}
    for needed in ("to the broker COMMAND", "to the broker NOTE", "to a worker COMMAND"):
        if not any(needed in key for key in by):
            wrong.append(f"no envelope was sent again {needed}")
    return {
        "sent_again": sum(again.values()), "by": by, "effects_issued": work.effects,
        "run_twice": len(work.wrong), "wrong": wrong,
    }  # fmt: skip
