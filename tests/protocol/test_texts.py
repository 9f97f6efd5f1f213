"""How long texts beside the data may be."""

from __future__ import annotations

import pytest

from farptr.protocol.errors import MessageTooLarge
from farptr.protocol.texts import MAX_ABOUT_BYTES, MAX_TEXT_BYTES, check_about, fitting, text_bytes


def test_bytes_are_those_of_the_body():
    assert text_bytes(["a", "ä", "€", "\U0001f600", "\ud800"]) == 1 + 2 + 3 + 4 + 3


@pytest.mark.parametrize("unit", ["a", "ä", "€"])
def test_tags_and_description_together(unit):
    width = len(unit.encode())
    whole = unit * (MAX_ABOUT_BYTES // width - 1)
    check_about(("x",), whole)
    with pytest.raises(MessageTooLarge) as told:
        check_about(("x" * (2 * width),), whole)
    assert told.value.size == text_bytes([whole]) + 2 * width
    assert told.value.limit == MAX_ABOUT_BYTES
    assert str(told.value.size) in str(told.value)
    assert str(MAX_ABOUT_BYTES) in str(told.value)


def test_texts_of_a_command():
    texts = ("a" * (MAX_TEXT_BYTES - 1), "b")
    assert fitting("search terms", *texts) == texts
    with pytest.raises(MessageTooLarge, match=f"search terms of {MAX_TEXT_BYTES + 1} bytes"):
        fitting("search terms", "a" * MAX_TEXT_BYTES, "b")
