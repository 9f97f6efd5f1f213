"""Which words of a command line are whose, without any process."""

from __future__ import annotations

from pathlib import Path

import click
import pytest

from farptr.cli import cli, wanted
from farptr.cli.run import run
from farptr.cli.shell import _Piped
from farptr.protocol.errors import BadName, UnknownWorker

# ---------------------------------------------------------------- farptr run


def parsed(line):
    ctx = run.make_context("run", line.split())
    return ctx.params


@pytest.mark.parametrize(
    ("line", "workers", "count", "script", "arguments"),
    [
        ("job.py", None, None, "job.py", ()),
        ("job.py a -b --c=d -- e", None, None, "job.py", ("a", "-b", "--c=d", "--", "e")),
        ("--workers a,b job.py -n 5", "a,b", None, "job.py", ("-n", "5")),
        ("--workers=a -n 2 job.py", "a", 2, "job.py", ()),
        ("-n2 job.py --workers x", None, 2, "job.py", ("--workers", "x")),
        ("job.py --workers a -n 3 b", "a", 3, "job.py", ("b",)),
        ("job.py -n3 -- -n 4", None, 3, "job.py", ("-n", "4")),
        ("job.py --workers=a x --load y", "a", None, "job.py", ("x", "--load", "y")),
        ("--grace 1 job.py -n 3", None, 3, "job.py", ()),
        ("-m job -n 3 x", None, 3, "job", ("x",)),
        ("job.py -nice", None, None, "job.py", ("-nice",)),
        ("-- job.py -n 3", None, None, "job.py", ("-n", "3")),
        ("- x", None, None, "-", ("x",)),
    ],
)
def test_which_options_are_the_scripts(line, workers, count, script, arguments):
    params = parsed(line)
    assert (params["workers"], params["count"]) == (workers, count)
    assert (params["script"], params["arguments"]) == (script, arguments)


@pytest.mark.parametrize("line", ["", "-n 2", "--nosuch job.py", "-n x job.py", "job.py -n", "--grace -1 job.py"])
def test_what_cannot_be_parsed(line):
    with pytest.raises(click.UsageError):
        parsed(line)


# ---------------------------------------------------------------- who is to start


def test_workers_and_their_files():
    here = Path.cwd()
    assert wanted.from_options(None, None, ()) == {}
    assert wanted.from_options("a, b", 1, ["b=x=y.npz"]) == {"a": None, "b": str(here / "x=y.npz"), "w1": None}
    assert wanted.from_options(None, None, ["b=/x", "a=y"]) == {"b": "/x", "a": str(here / "y")}
    assert wanted.from_arguments(["a=x", "b"]) == {"a": str(here / "x"), "b": None}
    assert wanted.from_arguments(["a"], ["x"]) == {"a": str(here / "x")}
    assert wanted.from_arguments(["a="]) == {"a": None}


@pytest.mark.parametrize(
    ("names", "loads", "error"),
    [
        ("a,a", [], BadName),
        ("me", [], BadName),
        (None, ["x.npz"], BadName),
        ("a,b", ["x"], click.UsageError),
        ("a,b", ["a="], click.UsageError),
        ("a", ["a=x", "a=y"], click.UsageError),
        ("anna", ["ana=x"], UnknownWorker),
    ],
)
def test_workers_that_make_no_sense(names, loads, error):
    with pytest.raises(error):
        wanted.from_options(names, None, loads)


# ---------------------------------------------------------------- lines through a pipe


@pytest.mark.parametrize(
    ("text", "printed"),
    [
        ("1\n2\n", "1\n2\n"),
        ("x = 3\nx", "3\n"),
        ("if 1:\n    5\n6\n", "5\n6\n"),
        ("def f():\n\n    return 7\n\n# aside\nf()\n", "7\n"),
        ("if 0:\n    1\nelse:\n    2\n", "2\n"),
        ("'''a\n\nb'''\n", "'a\\n\\nb'\n"),
        ("(1,\n2)\n3\n", "(1, 2)\n3\n"),
        ("@staticmethod\ndef f(): pass\n4", "4\n"),
        ("try:\n    1/0\nexcept ZeroDivisionError:\n    8\nfinally:\n    9\n", "8\n9\n"),
        ("\n\n1\n", "1\n"),
    ],
)
def test_lines_through_a_pipe(text, printed, capsys):
    assert _Piped({}).read(text.splitlines(keepends=True)) == 0
    assert capsys.readouterr() == (printed, "")


# ---------------------------------------------------------------- every command


def test_every_command_that_prints_rows_has_json():
    with_json = {name for name, command in cli.commands.items() if any(p.name == "json" for p in command.params)}
    rows = {
        "up",
        "ps",
        "objects",
        "add",
        "rm",
        "kill",
        "stop",
        "cont",
        "restart",
        "doctor",
        "gc",
        "bench",
        "ledger",
        "link",
        "replay",
    }
    assert with_json == rows


def test_every_command_that_concerns_a_run_takes_c():
    with_run = {name for name, command in cli.commands.items() if any("-c" in p.opts for p in command.params)}
    acting = {"add", "rm", "kill", "stop", "cont", "restart", "link"}
    assert with_run == {"up", "down", "ps", "objects", "logs", "shell", "broker", "gc", "monitor"} | acting
