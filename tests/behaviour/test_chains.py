"""Chains of every depth: operations run at the end, one result pointer at each hop, and nothing is left behind."""

from __future__ import annotations

import numpy as np
import pytest

import farptr as fp
from tests.behaviour.far import fetched, sent


def count(way):
    return sum(len(worker._objects) for worker in set(way))


def unwrapped(pointer, depth):
    for _ in range(depth):
        assert isinstance(pointer, fp.Pointer)
        pointer = pointer.get()
    return pointer


def test_an_operation_runs_at_the_end(way, depth):
    p = sent([1.0, 4.0], way)
    q = p + p
    assert count(way) == 2 * depth
    ends = [v.tolist() for v in way[0]._objects.values() if isinstance(v, np.ndarray)]
    assert ends == [[1.0, 4.0], [2.0, 8.0]]
    assert unwrapped(q, depth).tolist() == [2.0, 8.0]
    assert count(way) == depth
    assert unwrapped(p, depth).tolist() == [1.0, 4.0]
    assert count(way) == 0


def test_a_program_on_a_chain(way):
    x = np.arange(12.0).reshape(3, 4)
    p = sent(x, way)
    q = (p * 2 - 1)[1:, ::2].T @ np.ones((2, 3))
    r = np.concatenate([q, q], axis=1).sum(axis=0)
    y = (x * 2 - 1)[1:, ::2].T @ np.ones((2, 3))
    np.testing.assert_array_equal(fetched(r), np.concatenate([y, y], axis=1).sum(axis=0))


def test_in_place_makes_no_object_and_keeps_the_handle(way, depth):
    p = sent([1, 2, 3], way)
    before = p
    p += 10
    p[0] = -1
    p[p > 12] *= 2
    assert p is before
    assert count(way) == depth
    assert unwrapped(p, depth).tolist() == [-1, 12, 26]


def test_metadata_is_the_datas(way):
    p = sent(np.zeros((3, 4), np.float32), way)
    assert (p.shape, p.dtype, p.ndim, p.size, len(p), p.nbytes, p.itemsize) == ((3, 4), np.float32, 2, 12, 3, 48, 4)
    assert p.strides == (16, 4)
    assert (np.shape(p), np.ndim(p), np.size(p)) == ((3, 4), 2, 12)
    assert p.T.shape == (4, 3)


def test_one_element_as_a_python_number(way):
    p = sent([[7]], way)
    assert (float(p), int(p), bool(p), complex(p)) == (7.0, 7, True, 7 + 0j)
    assert [10, 11, 12][sent(2, way)] == 12
    assert complex(sent(1 - 2j, way)) == 1 - 2j
    assert p != 8
    with pytest.raises(TypeError):
        [1][sent(0.0, way)]
    with pytest.raises(ValueError, match="has no single value"):
        float(sent([1, 2], way))


def test_several_results(way, depth):
    p = sent([3, 1, 2, 1], way)
    values, counts = np.unique(p, return_counts=True)
    a, b = np.split(p, 2)
    quotient, rest = divmod(p, 2)
    assert count(way) == 7 * depth
    results = [unwrapped(q, depth).tolist() for q in (values, counts, a, b, quotient, rest)]
    assert results == [[1, 2, 3], [2, 1, 1], [3, 1], [2, 1], [1, 0, 1, 0], [1, 1, 0, 1]]
    assert count(way) == depth


def test_iteration_and_membership(way):
    p = sent([[1, 2], [3, 4]], way)
    assert [fetched(row).tolist() for row in p] == [[1, 2], [3, 4]]
    assert 3 in p
    assert 5 not in p
    first, second = p
    assert fetched(first + second).tolist() == [4, 6]


def test_arrays_and_numbers_beside_a_chain(way):
    p = sent([1.0, 2.0], way)
    for result in (p + np.array([1, 2]), np.array([1, 2]) + p, fp.tensor([1, 2]) + p):
        assert fetched(result).tolist() == [2.0, 4.0]
    assert fetched(1 - p).tolist() == [0.0, -1.0]
    assert fetched(np.float32(2) ** p).tolist() == [2.0, 4.0]
    big = np.arange(200_000.0).reshape(-1, 2)
    np.testing.assert_array_equal(fetched(big * p), big * [1.0, 2.0])


def test_two_chains_on_one_way_meet(way, depth):
    p, q = sent([1, 2], way), sent([10, 20], way)
    p += q
    r = p * q
    assert fetched(r).tolist() == [110, 440]
    del r
    assert count(way) == 2 * depth


def test_the_last_handle_takes_the_chain_with_it(way, depth):
    p = sent([1], way)
    q = p + 1
    del p
    assert count(way) == depth
    del q
    assert count(way) == 0


def test_the_hop_limit(cluster):
    (julie,) = cluster("julie")
    p = fp.tensor([1]).send(julie)
    for _ in range(63):
        p = p.send(julie)
    with pytest.raises(fp.FarptrError, match="64 hops, the limit"):
        p.send(julie)
    assert len(julie._objects) == 64
    assert fetched((p + 1).get()).tolist() == [2]


def test_an_operation_on_different_workers_says_who_is_where(cluster):
    julie, toby, alice = cluster("julie", "toby", "alice")
    p, q = fp.tensor([1]).send(julie), fp.tensor([1]).send(toby)
    with pytest.raises(fp.NotCollocated) as told:
        p + q
    text = str(told.value)
    assert f"julie:{p.id_at_location} has its data on julie" in text
    assert f"toby:{q.id_at_location} has its data on toby" in text
    pp, qq = p.send(alice), q.send(alice)
    with pytest.raises(fp.NotCollocated) as told:
        pp + qq
    text = str(told.value)
    assert "has its data on julie (by way of alice)" in text
    assert "has its data on toby (by way of alice)" in text
    qq.remote_get()
    pp.remote_get()
    assert fetched(pp + qq).tolist() == [2]


def test_one_pointer_on_two_workers(cluster):
    julie, toby, alice = cluster("julie", "toby", "alice")
    p = fp.tensor([1]).send(julie)
    one, two = p.send(toby), p.send(alice)
    one += 1
    assert fetched(two).tolist() == [2]
    del one
    assert len(julie._objects) == 1
    del two
    assert len(julie._objects) == 0
