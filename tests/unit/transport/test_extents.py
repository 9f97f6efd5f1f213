"""The free bytes of a channel: whatever is taken and given back, nothing overlaps and nothing is lost."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from farptr.transport.extents import ALIGN_BYTES, Extents


@settings(deadline=None)
@given(st.lists(st.tuples(st.booleans(), st.integers(1, 6 * ALIGN_BYTES)), max_size=60), st.integers(0, 10))
def test_nothing_overlaps_and_nothing_is_lost(steps, pages):
    extents, taken = Extents(pages * ALIGN_BYTES + 17), []
    for take, size in steps:
        if take:
            offset = extents.take(size)
            if offset is not None:
                assert extents.end_of(offset) - offset >= size
                taken.append(offset)
        elif taken:
            extents.give(taken.pop(size % len(taken)))
        extents.check()
    for offset in taken:
        extents.give(offset)
    extents.check()
    assert extents.empty
    assert pages == 0 or extents.take(pages * ALIGN_BYTES) == 0


def test_the_low_end_is_used_first():
    extents = Extents(4 * ALIGN_BYTES)
    first, second = extents.take(1), extents.take(ALIGN_BYTES)
    extents.give(first)
    assert extents.take(1) == first == 0
    assert second == ALIGN_BYTES
    assert extents.take(3 * ALIGN_BYTES) is None


def test_what_was_not_taken_cannot_be_given():
    with pytest.raises(KeyError):
        Extents(ALIGN_BYTES).give(0)
