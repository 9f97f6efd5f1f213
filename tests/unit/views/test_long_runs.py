"""Views of long runs: each bounded in time and memory, or folded with a notice (docs/reliability.md)."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.unit.views.made import journal

WORKERS = tuple(f"w{i}" for i in range(8))
VIEWS = {
    "ledger": ["ledger"],
    "by party": ["ledger", "--by-party"],
    "verdict": ["ledger", "--never-saw", "w0=w1"],
    "trace": ["trace", "-o", "out"],
    "sequence": ["draw", "sequence", "-o", "out"],
    "matrix": ["draw", "matrix", "-o", "out"],
    "pointers": ["draw", "pointers", "-o", "out"],
    "report": ["report", "-o", "out"],
}


MEASURED = """
import os, subprocess, sys
process = subprocess.Popen(sys.argv[1:], stdout=subprocess.DEVNULL)
_, status, usage = os.wait4(process.pid, 0)
print(os.waitstatus_to_exitcode(status), usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024)
"""
"""By a small process: on Linux the most that a process took counts what the one had that started it."""


def view(words, path, folder):
    """(exit code, CPU seconds, MB at most, what it said besides) of a command in a process of its own."""
    at = 2 if words[0] == "draw" else 1
    command = [sys.executable, "-m", "farptr", *words[:at], str(path), *words[at:]]
    done = subprocess.run(
        [sys.executable, "-c", MEASURED, *command], cwd=folder, capture_output=True, text=True, check=True
    )
    code, cpu_s, most_mb = done.stdout.split()
    return int(code), float(cpu_s), float(most_mb), done.stderr


@pytest.fixture(scope="module")
def short(tmp_path_factory):
    return journal(tmp_path_factory.mktemp("short"), 10_000, WORKERS)


@pytest.mark.parametrize("name", ["verdict", "trace", "report"])
def test_views_of_ten_thousand_envelopes_take_little_memory(short, tmp_path, name):
    code, _, most_mb, said = view(VIEWS[name], short, tmp_path)
    assert code == 0, said
    assert most_mb < 250


@pytest.fixture(scope="module")
def million(tmp_path_factory):
    return journal(tmp_path_factory.mktemp("million"), 1_000_000, WORKERS)


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize("name", VIEWS)
def test_every_view_of_a_million_envelopes_is_there_in_time(million, tmp_path, name):
    """60 s of a core, 1 GB."""
    code, cpu_s, most_mb, said = view(VIEWS[name], million, tmp_path)
    print(f"{name}: {cpu_s:.0f} s, {most_mb:.0f} MB {said.strip()}")
    assert code == 0, said
    assert cpu_s <= 60
    assert most_mb <= 1000
    if name in ("ledger", "report"):
        assert "are only added up" in said
