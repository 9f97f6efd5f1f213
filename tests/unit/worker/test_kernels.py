"""Kernels by their short way: what it does, and what it leaves to the long one."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

torch = pytest.importorskip("torch", reason="torch is not installed (pip install torch)")

from farptr.protocol.commands import CALL, GET  # noqa: E402
from farptr.protocol.ids import make_name  # noqa: E402
from farptr.worker import kernels, torch_values  # noqa: E402, F401
from farptr.worker.store import Pointer, Store  # noqa: E402

X, P, OUT, SECOND, GONE = (make_name(1, id) for id in (11, 12, 13, 14, 15))
ADD = "aten.add.Tensor"


@pytest.fixture
def turn():
    store = Store()
    store.create(X, torch.tensor([[1.0, 2.0], [4.0, 3.0]]), (0, 1, 0, 0))
    store.create(P, Pointer(make_name(2, 20)), (0, 2, 0, 0))
    return SimpleNamespace(store=store, root=7, hop=0)


def test_results_are_stored_under_their_names(turn):
    assert kernels.run((5, CALL, OUT, "aten.sum.dim_IntList", (X, ("l", (("L", 0),)), ("L", True)), None), turn)
    assert turn.store.value(OUT).tolist() == [[5.0, 5.0]]
    assert turn.store.entries[13].order == (7, 5, 0, 0)


def test_several_results_and_none(turn):
    assert kernels.run((5, CALL, (OUT, SECOND), "aten.max.dim", (X, ("L", 1)), None), turn)
    assert turn.store.value(OUT).tolist() == [2.0, 4.0]
    assert turn.store.value(SECOND).tolist() == [1, 0]
    assert kernels.run((6, CALL, None, "aten.add_.Tensor", (X, X), {"alpha": ("L", 2)}), turn)
    assert turn.store.value(X).tolist() == [[3.0, 6.0], [12.0, 9.0]]


@pytest.mark.parametrize(
    "command",
    [
        (5, CALL, OUT, ADD, (X, P), None),
        (5, CALL, OUT, ADD, (X, GONE), None),
        (5, CALL, OUT, "torch.add", (X, X), None),
        (5, CALL, OUT, ADD, (X, ("A", "<f8", (), "C", b"12345678")), None),
        (5, CALL, OUT, ADD, (X, ("l", "text")), None),
        (5, CALL, OUT, ADD, (X, ("L", [1])), None),
        (5, CALL, OUT, ADD, (X, ([], 1)), None),
        (5, CALL, "name", ADD, (X, X), None),
        (5, CALL, (OUT, -1), ADD, (X, X), None),
        (5, CALL, OUT, ADD, [X, X], None),
        (5, CALL, OUT, ADD, (X, X), [1]),
        (5, CALL, OUT, 7, (X, X), None),
        ("5", CALL, OUT, ADD, (X, X), None),
        (5, GET, OUT, ADD, (X, X), None),
    ],
)
def test_what_is_unusual_is_left_alone(command, turn):
    assert kernels.run(command, turn) is False
    assert 13 not in turn.store.entries


def test_what_fails_has_stored_nothing(turn):
    with pytest.raises(RuntimeError):
        kernels.run((5, CALL, OUT, "aten.view.default", (X, ("l", (("L", 3),))), None), turn)
    with pytest.raises(Exception, match="2 results where one"):
        kernels.run((5, CALL, OUT, "aten.max.dim", (X, ("L", 1)), None), turn)
    assert 13 not in turn.store.entries
