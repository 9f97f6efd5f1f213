"""One worker is stopped and has much queued: what that costs the callers of others, and the broker's memory."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import threading
import time

import numpy as np

import farptr as fp
from tests.chaos.measure_tools import p99, quantiles, rss_mib, until

RATIO_BAR = 1.5
RSS_BAR_MIB = 128.0
QUEUED = 10_000
LARGE_ITEMS = 1 << 17
"""A mebibyte of them."""
MODES = {
    "10,000 commands of one client": (1, 1, False),
    "10,000 envelopes of many clients": (40, 1, True),
    "large arrays": (1, LARGE_ITEMS, False),
    "a client that waits for everything": (1, 1, False),
}
"""How many clients, items in an array, and whether each command leaves alone."""
WAITS = "a client that waits for everything"


# ---------------------------------------------------------------- who fills the queue


class Flooder:
    """Clients, in a process of their own, that issue commands for one worker until they have enough or are held up."""

    def __init__(self, pipe, address, worker):
        self.pipe, self.address, self.worker, self.runs, self.held = pipe, address, worker, [], []

    def prepare(self, mode):
        clients, items, _ = MODES[mode]
        self.held.clear()
        for run in self.runs:
            run.close()
        self.runs = [fp.connect(self.address) for _ in range(clients)]
        self.held = [fp.tensor(np.ones(items)).send(run[self.worker]) for run in self.runs]
        for run in self.runs:
            run.sync()

    def flood(self, mode):
        """How many commands were issued."""
        clients, items, alone = MODES[mode]
        issued = [0] * clients

        def work(at):
            more, run, pointer = np.ones(items), self.runs[at], self.held[at]
            with contextlib.suppress(fp.DeadlineExceeded):
                while issued[at] < QUEUED // clients:
                    pointer += more if items > 1 else 1
                    issued[at] += 1
                    if alone:
                        run.flush()
                run.flush()

        threads = [threading.Thread(target=work, args=(at,)) for at in range(clients)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return sum(issued)

    def wait_for_all(self):
        with contextlib.suppress(fp.DeadlineExceeded):
            self.runs[0].sync(timeout=None)

    def serve(self):
        self.pipe.send("ready")
        while True:
            word, mode = self.pipe.recv()
            waiter = None
            if word == "prepare":
                self.prepare(mode)
                self.pipe.send("prepared")
            elif word == "flood":
                issued = self.flood(mode)
                if mode == WAITS:
                    waiter = threading.Thread(target=self.wait_for_all)
                    waiter.start()
                self.pipe.send(issued)
                self.pipe.recv()
                for run in self.runs:
                    run.sync(timeout=None)
                if waiter is not None:
                    waiter.join()
                self.pipe.send("drained")
            else:
                return


def flooder(pipe, address, worker):
    with contextlib.suppress(EOFError):
        Flooder(pipe, address, worker).serve()


# ---------------------------------------------------------------- who is measured


class Bench:
    def __init__(self):
        self.run = fp.up("julie", "toby")
        context = multiprocessing.get_context("spawn")
        self.pipe, theirs = context.Pipe()
        self.process = context.Process(
            target=flooder, args=(theirs, self.run._running.info.address, "julie"), daemon=True
        )
        self.process.start()
        self.broker = self.run._running.info.broker_pid
        self.q = fp.tensor([1.0, 2.0]).send(self.run["toby"])
        assert self.heard() == "ready"

    def heard(self):
        assert self.pipe.poll(120), "the other clients do not answer"
        return self.pipe.recv()

    def close(self):
        self.q = None
        self.process.kill()
        self.process.join()
        self.run.close()

    def window(self, window_s, times_s):
        """Round trips to toby, for that long; at least twenty."""
        end_s = time.perf_counter() + window_s
        for turn in range(1_000_000):
            began_s = time.perf_counter()
            (self.q + 1).get()
            now_s = time.perf_counter()
            times_s.append(now_s - began_s)
            if now_s > end_s and turn >= 20:
                return

    def mode(self, name, rounds, window_s):
        """Windows in turn: nothing is wrong; julie is stopped and has much to do."""
        self.pipe.send(("prepare", name))
        assert self.heard() == "prepared"
        pid = self.run.pids["julie"]
        before_s, slow_s, grown_mib, issued = [], [], [], []
        self.window(0.2, [])
        for _ in range(rounds):
            self.window(window_s, before_s)
            rss = rss_mib(self.broker)
            os.kill(pid, signal.SIGSTOP)
            try:
                self.pipe.send(("flood", name))
                issued.append(self.heard())
                until(lambda: self.run._session.ask_broker("progress")["queues"].get("julie"))
                self.window(window_s, slow_s)
                grown_mib.append(rss_mib(self.broker) - rss)
            finally:
                os.kill(pid, signal.SIGCONT)
            self.pipe.send("drain")
            assert self.heard() == "drained"
        ratio = p99(slow_s) / p99(before_s)
        found = {
            "issued": min(issued), "before": quantiles(before_s), "slow": quantiles(slow_s),
            "p99_ratio": round(ratio, 2), "broker_rss_grown_mib": round(max(grown_mib), 1),
        }  # fmt: skip
        wrong = [f"over the bar: {name}: p99 {ratio:.2f} x"] if ratio > RATIO_BAR else []
        if max(grown_mib) > RSS_BAR_MIB:
            wrong.append(f"{name}: the broker has {max(grown_mib):.0f} MiB more")
        if "10,000" in name and min(issued) < QUEUED:
            wrong.append(f"{name}: only {min(issued)} were queued")
        return found, wrong


def slow(short):
    """One stopped worker with 10,000 commands queued: others' p99 at most 1.5 x, the broker at most 128 MB larger."""
    bench, found, wrong = Bench(), {}, []
    with contextlib.closing(bench):
        for name in MODES:
            found[name], bad = bench.mode(name, *((2, 0.1) if short else (12, 0.5)))
            wrong += bad
    return found | {"wrong": wrong}
