"""The store: names, generations, lifetimes, and what a worker holds of others."""

from __future__ import annotations

import numpy as np
import pytest

from farptr.protocol.commands import KEEP_NOT, KEEP_OWN, KEEP_SENT
from farptr.protocol.errors import ObjectGone
from farptr.protocol.ids import make_name
from farptr.worker.store import Pointer, Store

X, Y = make_name(1, 10**10), make_name(1, 10**10 + 1)
X2 = make_name(1, 10**10, generation=9)
FAR = make_name(2, 10**10 + 5)
FIRST, SECOND, THIRD = (3, 1, 0, 0), (3, 2, 0, 0), (3, 3, 0, 0)


def array(*items):
    return np.array(items)


@pytest.fixture
def store():
    store = Store()
    yield store
    store.end_turn()
    store.check()


def test_put_and_value(store):
    store.put(X, array(1), 1, FIRST)
    assert store.value(X) == 1
    assert len(store) == 1
    with pytest.raises(ObjectGone, match="10000000001"):
        store.value(Y)


def test_free_with_the_right_count(store):
    store.put(X, array(1), 1, FIRST)
    store.free(X, 1)
    assert len(store) == 0
    store.free(X, 1)


def test_free_with_another_count_is_late(store):
    store.put(X, array(1), 1, FIRST)
    store.export(X)
    store.free(X, 1)
    assert store.value(X) == 1
    store.free(X, 2)
    assert len(store) == 0


def test_a_value_replaced_under_its_name_keeps_its_place(store):
    store.put(X, array(1), 1, FIRST)
    store.put(Y, array(2), 1, SECOND)
    store.put(X, array(3), 1, THIRD)
    assert [id for id, _ in store.listing()] == [10**10, 10**10 + 1]
    assert store.value(X) == 3
    store.free(X, 1)
    assert len(store) == 2, "it was exported twice"


def test_a_new_generation_is_the_same_object_and_takes_a_new_place(store):
    store.put(X, array(1), 1, FIRST)
    store.put(Y, array(2), 1, SECOND)
    store.put(X2, array(3), 1, THIRD)
    assert [id for id, _ in store.listing()] == [10**10 + 1, 10**10]
    assert store.value(X) is store.value(X2)
    store.free(X, 1)
    assert store.value(X2) == 3
    with pytest.raises(ObjectGone):
        store.value(X)
    store.free(X2, 1)
    assert len(store) == 1


def test_a_late_free_does_not_hit_the_newcomer(store):
    store.put(X, array(1), 1, FIRST)
    store.free(X, 1)
    store.put(X2, array(2), 1, SECOND)
    store.free(X, 1)
    assert store.value(X2) == 2


@pytest.mark.parametrize("keep", [KEEP_SENT, KEEP_OWN])
def test_kept_objects_stay(store, keep):
    store.put(X, array(1), 1, FIRST, keep)
    store.free(X, 1)
    assert store.value(X) == 1
    store.entry(X).keep = KEEP_NOT
    store.free(X, 0)
    assert len(store) == 0


def test_removed_on_purpose(store):
    store.put(X, array(1), 1, FIRST)
    store.put(Y, array(1), 0, FIRST, KEEP_SENT)
    store.remove(store.entry(X))
    store.remove(store.entry(Y))
    assert len(store) == 0
    assert store.listing() == []
    with pytest.raises(ObjectGone):
        store.value(X)
    assert 10**10 in store.entries, "references to it live"
    store.free(X, 1)
    assert not store.entries


def test_pointers_hold_until_the_end_of_the_turn(store):
    store.receive(FAR, 2)
    store.put(X, Pointer(FAR), 1, FIRST)
    assert store.end_turn() == []
    store.check()
    store.put(Y, Pointer(FAR), 1, FIRST)
    store.receive(FAR)
    store.free(X, 1)
    assert store.end_turn() == []
    store.free(Y, 1)
    assert store.end_turn() == [(FAR, 3)]
    assert store.held == {}


def test_what_comes_and_is_not_kept_goes_back(store):
    store.receive(FAR)
    assert store.end_turn() == [(FAR, 1)]


def test_a_pointer_taken_and_stored_again_in_one_turn(store):
    store.receive(FAR)
    store.put(X, Pointer(FAR), 1, FIRST)
    store.end_turn()
    store.receive(FAR)
    store.replace(store.entry(X), array(1))
    store.put(Y, Pointer(FAR), 1, SECOND)
    assert store.end_turn() == []
    assert store.held[FAR] == [1, 2]


def test_replacing_a_pointer_by_an_equal_one(store):
    store.receive(FAR)
    store.put(X, Pointer(FAR), 1, FIRST)
    store.replace(store.entry(X), Pointer(FAR))
    assert store.end_turn() == []


def test_releases_are_sorted(store):
    for name in (FAR + 2, FAR, FAR + 1):
        store.receive(name)
    assert [n for n, _ in store.end_turn()] == [FAR, FAR + 1, FAR + 2]


def test_labels(store):
    store.put(X, array(1), 0, FIRST, KEEP_OWN)
    store.label(X, "data")
    assert store.labelled("data") == X
    assert store.labels == ["data"]
    store.remove(store.entry(X))
    assert store.labelled("data") is None
    assert store.labels == []
    assert store.labelled("other") is None


def test_a_reference_to_what_is_gone_is_no_export(store):
    store.export(X)
    assert not store.entries


def test_create_and_data(store):
    store.create(X, array(1), FIRST)
    assert store.data(X) == 1
    assert store.data(Y) is None
    store.receive(FAR)
    store.put(Y, Pointer(FAR), 1, SECOND)
    assert store.data(Y) is None
    store.create(X, array(2), SECOND)
    assert store.value(X) == 2
    store.free(X, 2)
    store.free(Y, 1)


def test_check_finds_what_is_wrong():
    store = Store()
    store.put(X, Pointer(FAR), 1, FIRST)
    store.end_turn()
    with pytest.raises(AssertionError, match="no reference came"):
        store.check()
