"""Coming up and going down, again and again, and Ctrl-C at any moment: no process, socket or file is left."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import statistics
import subprocess
import sys
import threading
import time
from pathlib import Path

import psutil
import pytest

import farptr as fp
from tests.conftest import alive, until
from tests.integration.commands import FARPTR, ok, pids_of

EXIT_BAR_S = 0.5
"""What the end of a run, or a Ctrl-C, may take on a machine of its own; tests give it ten times that."""
SLACK = 10
WINDOW_S = 1.2
"""Longer than any of the programs takes to be at work."""

OWNER = """
import farptr as fp
with fp.up("julie", "toby") as sim:
    julie, toby = sim
    while True:
        p = fp.tensor([1, 2, 3]).send(julie).send(toby)
        assert (p + p).get().get().tolist() == [2, 4, 6]
"""
SCRIPT = OWNER.replace('fp.up("julie", "toby")', "fp.connect()")
PROGRAMS = {
    "fp.up": [sys.executable, "-c", OWNER],
    "farptr up": [*FARPTR, "up", "julie", "toby"],
    "farptr run": [*FARPTR, "run", "script.py"],
}
REPEATS = [pytest.param(False, id="short"), pytest.param(True, id="long", marks=[pytest.mark.slow])]


def sockets_below(base):
    """Paths of Unix sockets that some process still has, where the system tells."""
    table = Path("/proc/net/unix")
    return [line.split()[-1] for line in table.read_text().splitlines() if str(base) in line] if table.exists() else []


def processes_of(base):
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if process.environ().get("FARPTR_RUNTIME_DIR") == str(base) and process.pid != os.getpid():
                found += [process.pid] if process.status() != psutil.STATUS_ZOMBIE else []
    return found


def assert_nothing_left(base):
    until(lambda: not processes_of(base))
    assert list(base.iterdir()) == []
    assert sockets_below(base) == []


def descriptors():
    return len(list(Path("/dev/fd").iterdir()))


def report(what, times_s):
    times_s = sorted(times_s)
    print(
        f"\n{what}: {len(times_s)} times, median {statistics.median(times_s):.3f} s,"
        f" 99 % {times_s[int(0.99 * (len(times_s) - 1))]:.3f} s, worst {times_s[-1]:.3f} s"
    )


@pytest.mark.timeout(900)
@pytest.mark.parametrize("long", REPEATS)
def test_up_and_down(base, long):
    fp.up("julie").close()  # what is loaded late is loaded now
    threads, files = threading.active_count(), descriptors()
    ups_s, downs_s = [], []
    for _ in range(300 if long else 30):
        began_s = time.perf_counter()
        run = fp.up("julie", "toby")
        ups_s.append(time.perf_counter() - began_s)
        pids = pids_of(run._running.info)
        p = fp.tensor([1, 2]).send(run["julie"]).send(run["toby"])
        assert (p + p).get().get().tolist() == [2, 4]
        assert len(sockets_below(base)) > 0
        began_s = time.perf_counter()
        run.close()
        downs_s.append(time.perf_counter() - began_s)
        assert not any(map(alive, pids))
        assert list(base.iterdir()) == []
    assert_nothing_left(base)
    report("up", ups_s)
    report("down", downs_s)
    assert max(downs_s) <= SLACK * EXIT_BAR_S
    until(lambda: threading.active_count() <= threads)
    assert descriptors() <= files


@pytest.mark.timeout(900)
@pytest.mark.parametrize("long", REPEATS)
def test_up_and_down_of_the_command_line(base, long):
    for _ in range(30 if long else 3):
        ok("up", "julie", "toby", "-d")
        ok("down")
        assert_nothing_left(base)


def test_no_shared_memory_is_used(base):
    with fp.up("julie", "toby") as run:
        p = fp.tensor(range(100_000)).send(run["julie"]).move(run["toby"])
        assert int(p[-1].get()) == 99_999
        maps = [Path(f"/proc/{pid}/maps") for pid in pids_of(run._running.info)]
        if not maps[0].exists():
            pytest.skip("only Linux tells what a process has mapped")
        assert [line for path in maps for line in path.read_text().splitlines() if "/dev/shm" in line] == []


@pytest.mark.timeout(900)
@pytest.mark.parametrize("long", REPEATS)
@pytest.mark.parametrize("program", PROGRAMS)
def test_ctrl_c_at_any_moment(base, tmp_path, program, long):
    (tmp_path / "script.py").write_text(SCRIPT)
    chance = random.Random(f"{program} {long}")
    times_s = []
    for _ in range(34 if long else 4):
        process = subprocess.Popen(
            PROGRAMS[program],
            cwd=tmp_path,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
        try:
            said = b""
            with contextlib.suppress(subprocess.TimeoutExpired):
                _, said = process.communicate(timeout=chance.uniform(0.0, WINDOW_S))
            assert process.returncode is None, f"it ended by itself: {said.decode()}"
            began_s = time.perf_counter()
            os.killpg(process.pid, signal.SIGINT)  # as a terminal does: to the whole group
            process.communicate(timeout=30)
            times_s.append(time.perf_counter() - began_s)
            assert process.returncode in (130, -signal.SIGINT, 1), process.returncode
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
        assert_nothing_left(base)
    report(f"Ctrl-C of {program}", times_s)
    assert max(times_s) <= SLACK * EXIT_BAR_S
