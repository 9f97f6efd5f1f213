"""The classic tutorials, as the scripts of ``examples/``, and what their account of bytes says."""

from __future__ import annotations

import re
import runpy
from pathlib import Path

import pytest

torch = pytest.importorskip("torch", reason="torch is not installed (pip install torch)")

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.fixture
def shown(request, capsys, face):
    """What the example that the test is named for prints, on the workers of these tests."""
    name = request.node.name.removeprefix("test_")
    scope = runpy.run_path(str(EXAMPLES / f"syft_{name}.py"), run_name="__main__")
    scope.clear()
    return capsys.readouterr().out


def test_every_tutorial_is_here():
    tested = {name.removeprefix("test_") for name in globals() if name.startswith("test_")}
    assert {path.stem.removeprefix("syft_") for path in EXAMPLES.glob("syft_*.py")} <= tested


def test_remote_execution(shown):
    assert "tensor([2, 3, 4, 5, 6])\ntensor([ 2,  4,  6,  8, 10])\n" in shown
    assert "tensor([0., 2., 4., 6.])\nPureFrameworkTensorFoundError\n" in shown


def test_federated_learning(shown):
    before, after = map(float, re.search(r"loss (\S+) before, (\S+) after 20", shown).groups())
    assert after < before / 5


def test_pointer_chains(shown):
    from tests.integration.test_notebook import EXPECTED, renamed

    for line in renamed([text for _, text in EXPECTED])[1].splitlines():
        assert line.startswith("(Wrapper)>[PointerTensor | me:<")
    assert shown.count("tensor([246,  26])") == 2


def test_trusted_aggregator(shown):
    assert re.search(r"loss 0\.[23]\d+ after 6 rounds", shown)
    assert "bytes that came from bob: 0\nbytes that came from alice: 0\n" in shown
    assert f"from secure_worker: {6 * 11 * 4}\n" in shown


def test_federated_dataset(shown):
    assert "28 batches on bob, alice" in shown
    assert int(re.search(r"(\d+)% of 397", shown)[1]) > 75
