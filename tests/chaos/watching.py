"""What the one who breaks things needs to see: that something becomes true, how long it took, what was left behind."""

from __future__ import annotations

import contextlib
import os
import time
from pathlib import Path

import numpy as np
import psutil

PATIENCE_S = 15.0


def until(condition, patience_s=PATIENCE_S):
    """Seconds until the condition is true; None when it does not become true in time."""
    began_s = time.monotonic()
    while not condition():
        if time.monotonic() - began_s > patience_s:
            return None
        time.sleep(0.001)
    return time.monotonic() - began_s


def spread(values):
    """The middle, the 99th of a hundred, the worst."""
    if not values:
        return None
    p50, p99 = np.percentile(values, [50, 99])
    return {"n": len(values), "p50": round(float(p50), 4), "p99": round(float(p99), 4), "max": round(max(values), 4)}


def descriptors():
    """How many this process has open, but for the one that looks."""
    return len(list(Path("/dev/fd").iterdir())) - 1


def left_behind():
    """Processes of runs in this runtime directory, Unix sockets below it and files in it, when there should be none."""
    base = os.environ["FARPTR_RUNTIME_DIR"]
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            mine = process.environ().get("FARPTR_RUNTIME_DIR") == base and "farptr.launch" in " ".join(
                process.cmdline()
            )
            if mine and process.status() != psutil.STATUS_ZOMBIE:
                found.append(f"process {process.pid} {process.name()}")
    table = Path("/proc/net/unix")
    if table.exists():
        found += [f"socket {line.split()[-1]}" for line in table.read_text().splitlines() if base in line]
    return found + [f"file {path}" for path in Path(base).iterdir()]
