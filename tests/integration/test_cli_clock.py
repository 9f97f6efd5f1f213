"""``farptr run --clock virtual``, and ``--check-determinism``: one program twice, as real processes."""

from __future__ import annotations

import textwrap
from pathlib import Path

import pytest

from tests.integration.commands import farptr

PROGRAM = """
    import farptr as fp
    sim = fp.connect()
    w1, w2 = sim
    x = fp.send([1.0, 2.0], w1)
    y = (x + 1).move(w2)
    print(y.sum().get(), f"{sim.now:.3f}", sim.clock)
"""
NET = """
    [everybody]
    latency = "100 ms"
"""
COUNTED = """
    import pathlib
    import farptr as fp
    sim = fp.connect()
    times = pathlib.Path("times")
    times.write_text(times.read_text() + "x" if times.exists() else "x")
    w1, w2 = sim
    fp.send([1.0, 2.0], w1).get()
    for _ in times.read_text():
        fp.send([3.0], w2).get()
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, text in (
        ("program.py", PROGRAM),
        ("net.toml", NET),
        ("counted.py", COUNTED),
        ("costs.toml", "add = '3 s'"),
        ("bob.toml", "else = '1 s'\n[worker]\nbob = '3 s'"),
        ("gone.toml", f"measured = '{tmp_path}/there/costs.json'"),
        ("gone.py", textwrap.dedent(PROGRAM) + "import shutil; shutil.rmtree('there')"),
    ):
        (tmp_path / name).write_text(textwrap.dedent(text))
    (tmp_path / "there").mkdir()
    return tmp_path


def test_a_script_runs_in_virtual_time(folder):
    done = farptr("run", "--clock", "virtual", "--net", "net.toml", "--costs", "costs.toml", "program.py", cwd=folder)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["5.0", "3.800", "virtual"]


def test_two_runs_of_a_program_are_alike(folder):
    done = farptr(
        "run", "--clock", "virtual", "--net", "net.toml", "--seed", "7", "--check-determinism", "program.py", cwd=folder
    )
    assert done.returncode == 0, done.stderr
    assert "the two runs are alike" in done.stderr
    assert done.stdout.count("virtual") == 2


def test_the_first_event_that_differs_is_shown_with_both_sides(folder):
    done = farptr("run", "--clock", "virtual", "--check-determinism", "counted.py", cwd=folder)
    assert done.returncode == 12
    assert "the two runs differ, first in event" in done.stderr
    sides = [line[:2] for line in done.stderr.splitlines()]
    assert sides.count("1:") == sides.count("2:") == 1
    assert "me → w2 COMMAND" in done.stderr
    assert "party" not in done.stderr
    assert "Handed(" not in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (["--check-determinism", "program.py"], 2, "--clock virtual"),
        (["--costs", "5 ms", "program.py"], 2, "clock='virtual'"),
        (["--clock", "virtual", "--costs", "5", "program.py"], 2, "no unit"),
        (["--clock", "virtual", "--costs", "none.toml", "program.py"], 2, "none.toml"),
        (["--clock", "lunar", "program.py"], 2, "lunar"),
        (["--clock", "virtual", "--costs", "bob.toml", "program.py"], 2, "no worker called 'bob'"),
        (["--clock", "virtual", "--costs", "gone.toml", "gone.py"], 0, "no measured costs were kept in"),
    ],
)
def test_what_cannot_be_meant(folder, words, code, says):
    done = farptr("run", *words, cwd=folder)
    assert done.returncode == code
    assert says in done.stderr


def test_a_program_that_does_not_join_was_not_compared(folder):
    (folder / "alone.py").write_text("print(1)")
    done = farptr("run", "--clock", "virtual", "--check-determinism", "alone.py", cwd=folder)
    assert done.returncode == 2
    assert "has not joined" in done.stderr


def test_a_program_that_fails_is_not_compared(folder):
    (folder / "fails.py").write_text("raise SystemExit(3)")
    done = farptr("run", "--clock", "virtual", "--check-determinism", "fails.py", cwd=folder)
    assert done.returncode == 3
    assert "were not compared" in done.stderr
