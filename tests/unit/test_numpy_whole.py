"""Everything that the installed NumPy lets an array override pointers have, or refuse with a reason."""

from __future__ import annotations

import importlib

import numpy as np
import pytest
from numpy.testing import overrides

import farptr as fp
from farptr.client.multi import MultiPointer
from farptr.client.numpy_functions import numpys
from farptr.client.pointer import Pointer
from farptr.protocol import numpy_refusals as refusals
from farptr.protocol import numpy_results as results
from farptr.protocol import operations as table

for name in ("numpy.char", "numpy.strings", "numpy.rec", "numpy.ma", "numpy.polynomial", "numpy.lib.recfunctions"):
    try:  # NumPy knows what can be overridden in modules that were imported
        importlib.import_module(name)
    except ModuleNotFoundError:
        getattr(np, name.removeprefix("numpy."), None)


def overridable():
    """What ``__array_function__`` is asked about: for ``like=`` a wrapper is listed, and its function is given."""
    found = overrides.get_overridable_numpy_array_functions()
    return {vars(np).get(f.__name__, f) if f.__module__ == "numpy" else f for f in found}


def named(paths):
    """The functions at these paths, without those that this NumPy lacks."""
    return {numpys(path) for path in paths} - {None}


def structured():
    return {function for function in overridable() if function.__module__ in refusals.MODULES}


def handled():
    return named((*table.FUNCTIONS, *table.IN_PLACE_FUNCTIONS, *table.ABOUT))


def test_every_overridable_function_is_handled_or_refused_with_a_reason():
    missing = overridable() - handled() - named(refusals.FUNCTIONS) - structured()
    assert sorted(f"{f.__module__}.{f.__name__}" for f in missing) == []


def test_no_function_is_both():
    assert not handled() & (named(refusals.FUNCTIONS) | structured())
    rows = [*table.FUNCTIONS, *table.IN_PLACE_FUNCTIONS, *table.ABOUT, *refusals.FUNCTIONS]
    assert len(rows) == len(set(rows))


def test_the_sets_are_not_empty():
    """NumPy has over 300 of them; else the tests above would hold for nothing."""
    assert len(overridable()) > 300
    assert len(handled() & overridable()) > 260
    assert structured()


def test_rows_about_results_are_of_functions():
    assert set(results.ARITY) | results.TUPLES | set(results.NAMED) <= set(table.FUNCTIONS)
    assert set(table.VALUES) | set(table.LIKE) <= set(table.FUNCTIONS)
    assert set(refusals.FETCHING) <= set(refusals.FUNCTIONS)


def test_every_reason_says_why_and_what_instead():
    reasons = [
        *refusals.FUNCTIONS.values(), *refusals.MODULES.values(), *refusals.UFUNCS.values(),
        *refusals.ATTRIBUTES.values(),
    ]  # fmt: skip
    assert all(len(reason.why) > 10 and len(reason.hint) > 5 for reason in reasons)


def test_every_ufunc_is_handled_or_refused_with_a_reason():
    ufuncs = {ufunc.__name__ for ufunc in overrides.get_overridable_numpy_ufuncs()}
    ufuncs |= {found.__name__ for found in vars(np).values() if isinstance(found, np.ufunc)}
    ours = set(table.UFUNCS) | set(table.UFUNC_FUNCTIONS)
    assert sorted(ufuncs - ours - set(refusals.UFUNCS)) == []
    assert not ours & set(refusals.UFUNCS)
    assert len(ufuncs & ours) > 85


OF_ONE_WORKER = {"__array_namespace__", "__dlpack__", "__dlpack_device__", "device", "to_device"}
"""What the Array API standard asks of an array, which is on one device."""


@pytest.mark.parametrize("kind", [Pointer, MultiPointer])
def test_every_attribute_of_an_array_is_there_or_refused_with_a_reason(kind):
    theirs = set(dir(np.ndarray))
    if kind is MultiPointer:
        theirs -= OF_ONE_WORKER
    missing = {name for name in theirs if not hasattr(kind, name)}
    assert sorted(missing - set(refusals.ATTRIBUTES)) == []
    assert not [name for name in refusals.ATTRIBUTES if hasattr(kind, name)]


def test_a_refused_attribute_is_no_attribute():
    p = object.__new__(Pointer)
    for name in refusals.ATTRIBUTES:
        if not name.startswith("__"):
            assert not hasattr(p, name)
    with pytest.raises(AttributeError, match="no attribute 'no_such'"):
        p.no_such  # noqa: B018
    with pytest.raises(fp.UnsupportedOperation, match="data of a pointer is an address in another process"):
        p.data  # noqa: B018
