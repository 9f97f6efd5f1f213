"""The notebooks in examples/: executed in a fresh kernel, each output is the one in the file."""

from __future__ import annotations

import re
import runpy
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
made = runpy.run_path(str(ROOT / "scripts" / "make_notebooks.py"))
NOTEBOOKS = made["NOTEBOOKS"]


def test_there_is_one():
    assert NOTEBOOKS


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_each_output_is_as_in_the_file(path):
    stored = made["read"](path)
    want, got = made["told"](stored), made["told"](made["execute"](stored))
    assert got == want, "run scripts/make_notebooks.py, and look at what changed"
    assert any("<svg" in text for text in got)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_the_file_was_executed_in_order_and_says_nothing_of_the_machine(path):
    stored = made["read"](path)
    numbers = [cell.execution_count for cell in stored.cells if cell.cell_type == "code"]
    assert numbers == list(range(1, len(numbers) + 1))
    assert not re.search(r"/home|/work|/tmp|/root|/usr", path.read_text(encoding="utf-8"))


def test_ids_are_renamed_in_order_and_nothing_else():
    notebook = made["read"](NOTEBOOKS[0])
    texts = "".join(made["told"](notebook))
    assert "<1>" in texts
    assert not re.search(r"\d{11}", texts)
