"""Signatures are those of the standard; arguments that do not fit are refused at their line."""

import inspect

import pytest

import farptr as fp
from farptr.protocol.standard import FUNCTIONS, MAKERS, OPERANDS, SPECIAL
from farptr.xp import namespace
from farptr.xp.signatures import signature_of


@pytest.fixture(scope="module")
def names():
    return namespace.names_for(lambda: pytest.fail("nobody asked for a device"))


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("x, /", "(x, /)"),
        ("x, /, *, axis=None, keepdims=False", "(x, /, *, axis=None, keepdims=False)"),
        ("*arrays, indexing='xy'", "(*arrays, indexing='xy')"),
        ("start, /, stop=None, step=1, *, dtype=None", "(start, /, stop=None, step=1, *, dtype=None)"),
        ("n_rows, n_cols=None, /, *, k=0", "(n_rows, n_cols=None, /, *, k=0)"),
    ],
)
def test_a_row_is_read_as_python_would(written, read):
    assert str(signature_of(written)) == read


def test_functions_say_what_they_take(names):
    assert str(inspect.signature(names["std"])) == "(x, /, *, axis=None, correction=0.0, keepdims=False)"
    assert str(inspect.signature(names["zeros"])) == "(shape, *, dtype=None, device=None)"
    assert str(inspect.signature(names["asarray"])) == "(obj, /, *, dtype=None, device=None, copy=None)"
    assert str(inspect.signature(names["linalg"].qr)) == "(x, /, *, mode='reduced')"


@pytest.mark.parametrize("call", ["add(1)", "std(1, 0)", "zeros()", "zeros(3, order='C')", "linalg.inv()", "asarray()"])
def test_arguments_that_do_not_fit_are_refused(names, call):
    with pytest.raises(TypeError):
        eval(call, {}, names)


def test_everything_is_documented_and_named(names):
    functions = [value for value in names.values() if callable(value) and not isinstance(value, type)]
    assert len(functions) > 130
    assert all(f.__doc__ and f.__name__ in names for f in functions)


def test_operands_are_functions():
    assert {name.removeprefix("xp:") for name in OPERANDS} <= {*FUNCTIONS, *MAKERS}
    assert len(set(SPECIAL)) == len(SPECIAL)


def test_the_module_lists_what_the_standard_has():
    assert {"asarray", "float64", "linalg", "pi", "__array_namespace_info__"} <= set(dir(fp.xp))
    assert "TYPE_CHECKING" not in dir(fp.xp)
    assert "xp" in dir(fp)
