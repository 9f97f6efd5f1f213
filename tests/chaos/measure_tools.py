"""What the measures have in common: quantiles, waiting for a condition, stopping a process, other processes' memory."""

from __future__ import annotations

import contextlib
import math
import os
import signal
import statistics
import time
from pathlib import Path

import psutil

PATIENCE_S = 30.0
"""Nothing here takes longer, unless something is wrong."""


def quantiles(values, unit="ms", scale=1e3):
    """Of times in seconds: how many, median, 99 % and worst. With fewer than 100 values the 99 % are the worst."""
    values = sorted(values)
    if not values:
        return {"count": 0}
    at = math.ceil(0.99 * len(values)) - 1
    found = {"median": statistics.median(values), "p99": values[at], "worst": values[-1]}
    return {"count": len(values)} | {f"{name}_{unit}": round(value * scale, 3) for name, value in found.items()}


def p99(values):
    """The 99 % quantile of some values."""
    return sorted(values)[math.ceil(0.99 * len(values)) - 1]


def over(what, values, bar_s):
    """What to say when the 99 % quantile of times is over its bar; empty when it is not."""
    worst = p99(values)
    return [f"over the bar: {what}: p99 {worst * 1e3:.1f} ms, bar {bar_s * 1e3:g} ms"] if worst > bar_s else []


def until(condition, patience_s=PATIENCE_S, pause_s=0.001):
    """Seconds until the condition is true; raises TimeoutError when it does not become true in time."""
    began_s = time.monotonic()
    while not condition():
        if time.monotonic() - began_s > patience_s:
            raise TimeoutError(f"the condition did not come true within {patience_s:g} s")
        time.sleep(pause_s)
    return time.monotonic() - began_s


@contextlib.contextmanager
def stopped(pid):
    """A process that is stopped for as long as the block lasts."""
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGCONT)


def is_stopped(pid):
    with contextlib.suppress(psutil.NoSuchProcess):
        return psutil.Process(pid).status() == psutil.STATUS_STOPPED
    return False


def rss_mib(pid):
    """Resident memory of a process."""
    return psutil.Process(pid).memory_info().rss / 2**20


def peak_mib(pid):
    """The most resident memory that a process has had; what it has now, where the system does not tell."""
    with contextlib.suppress(OSError, StopIteration):
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
        return int(next(line for line in lines if line.startswith("VmHWM:")).split()[1]) / 2**10
    return rss_mib(pid)


def holds(run):
    """Objects in all stores, once everything is settled."""
    return sum(worker.count() for worker in run)
