"""Views of long runs: each bounded in time and memory, or folded with a notice (docs/reliability.md)."""

from __future__ import annotations

import os
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


def view(words, path, folder):
    """(exit code, CPU seconds, MB at most, what it said besides) of a command in a process of its own."""
    at = 2 if words[0] == "draw" else 1
    command = [sys.executable, "-m", "farptr", *words[:at], str(path), *words[at:]]
    with (folder / "said").open("w+") as said:
        process = subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL, stderr=said)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        said.seek(0)
        text = said.read()
    return process.returncode, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024, text


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
