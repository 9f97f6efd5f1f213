"""Who and what ``%on`` and ``%%on`` mean."""

from __future__ import annotations

import subprocess
import sys

import pytest

import farptr as fp
from farptr.notebook.magics import parsed, workers_of
from tests.sim.world import World


@pytest.mark.parametrize(
    ("line", "cell", "names", "source"),
    [
        ("julie", "x = 1\n", ["julie"], "x = 1\n"),
        ("julie toby", "x", ["julie", "toby"], "x"),
        (" julie,  toby, julie ", "x", ["julie", "toby"], "x"),
        ("julie x.mean()", None, ["julie"], "x.mean()"),
        ("julie,toby x + 1", None, ["julie", "toby"], "x + 1"),
    ],
)
def test_what_is_said(line, cell, names, source):
    assert parsed(line, cell) == (names, source)


@pytest.mark.parametrize(("line", "cell"), [("", "x"), ("julie", " \n"), ("", None), ("julie", None)])
def test_too_little_is_said(line, cell):
    with pytest.raises(fp.UsageError, match="needs a worker and something to run"):
        parsed(line, cell)


def test_a_variable_comes_first_then_the_workers_of_the_run():
    run = World(["julie", "toby"], 1).run
    julie, toby = run
    assert workers_of(["julie", "toby"], {"sim": run}) == [julie, toby]
    assert workers_of(["j"], {"sim": run, "j": julie}) == [julie]
    assert workers_of(["toby"], {"sim": run, "again": run, "toby": 3}) == [toby]


def test_a_name_that_two_runs_have():
    one, two = World(["julie"], 1).run, World(["julie", "toby"], 2).run
    space = {"one": one, "two": two}
    with pytest.raises(fp.UsageError, match="julie is in one and two") as caught:
        workers_of(["julie"], space)
    assert "julie = one['julie']" in caught.value.hint
    assert workers_of(["toby"], space) == [two["toby"]]
    assert workers_of(["julie"], space | {"julie": two["julie"]}) == [two["julie"]]
    one.close()
    assert workers_of(["julie"], space) == [two["julie"]]


def test_a_name_that_nobody_has():
    with pytest.raises(fp.UnknownWorker, match="this notebook has no run"):
        workers_of(["julie"], {})
    with pytest.raises(fp.UnknownWorker) as caught:
        workers_of(["jule"], {"sim": World(["julie"], 1).run})
    assert "did you mean 'julie'" in caught.value.hint


def test_the_extension_is_light_until_it_is_loaded():
    code = (
        "import farptr, sys; farptr.load_ipython_extension; "
        "print([m for m in ('numpy', 'zmq', 'IPython', 'farptr.notebook.magics') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout == "[]\n"
