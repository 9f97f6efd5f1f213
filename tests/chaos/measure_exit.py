"""Coming up and going down, and Ctrl-C at random moments: nothing is left behind, and nobody waits for the end."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import subprocess
import tempfile
import time
from pathlib import Path

import numpy as np

import farptr as fp
from tests.chaos.measure_tools import over, quantiles, until
from tests.conftest import alive
from tests.integration.commands import pids_of
from tests.integration.test_clean_exit import (
    EXIT_BAR_S,
    PROGRAMS,
    SCRIPT,
    WINDOW_S,
    descriptors,
    processes_of,
    sockets_below,
)

CYCLES, CTRL_C = 300, 102
LARGE_ITEMS = 100_000
ROOT = Path(__file__).parents[2]


def left_of(base, before):
    """What a run has left behind, beside the processes that were here before; empty when nothing."""
    with contextlib.suppress(TimeoutError):
        until(lambda: not set(processes_of(base)) - before, 5.0)
    files, sockets, processes = list(base.iterdir()), sockets_below(base), set(processes_of(base)) - before
    return [f"left behind: {files} {sockets} {processes}"] if files or sockets or processes else []


def mapped(pid, where):
    """What a process has mapped from there, where the system tells: a name below /dev/shm outlives its processes."""
    with contextlib.suppress(OSError):
        return [line for line in Path(f"/proc/{pid}/maps").read_text().splitlines() if where in line]
    return []


def up_and_down(base, cycles):
    """Seconds that going down takes, and what was wrong."""
    downs_s, wrong, before = [], [], set(processes_of(base))
    fp.up("julie").close()  # what is loaded late is loaded now
    files, shared = descriptors(), set(mapped(os.getpid(), "/memfd:"))
    for _ in range(cycles):
        run = fp.up("julie", "toby")
        pids = pids_of(run._running.info)
        p = fp.tensor([1, 2]).send(run["julie"]).send(run["toby"])
        if (p + p).get().get().tolist() != [2, 4]:
            wrong.append("a wrong result")
        if int(fp.tensor(np.ones(LARGE_ITEMS)).send(run["julie"]).move(run["toby"]).get().sum()) != LARGE_ITEMS:
            wrong.append("a wrong result")
        wrong += [line for pid in pids for line in mapped(pid, "/dev/shm")]
        began_s = time.perf_counter()
        run.close()
        downs_s.append(time.perf_counter() - began_s)
        wrong += [f"{pid} is alive after close()" for pid in pids if alive(pid)]
        wrong += [f"left behind: {path}" for path in base.iterdir()]
    wrong += left_of(base, before) + sorted(set(mapped(os.getpid(), "/memfd:")) - shared)
    if descriptors() > files:
        wrong.append(f"{descriptors()} open files, {files} before")
    return downs_s, wrong


def ctrl_c(base, program, times):
    """Seconds from a Ctrl-C until the command has ended, and what was wrong."""
    chance, ends_s, wrong, before = random.Random(program), [], [], set(processes_of(base))
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "script.py").write_text(SCRIPT)
        for _ in range(times):
            process = subprocess.Popen(
                PROGRAMS[program],
                cwd=folder,
                env=os.environ | {"PYTHONPATH": str(ROOT)},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(chance.uniform(0.0, WINDOW_S))
                wrong.append(f"{program}: it ended by itself")
            began_s = time.perf_counter()
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGINT)  # as a terminal does: to the whole group
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                wrong.append(f"{program}: it did not end within 30 s")
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
            ends_s.append(time.perf_counter() - began_s)
            wrong += left_of(base, before)
    return ends_s, wrong


def exits(short):
    """300 times up and down, Ctrl-C at 102 random moments: 0 processes, sockets, files; the end within 0.5 s."""
    base = Path(os.environ["FARPTR_RUNTIME_DIR"])
    downs_s, wrong = up_and_down(base, 6 if short else CYCLES)
    wrong += over("close()", downs_s, EXIT_BAR_S)
    found = {"up_and_down": quantiles(downs_s)}
    for program in PROGRAMS:
        ends_s, bad = ctrl_c(base, program, 1 if short else CTRL_C // len(PROGRAMS))
        wrong += bad + over(f"Ctrl-C of {program}", ends_s, EXIT_BAR_S)
        found[f"ctrl_c of {program}"] = quantiles(ends_s)
    return found | {"bar_ms": EXIT_BAR_S * 1e3, "wrong": wrong}
