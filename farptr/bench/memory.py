"""Memory of processes: proportional shares (PSS) where the system tells them, resident sizes where not."""

from __future__ import annotations

import contextlib
import os
import statistics
from pathlib import Path

import psutil  # type: ignore[import-untyped, unused-ignore] # whether or not its stubs are there


def pss_mb(pid: int) -> float:
    """A process's proportional share of memory, in MB (1e6 bytes); where the system has none, its resident size."""
    full = psutil.Process(pid).memory_full_info()
    return float(getattr(full, "pss", full.rss)) / 1e6


def pss_of_workers_mb(pids: list[int]) -> float:
    """The mean over some processes."""
    return statistics.mean(map(pss_mb, pids))


def pss_of_all_mb() -> float:
    """The sum over everything that this process has started, whoever is its parent by now."""
    from farptr.bench.ending import TOKEN_VARIABLE, marked

    total = 0.0
    for pid in marked(os.environ.get(TOKEN_VARIABLE, "")):
        if pid != os.getpid():
            with contextlib.suppress(psutil.Error):
                total += pss_mb(pid)
    return total


def peak_mb(pid: int) -> float:
    """The most memory that a process has had so far, in MB; Linux only, elsewhere what it has now."""
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024 / 1e6
    return float(psutil.Process(pid).memory_info().rss) / 1e6
