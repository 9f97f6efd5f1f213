"""What a client believes of chains."""

from __future__ import annotations

import gc

from farptr.client.graph import (
    UNKNOWN,
    Node,
    Place,
    depth_of,
    leads_through,
    mirrored,
    named,
    path_of,
    result_of,
)
from farptr.protocol.ids import make_name

J, T, C = 1, 2, 3


def chain(*workers):
    node = None
    for at, worker in enumerate(reversed(workers)):
        node = named(make_name(worker, 10**10 + at), node)
    return node


def test_paths_collapse_neighbours():
    assert path_of(chain(J)) == (J,)
    assert path_of(chain(T, J)) == (T, J)
    assert path_of(chain(T, T, J, J, T)) == (T, J, T)
    assert path_of(named(make_name(J, 10**10), UNKNOWN)) is None


def test_depth():
    assert [depth_of(chain(*[J] * n)) for n in (1, 2, 5)] == [1, 2, 5]
    assert depth_of(named(make_name(J, 10**10), UNKNOWN)) == 1


def test_mirrored_is_the_same_way_without_names():
    found = mirrored(chain(T, J, C))
    assert path_of(found) == (T, J, C)
    assert found.name == 0
    assert mirrored(None) is None
    assert mirrored(UNKNOWN) is UNKNOWN


def test_result_of_one_and_of_equal_operands():
    assert result_of([chain(J)]) is None
    assert result_of([chain(J), chain(J)]) is None
    assert path_of(result_of([chain(T, J, C)])) == (J, C)
    assert path_of(result_of([chain(T, J, C), chain(T, J, C)])) == (J, C)
    assert result_of([named(make_name(J, 10**10), UNKNOWN), chain(J, T)]) is UNKNOWN


def test_result_of_operands_that_are_levelled():
    assert result_of([chain(T, T), chain(T)]) is None
    assert result_of([chain(T), chain(T, T, T)]) is None
    assert path_of(result_of([chain(T, T, J), chain(T, J)])) == (J,)
    assert depth_of(result_of([chain(T, T, J, J), chain(T, J)])) == 1
    assert depth_of(result_of([chain(T, T, J), chain(T, T, J)])) == 2


def test_result_of_operands_that_will_not_do():
    assert result_of([chain(T, J), chain(T, C)]) is None
    assert result_of([chain(T, J), chain(T)]) is None


def test_leads_through():
    end = make_name(C, 77 + 10**10)
    node = named(make_name(T, 10**10), named(make_name(J, 10**10 + 1), named(end)))
    assert leads_through(node, end, C)
    assert leads_through(node, make_name(C, 77 + 10**10, generation=5), C), "a generation is the same id"
    assert not leads_through(node, make_name(C, 78 + 10**10), C)
    assert not leads_through(node, end, T)
    assert leads_through(named(make_name(T, 10**10), Node(0, C, None)), end, C), "an anonymous node may be it"
    assert leads_through(named(make_name(T, 10**10), UNKNOWN), end, C)


def test_generations_lead_to_the_same_place():
    place = Place()
    old, new = named(make_name(J, 10**10)), named(make_name(J, 10**10, generation=3))
    place.add(old)
    place.add(new)
    there = chain(T)
    new.lead_to(there)
    assert old.target is there
    old.lead_to(None)
    assert new.target is None
    assert place.nodes() == [old, new]
    del old
    gc.collect()
    assert place.nodes() == [new]


def test_lead_to_without_a_place():
    node = chain(J)
    node.lead_to(UNKNOWN)
    assert node.target is UNKNOWN
