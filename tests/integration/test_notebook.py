"""The notebook of tests/data/pointer_chains.txt on real processes: every output must be as printed there.

Ids are drawn anew in each run, so both sides have them renamed in the order in which they first appear.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from IPython.core.interactiveshell import InteractiveShell
from IPython.lib.pretty import pretty
from traitlets.config import Config

import farptr as fp
from tests.conftest import assert_empty

NOTEBOOK = Path(__file__).parents[1] / "data" / "pointer_chains.txt"
CELL = re.compile(r"^In \[(\d+)\]:$")
ID = re.compile(r"\b\d{11}\b")
SETUP = re.compile(r"^(import (syft as sy|torch)|hook = .*|(\w+) = sy\.VirtualWorker\(hook, id='\3'\))$", re.MULTILINE)


def parse(text):
    """[(number, code, output or None)]: a cell's code runs to the first blank line that an output follows."""
    cells = []
    current = None
    for line in text.splitlines():
        found = CELL.match(line)
        if found:
            current = (int(found[1]), [])
            cells.append(current)
        elif line.startswith("#") and cells and line.startswith(("# Section", "###")):
            current = None  # a heading of the notebook's text
        elif current is not None:
            current[1].append(line)
    return [(number, *split(lines)) for number, lines in cells]


def split(lines):
    """(code, output): the output is the last block, when it reads like a value and not like code."""
    blocks = re.split(r"\n\s*\n", "\n".join(lines).strip())
    if len(blocks) > 1 and re.match(r"(tensor\(|\(Wrapper\)>|\{)", blocks[-1]):
        return "\n\n".join(blocks[:-1]), blocks[-1]
    return "\n\n".join(blocks), None


def ported(code):
    """The cell with fp.tensor for torch.tensor; what made the workers is gone."""
    return SETUP.sub("", code).replace("torch.tensor", "fp.tensor")


def renamed(outputs):
    """The outputs with ids numbered in the order of their first appearance."""
    seen = {}
    return [ID.sub(lambda m: f"<{seen.setdefault(m[0], len(seen) + 1)}>", text) for text in outputs]


CELLS = parse(NOTEBOOK.read_text())
EXPECTED = [(number, output) for number, _, output in CELLS if output is not None]


def test_the_notebook_is_read_whole():
    numbers = [number for number, _, _ in CELLS]
    assert numbers == list(range(36, 63))
    without = [number for number, _, output in CELLS if output is None]
    assert without == [36, 37, 47, 56, 59]
    assert len(EXPECTED) == 22
    assert len(set(ID.findall(NOTEBOOK.read_text()))) == 9


def plainly(space):
    """Run cells as a script would; each gives what its last expression prints as in IPython."""

    def run(code):
        *before, last = code.strip().splitlines() or [""]
        exec("\n".join(before), space)
        try:
            expression = compile(last, "<cell>", "eval")
        except SyntaxError:
            exec(last, space)
            return None
        return pretty(eval(expression, space)) if last and not last.startswith("#") else None

    return run


def in_ipython(space):
    """Run cells in IPython itself, whose history of outputs keeps every value that was shown."""
    config = Config()
    config.HistoryManager.enabled = False
    shell = InteractiveShell(config=config, user_ns=space)

    def run(code):
        result = shell.run_cell(code, store_history=True)
        result.raise_error()
        if result.result is None:
            return None
        return shell.display_formatter.format(result.result)[0]["text/plain"]

    return run


@pytest.mark.parametrize("way", [plainly, in_ipython])
def test_every_output_is_the_notebooks(way, capsys):
    with fp.up("julie", "toby") as sim:
        space = {"fp": fp, "julie": sim["julie"], "toby": sim["toby"]}
        run = way(space)
        got = []
        for number, code, expected in CELLS:
            shown = run(ported(code))
            assert (shown is None) == (expected is None), f"cell {number} shows {shown!r}"
            if shown is not None:
                got.append((number, shown))
        texts = zip(renamed([t for _, t in got]), renamed([t for _, t in EXPECTED]), strict=True)
        for (number, _), (ours, theirs) in zip(EXPECTED, texts, strict=True):
            assert ours == theirs, f"cell {number}"
        if way is plainly:
            space.clear()
            assert_empty(sim)
