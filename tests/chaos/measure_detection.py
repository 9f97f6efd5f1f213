"""How soon a caller who waits for a worker knows that it is dead, stopped, or cut off."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import threading
import time

import numpy as np

import farptr as fp
from tests.chaos import links
from tests.chaos.measure_tools import over, quantiles, until

KILL_BAR_S, STOP_BAR_S, CUT_BAR_S = 0.05, 1.0, 1.0
BUSY_ITEMS = 400_000
"""The median of so many takes some milliseconds: a worker that finds it MEDIANS times is busy for a second or more."""
MEDIANS = 300
SIDE = 1600
"""Of a square whose product with itself takes seconds."""
LATEST_S = 0.03
"""The fault comes at a random moment within this time of the caller's beginning to wait."""


class Bench:
    """One run, and a client of it that waits in a thread of its own."""

    def __init__(self, seed):
        self.chance = random.Random(seed)
        self.run = fp.up("julie", "toby")
        self.wrong = []

    def prepare(self):
        """What the caller works on: an array at julie."""
        self.small = fp.tensor([1, 2, 3]).send(self.run["julie"])
        self.large = fp.tensor(np.random.default_rng(1).random(BUSY_ITEMS)).send(self.run["julie"])
        self.run.sync()

    def talk(self):
        """Round trip after round trip."""
        while True:
            (self.small + 1).get()

    def wait(self):
        """One answer that is behind seconds of work."""
        for _ in range(MEDIANS):
            np.median(self.large)
        return self.small.shape

    def wait_long(self):
        """One answer that is behind one operation of seconds, which nothing can interrupt."""
        square = np.ones((SIDE, SIDE), np.int64, like=self.small)
        square @ square  # integers: without BLAS, on one core
        return self.small.shape

    def seconds_to_error(self, call, fault, kinds):
        """From the fault until the caller, who has begun to wait a moment before, has an error of these kinds."""
        told = []

        def caller():
            try:
                call()
            except fp.FarptrError as error:
                told.append((time.perf_counter(), error))

        thread = threading.Thread(target=caller, daemon=True)
        thread.start()
        time.sleep(self.chance.uniform(0.01, 0.01 + LATEST_S))
        began_s = time.perf_counter()
        fault()
        thread.join(30.0)
        if not told:
            self.wrong.append(f"{call.__name__}: no error within 30 s")
            return None
        at_s, error = told[0]
        if not isinstance(error, kinds) or "julie" not in str(error):
            self.wrong.append(f"{call.__name__}: {type(error).__name__}: {error}")
        return at_s - began_s

    def gone(self):
        self.run._session.ask_broker("parties")  # a client that asks nothing hears nothing
        return "julie" not in self.run

    def restart(self):
        self.small = self.large = None
        self.run.restart("julie")
        with contextlib.suppress(fp.WorkerLost):  # of what was under way, where the caller was told of the stop alone
            self.run.sync()

    # ------------------------------------------------------------ faults

    def kill(self, call):
        self.prepare()
        pid = self.run.pids["julie"]
        found = self.seconds_to_error(call, lambda: os.kill(pid, signal.SIGKILL), fp.WorkerLost)
        self.restart()
        return found

    def stop(self, call):
        self.prepare()
        pid = self.run.pids["julie"]
        try:
            return self.seconds_to_error(call, lambda: os.kill(pid, signal.SIGSTOP), fp.WorkerUnresponsive)
        finally:
            os.kill(pid, signal.SIGKILL)  # what it has queued need not be waited for
            until(self.gone)
            self.restart()

    def cut(self, call):
        self.prepare()
        pid = self.run.pids["julie"]
        address = self.run._running.info.address
        found = self.seconds_to_error(call, lambda: links.cut(pid, address), fp.WorkerLost)
        self.restart()
        return found


def _figures(bench, fault, calls, rounds, bar_s):
    """Quantiles of each way of waiting, and of all together."""
    name = fault.__name__
    times = {call.__name__: [] for call in calls}
    for turn in range(rounds):
        call = calls[turn % len(calls)]
        found_s = fault(call)
        if found_s is not None:
            times[call.__name__].append(found_s)
    together = [value for values in times.values() for value in values]
    bench.wrong += over(name, together, bar_s) if together else [f"{name}: nothing was measured"]
    return quantiles(together) | {"bar_ms": bar_s * 1e3, "by": {k: quantiles(v) for k, v in times.items()}}


def detection(short):
    """kill -9 → error at a waiting caller: p99 at most 50 ms; SIGSTOP, or a cut link: p99 at most 1 s."""
    bench = Bench(seed=1)
    with contextlib.closing(bench.run):
        ways = [bench.talk, bench.wait]
        found = {"kill": _figures(bench, bench.kill, ways, 8 if short else 204, KILL_BAR_S)}
        found["stop"] = _figures(bench, bench.stop, ways, 2 if short else 42, STOP_BAR_S)
        if links.can_cut(bench.run._running.info.broker_pid):
            found["cut"] = _figures(bench, bench.cut, [*ways, bench.wait_long], 3 if short else 42, CUT_BAR_S)
        else:
            found["cut"] = "this system does not let one process cut another's links"
    return found | {"wrong": bench.wrong}
