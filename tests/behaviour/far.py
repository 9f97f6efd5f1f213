"""Helpers for tests that compare what pointers do with what NumPy does to the same data."""

from __future__ import annotations

import numpy as np

import farptr as fp


def sent(value, workers):
    """A pointer to the value by way of these workers: the first holds the data, a pointer stands on each other."""
    pointer = fp.send(value, workers[0])
    for worker in workers[1:]:
        pointer = pointer.send(worker)
    return pointer


def values(worker):
    """What a worker has: lists for data, (worker, id) for pointers."""
    objects = worker._objects.values()
    return [v.tolist() if isinstance(v, np.ndarray) else (v.location, v.id_at_location) for v in objects]


def fetched(result):
    """What a result is in NumPy's terms; the pointers stay as they are."""
    while isinstance(result, fp.Pointer):
        result = result.get_copy()
    if isinstance(result, tuple | list):
        parts = [fetched(part) for part in result]
        return parts if isinstance(result, list) else tuple(parts)
    return result


def outcome(call):
    """The result, or the exception it raised, once it is fetched."""
    try:
        return fetched(call())
    except Exception as error:
        return error


def assert_alike(ours, theirs):
    """Equal in value, dtype, shape and number, NaN for NaN; an error has the original's type and message."""
    if isinstance(theirs, Exception):
        assert isinstance(ours, fp.RemoteError), f"{ours!r} where NumPy raised {theirs!r}"
        assert isinstance(ours, _public(type(theirs)))
        assert str(theirs) in str(ours)
        return
    assert not isinstance(ours, Exception), f"{ours!r} where NumPy gave {theirs!r}"
    if isinstance(theirs, tuple | list):
        assert isinstance(ours, list if isinstance(theirs, list) else tuple)
        assert len(ours) == len(theirs)
        for one, other in zip(ours, theirs, strict=True):
            assert_alike(one, other)
        return
    if type(theirs) is bool:
        assert ours is theirs
        return
    assert isinstance(ours, np.ndarray)
    theirs = np.asarray(theirs)
    assert (ours.dtype, ours.shape) == (theirs.dtype, theirs.shape)
    np.testing.assert_array_equal(ours, theirs)


def _public(kind):
    """The builtin class behind one of NumPy's own."""
    return next(cls for cls in kind.__mro__ if cls.__module__ == "builtins")


class Arrays:
    """The sample data by attribute: ndarrays, or pointers to them that are sent at their first use."""

    def __init__(self, data, make):
        self._data, self._make = data, make

    def __getattr__(self, name):
        value = self._make(self._data[name].copy())
        setattr(self, name, value)
        return value


def local(data):
    return Arrays(data, lambda value: value)


def far(data, workers):
    return Arrays(data, lambda value: sent(value, workers))
