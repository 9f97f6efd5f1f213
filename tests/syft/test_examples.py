"""The classic tutorials, as the scripts of ``examples/``, and what their account of bytes says."""

from __future__ import annotations

import re
import runpy
from pathlib import Path

import pytest

torch = pytest.importorskip("torch", reason="torch is not installed (pip install torch)")

import farptr as fp  # noqa: E402

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


@pytest.fixture
def accounted(face, monkeypatch, tmp_path):
    """A run that writes a journal, whose workers bob and alice have loaded a part of the patients each."""
    import numpy as np
    from sklearn.datasets import load_diabetes

    sy, _, _ = face
    data, target = load_diabetes(return_X_y=True)
    for name, part in (("bob", slice(0, 221)), ("alice", slice(221, None))):
        np.savez(tmp_path / f"{name}.npz", x=(data[part] * 20).astype("f4"), y=(target[part, None] / 100).astype("f4"))
    files = {name: tmp_path / f"{name}.npz" for name in ("bob", "alice")}
    monkeypatch.setattr(sy.running, "_run", None)
    run = fp.up(files, "secure_worker", sync=True, journal=tmp_path / "runs", preload=sy.running.PRELOADED)
    sy.use(run)
    yield run
    sy.running.close()


def test_trusted_aggregator(accounted, shown):
    """Nothing comes here but averages, and the ledger says so."""
    assert re.search(r"loss 0\.[23]\d+ after 6 rounds", shown)
    assert "bytes that came from bob: 0\nbytes that came from alice: 0\n" in shown
    assert f"from secure_worker: {6 * 11 * 4}\n" in shown
    handed = accounted.ledger.view("me").receipts
    assert {(receipt.source, receipt.what) for receipt in handed} == {("secure_worker", "fetched")}
    assert sum(receipt.value_bytes for receipt in handed) == 6 * 11 * 4
    accounted.ledger.check()


def test_only_averages_of_data_that_was_never_here_are_fetched(accounted, face):
    """The same with data that bob and alice have loaded themselves: their names for it are in the account."""
    sy, hook, _ = face
    bob, alice, secure = (sy.VirtualWorker(hook, id=name) for name in ("bob", "alice", "secure_worker"))
    mine, trained = torch.nn.Linear(10, 1), []
    for worker in (bob, alice):
        model = mine.copy().send(worker)
        optimiser = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
        for _ in range(2):
            optimiser.zero_grad()
            ((model(worker["x"]) - worker["y"]) ** 2).mean().backward()
            optimiser.step()
        trained.append(model.move(secure))
    with torch.no_grad():
        for parameter, one, other in zip(mine.parameters(), *[m.parameters() for m in trained], strict=True):
            parameter.set_(((one.data + other.data) / 2).get())
    ledger = accounted.ledger
    for owner in ("bob", "alice"):
        ledger.assert_never_saw("me", source=owner, unless="aggregate")
    assert {receipt.kind for receipt in ledger.view("me").receipts} == {"aggregate"}
    trained[0].weight.get_copy()
    with pytest.raises(fp.DataSeen):
        accounted.ledger.assert_never_saw("me", source="bob", unless="aggregate")


def test_federated_dataset(shown):
    assert "28 batches on bob, alice" in shown
    assert int(re.search(r"(\d+)% of 397", shown)[1]) > 75
