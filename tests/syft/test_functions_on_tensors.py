"""Functions that get and return tensors of torch."""

from __future__ import annotations

import pytest

import farptr as fp

torch = pytest.importorskip("torch", reason="torch is not installed (pip install torch)")


def test_functions_make_tensors_and_get_them():
    with fp.up("julie", "toby", functions=True) as run:
        julie, toby = run
        p = fp.tensor([1.0, 2.0]).send(julie)
        made = p.apply(lambda x: torch.tensor(x, dtype=torch.bfloat16) * 2)
        back = made.get_copy()
        assert back.dtype == torch.bfloat16
        assert back.tolist() == [2.0, 4.0]
        chain = made.send(toby)
        assert chain.apply(lambda t: {"kind": type(t).__name__, "sum": float(t.sum())}).get(all=True) == {
            "kind": "Tensor",
            "sum": 6.0,
        }
        (found,) = p.apply(lambda x: [torch.tensor(x)]).get()
        assert found.tolist() == [1.0, 2.0]
