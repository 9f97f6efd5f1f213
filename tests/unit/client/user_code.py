"""What a user writes, for ``mypy --strict``, which ``test_typing`` runs over this file. Nothing here runs."""

from __future__ import annotations

from typing import assert_type

import numpy as np

import farptr as fp


def mean_of(sim: fp.Run) -> float:
    julie, toby = sim["julie"], sim["toby"]
    x = fp.tensor([[1.0, 2.0], [3.0, 4.0]])
    p = x.send(julie)
    assert_type(p, fp.Pointer)
    assert_type(p + p, fp.Pointer)
    assert_type(2 * p - 1, fp.Pointer)
    assert_type(p == 2, fp.Pointer)
    assert_type(-p @ p, fp.Pointer)
    assert_type(divmod(p, 2), tuple[fp.Pointer, fp.Pointer])
    assert_type(p.sum(axis=0, keepdims=True), fp.Pointer)
    assert_type(p.reshape(4).T, fp.Pointer)
    assert_type(p.astype(np.float32).mean(axis=(0, 1)), fp.Pointer)
    assert_type(p.nonzero(), tuple[fp.Pointer, ...])
    assert_type(p.shape, tuple[int, ...])
    assert_type(p.flags.c_contiguous, bool)
    assert_type(len(p.flat), int)
    p += 1
    p[0] = [5, 6]
    p.real = 0
    p.sort(axis=0)
    p.sum(axis=0, out=p[0])
    for row in p:
        assert_type(row, fp.Pointer)
    with fp.implicit_fetch("allow"):
        np.asarray(p)
    several = x.send(julie, toby)
    assert_type(several, fp.MultiPointer)
    assert_type(several.mean(), fp.MultiPointer)
    try:
        p.get(timeout=1.0)
    except fp.ImplicitFetchError as error:
        print(error.hint)
    return float(p.mean())


def wrong(p: fp.Pointer) -> None:
    p.reshap(2)  # type: ignore[attr-defined]
    p.sum(axes=0)  # type: ignore[call-arg]
    p.fill()  # type: ignore[call-arg]
    fp.implicit_fetch("maybe")  # type: ignore[arg-type]
