"""Every operation of the tables against NumPy, on data that hypothesis draws, one hop away and two, in one process.

The calls are those of ``tests/behaviour/samples``. Their arrays keep their shapes; values, and dtypes within reason,
are drawn, so that NumPy's refusals are among what is compared. ``pytest -m slow`` draws many more.
"""

from __future__ import annotations

import contextlib
import gc
import operator

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as extra

import farptr as fp
from farptr.protocol import operations as table
from tests.behaviour import samples, samples_more
from tests.behaviour.far import assert_alike, fetched, outcome, sent
from tests.behaviour.samples import DATA
from tests.behaviour.test_operations import lacks
from tests.conftest import _FAILED
from tests.sim.world import World

pytestmark = pytest.mark.filterwarnings("ignore")

FEW, MANY = 4, 60
SETTINGS = {
    "deadline": None,
    "derandomize": True,
    "database": None,
    "phases": (Phase.generate,),  # what fails says its data; shrinking that takes minutes
    "suppress_health_check": list(HealthCheck),
}


def quick(examples=FEW):
    return settings(max_examples=examples, **SETTINGS)


# ---------------------------------------------------------------- drawn data

FLOATS = st.one_of(st.floats(-8, 8, width=16), st.sampled_from([0.0, -0.0, 1.0, -2.5, np.nan, np.inf, -np.inf]))
VALUES = {
    "f": FLOATS,
    "c": st.builds(complex, FLOATS, FLOATS),
    "i": st.integers(-50, 50),
    "u": st.integers(0, 255),
    "b": st.booleans(),
    "U": st.text("ajlotyé -1", max_size=5),
    "M": st.one_of(st.dates().map(np.datetime64), st.just(np.datetime64("NaT"))),
}
DTYPES = {
    "f": ("f8", "f8", "f4", "i8"),
    "c": ("c16", "c8"),
    "i": ("i8", "i4", "i2"),
    "u": ("u1",),
    "b": ("?",),
    "U": ("U5",),
    "M": ("M8[D]",),
}
COUNTS = ("k", "o", "x", "r", "z")
"""These say how many, or which: small."""


@st.composite
def like(draw, name):
    """An array of the shape of a sample's, with other values and perhaps another dtype."""
    sample = DATA[name]
    kind = sample.dtype.kind
    dtype = np.dtype(draw(st.sampled_from(DTYPES[kind])))
    values = st.integers(-1, 4) if name in COUNTS else VALUES["i" if dtype.kind == "i" else kind]
    return draw(extra.arrays(dtype, sample.shape, elements=values.map(dtype.type)))


class Drawn:
    """The namespace that samples take: arrays that are drawn when they are first asked for."""

    def __init__(self, data):
        self._data = data

    def __getattr__(self, name):
        value = self._data.draw(like(name), label=name)
        setattr(self, name, value)
        return value


class Sent:
    """The same arrays, by pointers over some workers."""

    def __init__(self, drawn, way):
        self._drawn, self._way = drawn, way

    def __getattr__(self, name):
        value = sent(getattr(self._drawn, name).copy(), self._way)
        setattr(self, name, value)
        return value


@pytest.fixture
def ways(request):
    """The workers of one hop and of two, in one process; at the end nothing is left in any store."""
    world = World(["julie", "toby"], 7)
    julie, toby = world.run
    yield [(julie,), (julie, toby)]
    if request.node.stash.get(_FAILED, False):
        return
    settle([(julie,)])
    if any(worker._objects for worker in world.run):
        gc.collect()
    assert [len(worker._objects) for worker in world.run] == [0, 0]
    world.finish()


def settle(ways):
    """See what failed: it was compared already."""
    with contextlib.suppress(fp.RemoteError, fp.SeveralFailed):
        ways[0][0]._session.sync()


def compare(ways, data, call):
    """A call gives the same on pointers as on arrays, or fails alike."""
    drawn = Drawn(data)
    theirs = wide(outcome(lambda: call(drawn)))
    for way in ways:
        arrays = Sent(drawn, way)
        ours = outcome(lambda arrays=arrays: call(arrays))
        assert_alike(ours, theirs)
        del arrays, ours
    settle(ways)


def wide(found):
    """With a width of one for texts that are all empty: no width does not travel."""
    if isinstance(found, tuple | list):
        parts = [wide(part) for part in found]
        return parts if isinstance(found, list) else tuple(parts)
    empty = isinstance(found, np.ndarray) and not found.dtype.itemsize
    return found.astype(f"{found.dtype.kind}1") if empty else found


def changed(ways, value, change):
    """A change in place leaves the same, and when it fails, what was there."""
    theirs = value.copy()
    error = None
    try:
        change(theirs)
    except Exception as caught:
        error, theirs = caught, value
    for way in ways:
        pointer = sent(value.copy(), way)
        if error is None:
            change(pointer)
        else:
            with pytest.raises(fp.FarptrError):  # noqa: PT012 - at once, or at the next sync
                change(pointer)
                way[0]._session.sync()
        assert_alike(fetched(pointer), theirs)
        del pointer
    settle(ways)


# ---------------------------------------------------------------- the rows

ROWS = (
    {f".{name}": calls for name, calls in samples.METHODS.items()}
    | {f".{name}": [call] for name, call in samples.ATTRIBUTES.items()}
    | {name: calls for name, calls in samples.FUNCTIONS.items() if name not in ("empty", "empty_like")}
)
"""Without what gives arrays that nobody has written to."""
IN_PLACE = {f"=.{name}": row for name, row in samples.INPLACE_METHODS.items()} | samples_more.IN_PLACE


def check_row(ways, name, examples):
    @quick(examples)
    @given(st.data())
    def check(data):
        for call in ROWS[name]:
            compare(ways, data, call)

    check()


def check_in_place(ways, name, examples):
    attribute, changes = IN_PLACE[name]

    @quick(examples)
    @given(like(attribute))
    def check(value):
        for change in changes:
            changed(ways, value, change)

    check()


@pytest.mark.parametrize("name", [name for name in ROWS if name[0] == "." or not lacks(name)])
def test_rows(ways, name):
    check_row(ways, name, FEW)


@pytest.mark.parametrize("name", IN_PLACE)
def test_rows_in_place(ways, name):
    check_in_place(ways, name, FEW)


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in (*ROWS, *IN_PLACE) if name[0] in ".=" or not lacks(name)])
def test_rows_many_times(ways, name):
    (check_row if name in ROWS else check_in_place)(ways, name, MANY)


# ---------------------------------------------------------------- ufuncs

UFUNCS = [name for name in table.UFUNCS if not lacks(name)]
OPERANDS = st.sampled_from(["f", "g", "i", "j", "b", "c", "m", "d", "l", "y"])
SCALARS = st.sampled_from([2, -1, 0.5, True, np.float32(3), np.int8(2), 1j])


def operands(draw, count):
    """Names of arrays, with a number in the place of one now and then."""
    names = [draw(OPERANDS) for _ in range(count)]
    if count > 1 and draw(st.booleans()):
        names[draw(st.integers(1, count - 1))] = draw(SCALARS)
    return names


def value_of(arrays, operand):
    return getattr(arrays, operand) if isinstance(operand, str) else operand


@pytest.mark.parametrize("name", UFUNCS)
def test_ufuncs(ways, name):
    ufunc = getattr(np, name)

    @quick(6)
    @given(st.data())
    def check(data):
        chosen = operands(data.draw, ufunc.nin)
        kwargs = data.draw(
            st.sampled_from([{}, {}, {"dtype": "f8"}, {"casting": "no"}, {"order": "F"}, {"dtype": "f4"}])
        )
        compare(ways, data, lambda a: ufunc(*(value_of(a, o) for o in chosen), **kwargs))

    check()


BINARY = [name for name in UFUNCS if getattr(np, name).signature is None and getattr(np, name).nin == 2]


@pytest.mark.parametrize("name", [name for name in BINARY if table.UFUNCS[name] == 1])
def test_methods_of_ufuncs(ways, name):
    ufunc = getattr(np, name)

    @quick(2)
    @given(st.data())
    def check(data):
        one, axis = data.draw(st.sampled_from("fibm")), data.draw(st.sampled_from([0, 1, -1, 5]))
        keep = data.draw(st.booleans())
        compare(ways, data, lambda a: ufunc.reduce(value_of(a, one), axis=axis, keepdims=keep))
        compare(ways, data, lambda a: ufunc.reduce(value_of(a, one), axis=axis, initial=1, where=[True]))
        compare(ways, data, lambda a: ufunc.accumulate(value_of(a, one), axis))
        compare(ways, data, lambda a: ufunc.reduceat(value_of(a, one), [0, 2, 1], axis=axis))
        compare(ways, data, lambda a: ufunc.outer(a.v, value_of(a, one)))
        target, index = data.draw(like(one)), [0, 0, data.draw(st.sampled_from([1, 2, 9]))]
        changed(ways, target, lambda x: ufunc.at(x, index, 2))
        changed(ways, target, lambda x: ufunc(x, 2, out=x, where=x != 0))
        changed(ways, target, lambda x: ufunc(x, x, out=x, casting="unsafe"))

    check()


# ---------------------------------------------------------------- operators and indexing


@pytest.mark.parametrize("middle", [*table.OPERATORS, *table.COMPARISONS])
def test_operators(ways, middle):
    run = divmod if middle == "divmod" else getattr(operator, f"__{middle}__")

    @quick(6)
    @given(st.data())
    def check(data):
        one, other = operands(data.draw, 2)
        compare(ways, data, lambda a: run(value_of(a, one), value_of(a, other)))
        if not (middle in table.EQUALITY and isinstance(other, np.generic)):  # that asks for np.equal, which may refuse
            compare(ways, data, lambda a: run(value_of(a, other), value_of(a, one)))
        if middle in table.OPERATORS and middle not in ("divmod", "matmul"):
            value = data.draw(like("i"))
            number = data.draw(st.integers(0, 5))
            changed(ways, value, lambda x: getattr(operator, f"__i{middle}__")(x, number) is x or 1 / 0)

    check()


INDICES = st.one_of(
    extra.basic_indices((2, 3, 4), allow_newaxis=True, allow_ellipsis=True),
    extra.integer_array_indices((2, 3, 4), result_shape=extra.array_shapes(max_dims=2, max_side=3)),
    st.sampled_from([9, (0, 0, 0, 0), slice(5, 1), [1, 0], ([0, 1], slice(None), 2), True, [False, True]]),
    extra.arrays(bool, (2, 3, 4)),
    extra.arrays(bool, (2,)),
)


@quick(100)
@given(index=INDICES, value=st.sampled_from([7, [1, 2, 3, 4], np.arange(12).reshape(3, 4), 1.5, "x"]))
def test_indexing(ways, index, value):
    e = DATA["e"]
    theirs = outcome(lambda: e[index])
    for way in ways:
        assert_alike(outcome(lambda way=way: sent(e, way)[index]), theirs)
    changed(ways, e, lambda x: x.__setitem__(index, value))
    for way in ways:
        p = sent(e, way)
        if isinstance(index, np.ndarray):
            assert_alike(outcome(lambda p=p, way=way: p[sent(index, way)]), theirs)
    settle(ways)
