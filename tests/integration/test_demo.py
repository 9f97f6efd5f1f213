"""The demonstrations and examples as a person runs them: processes of their own, output into a pipe."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[2] / "examples"
SHOW = (
    "import sys; from rich.console import Console; from farptr.demo.{0} import main; sys.exit(main(console=Console()))"
)
ID = r"\d{11}"


def run(tmp_path, *arguments, width=100, seconds=60):
    """A Python of its own, with temporary files where they can be counted; (exit code, output)."""
    environment = os.environ | {"TMPDIR": str(tmp_path), "COLUMNS": str(width), "PYTHONIOENCODING": "utf-8"}
    done = subprocess.run(
        [sys.executable, *map(str, arguments)], env=environment, capture_output=True, timeout=seconds, check=False
    )
    assert done.stderr.decode() == ""
    assert list(tmp_path.iterdir()) == []
    return done.returncode, done.stdout.decode()


@pytest.fixture(scope="module")
def tour(tmp_path_factory):
    return run(tmp_path_factory.mktemp("tour"), "-c", SHOW.format("tour"))


def test_the_tour_runs_in_a_pipe(tour):
    code, shown = tour
    assert code == 0
    assert "\x1b" not in shown
    assert re.findall(r"^(\d+)\. ", shown, re.MULTILINE) == [str(i) for i in range(1, 15)]


@pytest.mark.parametrize(
    "line",
    [
        rf"\(Wrapper\)>\[PointerTensor \| me:{ID} -> julie:{ID}\]",
        rf"\(Wrapper\)>\[PointerTensor \| me:{ID} -> toby:{ID}\]",
        rf"{{{ID}: tensor\(\[2, 3, 4, 5\]\)}}",
        rf"{{{ID}: \(Wrapper\)>\[PointerTensor \| toby:{ID} -> julie:{ID}\]}}",
        r"tensor\(\[2, 3, 4, 5\]\)",
        rf"{{{ID}: tensor\(\[123,  13\]\), {ID}: tensor\(\[246,  26\]\)}}",
        r"tensor\(\[246,  26\]\)",
        r"tensor\(\[123,  13\]\)",
        r"tensor\(\[1, 2\]\)",
    ],
)
def test_the_tour_prints_what_the_notebook_printed(tour, line):
    assert re.search(rf"^{line}$", tour[1], re.MULTILINE)


@pytest.mark.parametrize(
    ("code", "hops"),
    [
        ("tensor1_ptr = tensor1.send(julie)", ["me → broker → julie   (32 bytes me → julie)"]),
        ("ptr_to_tensor1_ptr = tensor1_ptr.send(toby)", ["me → broker → toby"]),
        ("tensor_ptr_backwards = ptr_to_tensor1_ptr.get()", ["me → broker → toby → broker → me"]),
        ("y = pointer_to_pointer + pointer_to_pointer", ["me → broker → toby → broker → julie"]),
        (
            "y.get().get()",
            ["me → broker → toby → broker → me", "me → broker → julie → broker → me   (16 bytes julie → me)"],
        ),
        ("tensor1 = tensor1.move(julie)", ["me → broker → toby → broker → julie   (16 bytes toby → julie)"]),
        ("chain.remote_get()", ["me → broker → toby → broker → julie → broker → toby   (16 bytes julie → toby)"]),
    ],
)
def test_the_tour_shows_the_hops_of_each_command(tour, code, hops):
    after = tour[1].split(f">>> {code}\n", 1)[1].split(">>> ", 1)[0]
    assert re.findall(r"^    hops: (.*)$", after, re.MULTILINE) == hops


def test_the_tour_shows_what_each_process_holds(tour):
    step = tour[1].split("\n3. ", 1)[1].split("\n4. ", 1)[0]
    assert re.search(rf"│ {ID}  tensor\(\[2, 3, 4, 5\]\) +│", step)
    assert re.search(rf"│ {ID}  → julie:{ID} +│", step)
    assert re.search(rf"│ → toby:{ID} +│", step)


def test_the_digits_are_learned_and_accounted_for(tmp_path):
    code, shown = run(tmp_path, "-c", SHOW.format("digits"))
    assert code == 0
    assert "\x1b" not in shown
    assert re.search(r"round  40/40  accuracy 9\d\.\d%", shown)
    assert re.search(r"w5 +me +weights +\d+ +208,000 ", shown)
    assert re.search(r"^ +w1 +gradients +40 +208,000 ", shown, re.MULTILINE)
    assert re.search(r"^ ?aggregator +me +commands +\d+ +640 ", shown, re.MULTILINE)
    assert re.search(r"^ ?me +aggregator +mean gradients +40 +208,000 ", shown, re.MULTILINE)
    assert "no worker's gradient and no sample." in shown


def test_the_example_on_digits_runs(tmp_path):
    code, shown = run(tmp_path, EXAMPLES / "federated_digits.py")
    assert code == 0
    assert re.search(r"round 40: 9\d\.\d% of 360 digits recognised", shown)
    assert "received 208,000 bytes of arrays from aggregator\n40 mean gradients are 208,000 bytes" in shown


def rows_on_3g(shown):
    """(setting, seconds of a round, accuracy, megabytes received, share of answers in time)."""
    return re.findall(r"^(.+?) +([\d.]+) s .* ([\d.]+)% +([\d.]+) MB +(\d+)%$", shown, re.MULTILINE)


@pytest.mark.slow
def test_the_page_on_clocks_shows_what_the_example_prints(tmp_path):
    page = (EXAMPLES.parent / "docs" / "clocks.md").read_text(encoding="utf-8")
    code, shown = run(tmp_path, EXAMPLES / "federated_on_3g.py", seconds=240)
    assert code == 0, shown
    for (name, *told), (shown_name, *found) in zip(rows_on_3g(page), rows_on_3g(shown), strict=True):
        assert name == shown_name
        # Accuracies are the linear algebra's, which rounds otherwise on another processor.
        assert [float(value) for value in found] == pytest.approx([float(value) for value in told], rel=0.02), name


def test_the_example_on_slow_links_takes_the_time_that_the_links_take(tmp_path):
    code, shown = run(tmp_path, EXAMPLES / "federated_on_3g.py", "--rounds", "2")
    assert code == 0, shown
    rows = rows_on_3g(shown)
    a_round = {name: float(seconds) for name, seconds, *_ in rows}
    received = {name: float(megabytes) for name, _, _, megabytes, _ in rows}
    assert len(rows) == 7
    assert a_round["3G"] > 1.5 * a_round["broadband"]
    assert a_round["3G, 5 epochs, int8, a straggler"] > 3 * a_round["3G, 5 epochs, int8"]
    assert received["3G, 5 epochs"] > 7 * received["3G, 5 epochs, int8"]
    assert [share for *_, share in rows[:-1]] == ["100"] * 6


def test_a_plot_without_matplotlib_is_refused_before_anything_is_computed():
    lines = (
        "import runpy, sys; sys.modules['matplotlib'] = None; "
        "sys.argv = [sys.argv[1], '--plot', 'f.svg']; runpy.run_path(sys.argv[0], run_name='__main__')"
    )
    command = [sys.executable, "-c", lines, str(EXAMPLES / "federated_on_3g.py")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert "farptr[plot]" in done.stderr


def test_the_example_on_digits_is_short():
    assert len((EXAMPLES / "federated_digits.py").read_text().splitlines()) < 60


def test_the_example_on_chains_prints_the_notebook(tmp_path):
    code, shown = run(tmp_path, EXAMPLES / "pointer_chains.py")
    assert code == 0
    notebook = (Path(__file__).parents[1] / "data" / "pointer_chains.txt").read_text()
    # The results of the notebook, in its order, with every id as the same letter.
    found = [re.sub(r"\d{9,11}", "N", line) for line in shown.splitlines()]
    for result in re.findall(r"^tensor\(\[.*\]\)$", notebook, re.MULTILINE):
        assert result in found
    for result in re.findall(r"^\(Wrapper\)>.*$", notebook, re.MULTILINE):
        assert re.sub(r"\d{9,11}", "N", result) in found
