"""Every function of the standard against array-api-strict, at one, two and three hops, on real processes."""

from __future__ import annotations

import operator

import array_api_strict as strict
import numpy as np
import pytest
import scipy.special
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import farptr as fp
from farptr.protocol import standard as table
from farptr.xp.devices import Device
from farptr.xp.namespace import Namespace
from tests.array_api import needs_numpy
from tests.array_api.arguments import ARGUMENTS, INTEGERS, NUMBERS, ORDERED, REAL, arrays, two, xps

pytestmark = [
    needs_numpy,
    pytest.mark.filterwarnings("ignore::RuntimeWarning"),
    pytest.mark.filterwarnings("ignore::UserWarning"),  # array-api-strict's, of versions of the standard
]
EXAMPLES = 4
CHECKS = {"deadline": None, "database": None, "suppress_health_check": list(HealthCheck)}


@pytest.fixture
def namespaces(processes):
    """Namespaces whose arrays lie on julie: one, two and three pointers away."""
    carol, toby, julie = processes("carol", "toby", "julie")
    session = julie._session
    ways = [(julie,), (toby, julie), (carol, toby, julie)]
    return [Namespace(Device(session, tuple(w.number for w in way))) for way in ways]


def found_in(namespace, name):
    for part in name.split("."):
        namespace = getattr(namespace, part)
    return namespace


def far(value, xp):
    """A value for the far namespace: its arrays are sent, its dtypes are the namespace's."""
    if isinstance(value, strict._array_object.Array):
        return xp.asarray(np.asarray(value._array))
    if isinstance(value, strict._dtypes.DType):
        return getattr(xp, str(value).rpartition(".")[2])
    if isinstance(value, list | tuple):
        return type(value)(far(part, xp) for part in value)
    return value


def local(value):
    """A result as NumPy has it."""
    if isinstance(value, fp.Pointer):
        return value.get(all=True)
    if isinstance(value, strict._array_object.Array):
        return np.asarray(value._array)
    if isinstance(value, list | tuple):
        return [local(part) for part in value]
    return value


def assert_alike(ours, theirs):
    if isinstance(theirs, list):
        assert len(ours) == len(theirs)
        for one, other in zip(ours, theirs, strict=True):
            assert_alike(one, other)
        return
    assert (ours.dtype, ours.shape) == (theirs.dtype, theirs.shape)
    np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-7)


def compare(name, arguments, namespaces):
    """The function gives the same far away as array-api-strict does here; an error there is an error here."""
    args, kwargs = arguments
    theirs = local(found_in(strict, name)(*args, **kwargs))
    for xp in namespaces:
        there = {key: far(value, xp) for key, value in kwargs.items()}
        assert_alike(local(found_in(xp, name)(*far(args, xp), **there)), theirs)


def test_every_function_has_arguments():
    special = {name for name in table.FUNCTIONS if name.startswith("special.")}
    assert set(ARGUMENTS) == {*table.FUNCTIONS, *table.MAKERS, "asarray", "from_dlpack"} - special
    assert len(ARGUMENTS) + len(special) > 200


@pytest.mark.parametrize("name", sorted(ARGUMENTS))
def test_functions(namespaces, name):
    @settings(max_examples=EXAMPLES, derandomize=True, **CHECKS)
    @given(ARGUMENTS[name])
    def check(arguments):
        compare(name, arguments, namespaces)

    check()


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(ARGUMENTS))
def test_functions_with_many_arguments(namespaces, name):
    @settings(max_examples=100, **CHECKS)
    @given(ARGUMENTS[name])
    def check(arguments):
        compare(name, arguments, namespaces)

    check()


_WHOLE = {"bdtr", "bdtrc", "bdtri", "expn", "lpmv", "nbdtr", "nbdtrc", "nbdtri", "pdtri", "polygamma", "yn"}
"""Functions of scipy.special whose first arguments are whole numbers."""


@pytest.mark.parametrize("name", table.SPECIAL)
def test_special_functions(namespaces, name):
    theirs = getattr(scipy.special, name)
    count = getattr(theirs, "nin", 1 if name == "sinc" else 2)
    args = [np.array([0.25, 0.5, 0.75]) + i for i in range(count)]
    if name in _WHOLE:
        args[:-1] = [2] * (count - 1)
    if name == "multigammaln":
        args = [args[0] + 4, 2]
    for xp in namespaces:
        given = [xp.asarray(a) if isinstance(a, np.ndarray) else a for a in args]
        assert_alike(local(getattr(xp.special, name)(*given)), np.asarray(theirs(*args)))


OPERATORS = {
    "add": (st.sampled_from(["add", "sub", "mul"]), NUMBERS),
    "compare": (st.sampled_from(["lt", "le", "gt", "ge", "eq", "ne"]), ORDERED),
    "divide": (st.sampled_from(["truediv", "floordiv", "mod"]), REAL),
    "logic": (st.sampled_from(["and_", "or_", "xor"]), INTEGERS),
}


@pytest.mark.parametrize("kind", sorted(OPERATORS))
def test_operators(namespaces, kind):
    names, dtypes = OPERATORS[kind]

    @settings(max_examples=20, derandomize=True, **CHECKS)
    @given(names, two(dtypes, tame=True))
    def check(name, arguments):
        run = getattr(operator, name)
        theirs = local(run(*arguments[0]))
        for xp in namespaces:
            assert_alike(local(run(*far(arguments[0], xp))), theirs)

    check()


@settings(max_examples=30, derandomize=True, **CHECKS)
@given(x=arrays(), data=st.data())
def test_indexing(namespaces, x, data):
    key = data.draw(xps.indices(x.shape))
    mask = data.draw(arrays((strict.bool,), x.shape))
    for xp in namespaces:
        ours = far(x, xp)
        assert_alike(local(ours[key]), local(x[key]))
        assert_alike(local(ours[far(mask, xp)]), local(x[mask]))
        ours[key] = 1
        theirs = strict.asarray(x, copy=True)
        theirs[key] = strict.ones((), dtype=x.dtype)
        assert_alike(local(ours), local(theirs))


DTYPES = list(strict.__array_namespace_info__().dtypes())


def test_what_dtypes_say(namespaces):
    xp = namespaces[0]
    for one in DTYPES:
        for other in DTYPES:
            ours, theirs = (getattr(xp, one), getattr(xp, other)), (getattr(strict, one), getattr(strict, other))
            assert xp.can_cast(*ours) == np.can_cast(one, other)
            assert xp.isdtype(*ours) == strict.isdtype(*theirs)
            try:
                expected = strict.result_type(*theirs)
            except TypeError:
                continue  # kinds that the standard does not mix
            assert xp.result_type(*ours) == getattr(xp, str(expected).rpartition(".")[2])


@pytest.mark.parametrize(
    "kind", ["bool", "signed integer", "unsigned integer", "integral", "real floating", "complex floating", "numeric"]
)
def test_kinds_of_dtypes(namespaces, kind):
    xp = namespaces[0]
    assert sorted(xp.__array_namespace_info__().dtypes(kind=kind)) == sorted(
        strict.__array_namespace_info__().dtypes(kind=kind)
    )
    assert [n for n in DTYPES if xp.isdtype(getattr(xp, n), kind)] == [
        n for n in DTYPES if strict.isdtype(getattr(strict, n), kind)
    ]
