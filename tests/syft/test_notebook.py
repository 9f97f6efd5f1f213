"""The notebook word for word: of its text the one import is another, and each output must be as printed there."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch", reason="torch is not installed (pip install torch)")

from tests.integration.test_notebook import CELLS, EXPECTED, in_ipython, plainly, renamed  # noqa: E402

IMPORT = ("import syft as sy", "import farptr.syft as sy")


def outputs(way):
    """What each cell shows, as the notebook's reader sees it."""
    space = {}
    run = way(space)
    shown = [(number, run(code.replace(*IMPORT)), expected) for number, code, expected in CELLS]
    if way is plainly:
        space.clear()
    return shown


def test_only_the_import_is_another():
    changed = [code for _, code, _ in CELLS if code.replace(*IMPORT) != code]
    assert [code.replace(*IMPORT).splitlines()[0] for code in changed] == [IMPORT[1]]


@pytest.mark.parametrize("way", [plainly, in_ipython])
def test_every_output_is_the_notebooks(way, hook, julie, toby):
    shown = outputs(way)
    for number, ours, theirs in shown:
        assert (ours is None) == (theirs is None), f"cell {number} shows {ours!r}"
    got = [ours for _, ours, _ in shown if ours is not None]
    for (number, _), ours, theirs in zip(EXPECTED, renamed(got), renamed([t for _, t in EXPECTED]), strict=True):
        assert ours == theirs, f"cell {number}"
    if way is in_ipython:  # its history keeps what was shown
        julie.clear_objects()
        toby.clear_objects()


def test_the_workers_are_processes(hook, julie, toby, sy):
    import os

    pids = sy.running.current().pids
    assert len({os.getpid(), pids["julie"], pids["toby"]}) == 3
