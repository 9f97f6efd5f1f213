"""Where NumPy does not do what the Array API standard asks, the worker does."""

import builtins
import inspect

import numpy as np
import pytest
from numpy import inf, nan

from farptr.protocol import standard as table
from farptr.protocol.errors import UnsupportedOperation
from farptr.worker import execute, standard
from farptr.xp import signatures

NUMPY_2_1 = np.lib.NumpyVersion(np.__version__) >= "2.1.0"


def run(name, *args, **kwargs):
    return execute.find(f"xp:{name}")(*args, **kwargs)


def same(found, expected):
    """Equal, with the signs of zeros."""
    found, expected = np.asarray(found), np.asarray(expected)
    np.testing.assert_array_equal(found, expected)
    np.testing.assert_array_equal(np.signbit(found.real), np.signbit(expected.real))


@pytest.mark.skipif(not NUMPY_2_1, reason="older NumPy lacks functions of the standard")
def test_every_function_is_found():
    names = [n for n in (*table.FUNCTIONS, *table.MAKERS) if not n.startswith("special.")]
    assert all(callable(execute.find(f"xp:{name}")) for name in names)


@pytest.mark.parametrize("name", ["nothing", "linalg", "random.rand", "save", "add.reduce", ""])
def test_nothing_else_is_found(name):
    with pytest.raises(UnsupportedOperation):
        execute.find(f"xp:{name}")


@pytest.mark.parametrize("name", sorted(standard.MENDED))
def test_mended_functions_take_the_arguments_of_the_standard(name):
    row = (signatures.FUNCTIONS | signatures.MAKERS)[name]
    if name.startswith("unique"):
        return  # x alone
    ours = inspect.signature(standard.MENDED[name])
    assert [p.replace(annotation=p.empty) for p in ours.parameters.values()] == list(row.parameters.values())


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_floor_divide_of_and_by_infinities():
    same(
        run("floor_divide", np.array([inf, inf, -inf, -inf]), np.array([2.0, -2.0, 2.0, -2.0])), [inf, -inf, -inf, inf]
    )
    same(
        run("floor_divide", np.array([2.0, -2.0, 2.0, -2.0]), np.array([-inf, inf, inf, -inf])), [-0.0, -0.0, 0.0, 0.0]
    )
    same(run("floor_divide", np.array([7.0, -7.0]), 2), [3.0, -4.0])
    assert np.isnan(run("floor_divide", inf, np.array([inf]))).all()
    assert run("floor_divide", np.float32(7), np.float32(2)).dtype == np.float32
    assert run("floor_divide", np.array([7, -7]), 2).tolist() == [3, -4]


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_expm1_of_complex_infinities():
    x = np.array([complex(inf, 0), complex(-inf, inf), complex(-inf, nan), complex(-0.0, 0.0), complex(nan, 0.0)])
    found = run("expm1", x)
    assert (found[0], found[1], found[2]) == (complex(inf, 0), -1, -1)
    assert found[3] == 0
    assert not np.signbit(found[3].real)
    assert np.isnan(found[4].real)
    assert found[4].imag == 0
    same(run("expm1", np.array([-0.0, 1e-12])), np.expm1([-0.0, 1e-12]))


def test_tanh_of_complex_infinities():
    found = run("tanh", np.array([complex(inf, 2.0), complex(-inf, 2.0), complex(inf, -2.0)]))
    assert found.tolist() == [1, -1, 1]
    assert np.signbit(found.imag).tolist() == [False, False, True]
    assert run("tanh", np.array([0.5, inf])).tolist() == np.tanh([0.5, inf]).tolist()


def test_descending_order_keeps_equals_in_their_order():
    x = np.array([2, 1, 2, 3])
    assert run("argsort", x, descending=True).tolist() == [3, 0, 2, 1]
    assert run("sort", x, descending=True).tolist() == [3, 2, 2, 1]
    assert run("argsort", x.reshape(2, 2), axis=0, descending=True).tolist() == [[0, 1], [1, 0]]


def test_unique_values_are_sorted_and_nans_differ():
    x = np.array([[3.0, nan], [1.0, nan]])
    values, first, inverse, counts = run("unique_all", x)
    np.testing.assert_array_equal(values, [1.0, 3.0, nan, nan])
    assert inverse.shape == x.shape
    assert (first.tolist(), counts.tolist()) == ([2, 0, 1, 3], [1, 1, 1, 1])
    np.testing.assert_array_equal(run("unique_values", x), values)


def test_clip_keeps_the_dtype_and_copies():
    x = np.array([1, 5, 9], np.int8)
    assert run("clip", x, 2, 6).tolist() == [2, 5, 6]
    assert run("clip", x, 2, 6).dtype == np.int8
    copy = run("clip", x)
    assert not np.shares_memory(copy, x)


def test_frequencies_have_dtypes():
    assert run("fft.fftfreq", 4, d=0.5, dtype=np.float32).dtype == np.float32
    assert run("fft.rfftfreq", 4).tolist() == [0.0, 0.25, 0.5]


def test_a_worker_without_scipy_says_so(monkeypatch):
    def importing(name, *args):
        if name.startswith("scipy"):
            raise ImportError(name)
        return real(name, *args)

    real = builtins.__import__
    monkeypatch.setattr(builtins, "__import__", importing)
    with pytest.raises(UnsupportedOperation, match=r"no SciPy, which special\.erf needs"):
        standard.function("xp:special.erf")
