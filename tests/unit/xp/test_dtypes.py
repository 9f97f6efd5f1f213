"""What the standard asks of dtypes is answered here, by plain Python numbers."""

import numpy as np
import pytest

from farptr.xp import dtypes


@pytest.mark.parametrize("name", ["float32", "float64", "complex64"])
def test_finfo(name):
    found, theirs = dtypes.finfo(np.dtype(name)), np.finfo(name)
    assert {type(v) for v in found[1:5]} == {float}
    assert found.eps == theirs.eps
    assert found.bits in (32, 64)
    assert found.dtype == theirs.dtype


def test_iinfo():
    assert dtypes.iinfo(np.int8) == (8, 127, -128, np.dtype("int8"))
    assert {type(v) for v in dtypes.iinfo(np.uint64)[:3]} == {int}


def test_isdtype():
    assert dtypes.isdtype(np.float32, "real floating")
    assert dtypes.isdtype(np.dtype("int8"), ("bool", "integral"))
    assert dtypes.isdtype(np.int8, np.dtype("int8"))
    assert not dtypes.isdtype(np.int8, "complex floating")
    with pytest.raises(ValueError, match="'number' is no kind of dtype"):
        dtypes.isdtype(np.int8, "number")


def test_numbers_are_weak():
    assert dtypes.result_type(np.float32, 1.5) == np.float32
    assert dtypes.can_cast(np.int8, np.int16)
    assert not dtypes.can_cast(np.float64, np.int8)


def test_no_dtype_of_the_namespace_is_equal_to_none():
    assert not any(dtype == None for dtype in dtypes.CLASSES.values())  # noqa: E711  # np.dtype("f8") is
