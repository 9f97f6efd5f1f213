"""docs/jupyter.md is true: its cells run in a fresh kernel, one after the other, and show what the page says."""

from __future__ import annotations

import itertools
from pathlib import Path

from tests.integration.kernels import kernel
from tests.integration.test_docs import Ids, fences

PAGE = Path(__file__).parents[2] / "docs" / "jupyter.md"


def cells():
    """(code, what it shows, line)."""
    blocks = [*fences(PAGE), ("", "", 0)]
    for (language, code, line), (following, shown, _) in itertools.pairwise(blocks):
        if language == "python":
            yield code, shown if following == "text" else "", line


def test_each_cell_shows_what_the_page_says():
    ids = Ids()
    with kernel() as notebook:
        for code, want, line in cells():
            shown = notebook.run(code)
            plain = shown.data.get("text/plain")
            got = shown.text + (f"{plain}\n" if plain else "")
            assert ids.translated(want, got) == want, f"{PAGE.name}:{line}"


def test_there_are_cells_on_workers():
    assert any(code.startswith("%%on") for code, _, _ in cells())
