"""Aliases: a view that is made on a worker shares memory there, until it is moved or fetched."""

from __future__ import annotations

import numpy as np
import pytest

import farptr as fp
from tests.behaviour.far import fetched, sent

VIEWS = {
    "slice": lambda x: x[1:],
    "T": lambda x: x.T,
    "reshape": lambda x: x.reshape(-1),
    "ravel": lambda x: np.ravel(x),
    "swapaxes": lambda x: x.swapaxes(0, 1),
    "broadcast": lambda x: x[None],
    "view": lambda x: x.view(np.uint64),
    "ellipsis": lambda x: x[...],
    "diagonal of a slice": lambda x: x[:, ::-1],
    "split": lambda x: np.split(x, 3)[2],
}


@pytest.fixture(params=[1, 2])
def way(request, cluster):
    return tuple(cluster("julie", "toby"))[: request.param]


@pytest.mark.parametrize("name", VIEWS)
def test_writing_through_a_view(way, name):
    x = np.arange(12).reshape(3, 4)
    p = sent(x, way)
    v, w = VIEWS[name](p), VIEWS[name](x)
    v += 100 if name != "view" else np.uint64(100)
    w += 100 if name != "view" else np.uint64(100)
    np.testing.assert_array_equal(fetched(p), x)
    p *= 2
    x *= 2
    np.testing.assert_array_equal(fetched(v), w)


def test_a_view_outlives_the_handle_of_its_base(way):
    p = sent([1, 2, 3], way)
    v = p[1:]
    del p
    v += 1
    assert fetched(v).tolist() == [3, 4]


def test_a_fetched_view_is_a_copy(way):
    p = sent([1, 2, 3], way)
    x = fetched(p[1:])
    x[:] = 0
    assert fetched(p).tolist() == [1, 2, 3]


def test_a_moved_view_is_a_copy(cluster):
    julie, toby = cluster("julie", "toby")
    p = fp.tensor([1, 2, 3]).send(julie)
    v = p[1:]
    v.move(toby)
    v += 10
    assert p.get().tolist() == [1, 2, 3]
    assert v.get().tolist() == [12, 13]


def test_an_operation_that_returns_its_operand_makes_a_second_name(way):
    p = sent([1.0, 2.0], way)
    same = [p.astype(float, copy=False), np.asarray([0.0], like=p), p.reshape(2), np.atleast_1d(p), p.squeeze()]
    for q in same:
        assert q.id_at_location != p.id_at_location
    same[0] += 1
    assert fetched(p).tolist() == [2.0, 3.0]
    del p
    assert fetched(same[2]).tolist() == [2.0, 3.0]


def test_out_returns_its_target(way):
    p, q = sent([1.0, 2.0], way), sent([0.0, 0.0], way)
    assert np.add(p, 1, out=q) is q
    assert q is np.cumsum(p, out=q)
    assert fetched(q).tolist() == [1.0, 3.0]
    np.multiply(p, 2, out=(p,))
    assert fetched(p).tolist() == [2.0, 4.0]


def test_a_read_only_view_refuses_as_numpy_does(way):
    p = np.broadcast_to(sent([1, 2], way), (3, 2))
    p += 1
    with pytest.raises(fp.RemoteError, match="read-only"):
        way[0]._session.sync()
    x = fetched(p)
    x[0] = 5
    assert x.tolist() == [[5, 5], [1, 2], [1, 2]]


def test_overlapping_operands(way):
    p = sent(np.arange(6), way)
    p[1:] += p[:-1]
    x = np.arange(6)
    x[1:] += x[:-1]
    np.testing.assert_array_equal(fetched(p), x)
