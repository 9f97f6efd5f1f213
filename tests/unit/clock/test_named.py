"""``clock.named``: every operation that a worker runs can be named in a table of costs."""

from __future__ import annotations

import importlib.util

import pytest

from farptr.clock import named
from farptr.protocol import standard
from farptr.worker import execute


@pytest.mark.parametrize(
    ("operation", "name"),
    [
        ("matmul", "matmul"),
        (".sum", "sum"),
        ("np:dot", "dot"),
        ("=add", "add"),
        ("=.sort", "sort"),
        ("=.real=", "real"),
        ("=[]", "[]"),
        ("np:linalg.svd", "linalg.svd"),
        ("xp:linalg.svd", "linalg.svd"),
        ("add.reduce", "add.reduce"),
        ("eq", "equal"),
        ("torch.add", "add"),
        ("torch.Tensor.add_", "add"),
        ("torch.Tensor.__iadd__", "add"),
        ("torch.Tensor.__radd__", "add"),
        ("torch.Tensor.__invert__", "invert"),
        ("torch.Tensor.__rdiv__", "div"),
        ("torch.Tensor.__setitem__", "[]"),
        ("torch.Tensor.grad.__get__", "grad"),
        ("no_grad:torch.nn.functional.linear", "linear"),
        ("aten.addmm.default", "addmm"),
        ("fn:train", "fn:train"),
        ("aten.add_.Tensor", "add"),
    ],
)
def test_people_know_an_operation_as(operation, name):
    assert named.known_as(operation) == name


def test_whatever_runs_can_be_named():
    runs = {*execute._KNOWN, *execute._FUNCTIONS, *(standard.PREFIX + name for name in standard.FUNCTIONS)}
    assert {operation for operation in runs if named.unknown(named.known_as(operation))} == set()


@pytest.mark.skipif(importlib.util.find_spec("torch") is None, reason="looks into torch, which is not installed")
def test_what_torch_alone_has_is_known():
    for name in ("addmm", "relu", "conv2d", "cross_entropy", "grad", "backward"):
        assert not named.unknown(name)
    assert named.unknown("reluu")
    assert named.unknown("__class__")
