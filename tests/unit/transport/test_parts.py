"""Envelopes in parts: put together again as they were, or not at all."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from farptr.protocol import values
from farptr.protocol.apart import IN_PARTS, Part, Place
from farptr.protocol.commands import Envelope
from farptr.protocol.errors import ProtocolError
from farptr.protocol.header import Flag, Header, Kind
from farptr.transport import parts as module
from farptr.transport.parts import FROM_BYTES, Parts, split

ME = 1


def envelope(sequence=1, size=FROM_BYTES, fill=3):
    buffers = []
    wire = values.encode_array(np.full(size, fill, np.uint8), buffers)
    header = Header(Kind.COMMAND, source=ME, destination=2, sequence=sequence, buffers=len(buffers), value_bytes=size)
    return wire, Envelope(header, b"body", tuple(buffers))


def joined(parts, last):
    return parts.joined(ME, Place.decode(bytes(last.buffers[0])))


def test_there_and_back():
    wire, made = envelope()
    *first, last = split(made)
    assert [e.header.kind for e in first] == [Kind.PART] * len(made.buffers)
    assert all(e.header.sequence == e.header.value_bytes == 0 for e in first), "they count for nothing"
    assert last.header == made.header._replace(flags=Flag.APART, buffers=1)
    parts = Parts()
    assert [parts.take(e) for e in first] == [(1, i + 1) for i in range(len(first))]
    array = values.decode_array(wire, joined(parts, last))
    assert (array == 3).all()
    assert array.flags.writeable
    assert not len(parts)


def test_small_ones_and_those_that_lie_apart_are_not_split():
    _, small = envelope(size=FROM_BYTES - 1)
    assert list(split(small)) == [small]
    _, apart = envelope()
    apart = apart._replace(header=apart.header._replace(flags=Flag.APART))
    assert list(split(apart)) == [apart]


def test_an_offer_stays_with_its_envelope():
    _, made = envelope()
    header = made.header._replace(flags=Flag.OFFER, buffers=len(made.buffers) + 1)
    *first, last = split(Envelope(header, b"", (*made.buffers, b"offer")))
    assert len(first) == len(made.buffers)
    assert last.header.flags == Flag.OFFER | Flag.APART
    assert last.buffers[1:] == (b"offer",)
    assert last.header.buffers == 2


@settings(deadline=None, max_examples=20)
@given(st.lists(st.integers(0, 8), max_size=6))
def test_after_cuts_they_come_again_and_are_the_same(cuts):
    """Each time the first few come, and then all of them from the first one on."""
    wire, made = envelope()
    *first, last = split(made)
    parts = Parts()
    for cut in cuts:
        for part in first[:cut]:
            parts.take(part)
    for part in first:
        parts.take(part)
    assert (values.decode_array(wire, joined(parts, last)) == 3).all()


def test_a_part_that_comes_twice_does_no_harm():
    wire, made = envelope()
    *first, last = split(made)
    parts = Parts()
    for part in (*first[:3], first[1], first[2], first[3]):
        parts.take(part)
    assert (values.decode_array(wire, joined(parts, last)) == 3).all()


def test_what_comes_again_after_its_envelope_is_dropped():
    _, made = envelope()
    *first, last = split(made)
    parts = Parts()
    for part in first:
        parts.take(part)
    joined(parts, last)
    assert parts.take(first[0]) == (0, 0)
    assert not len(parts)


def test_parts_of_several_envelopes_can_come_before_those():
    parts, lasts = Parts(), []
    for number in (1, 2):
        wire, made = envelope(number, fill=number)
        *first, last = split(made)
        lasts.append((wire, last))
        for part in first:
            parts.take(part)
    for fill, (wire, last) in enumerate(lasts, 1):
        assert (values.decode_array(wire, joined(parts, last)) == fill).all()


@pytest.mark.parametrize("missing", [0, 1, 2, 3])
def test_an_envelope_without_one_of_its_parts_has_none(missing):
    _, made = envelope()
    *first, last = split(made)
    del first[missing]
    parts = Parts()
    for part in first:
        parts.take(part)
    with pytest.raises(ProtocolError, match="parts did not"):
        joined(parts, last)
    assert not len(parts)


@pytest.mark.parametrize(
    ("said", "data"),
    [
        (b"", b"x"),
        (Part(1, 0, 2).encode(), b"xyz"),
        (Part(1, 5, 9).encode(), b"x"),
        (Part(1, 0, 1 << 60).encode(), b"x"),
    ],
)
def test_noise_is_dropped(said, data):
    parts = Parts()
    head = Header(Kind.PART, source=ME, buffers=1)
    assert parts.take(Envelope(head, said, (data,))) == (0, 0)
    with pytest.raises(ProtocolError):
        parts.joined(ME, Place(IN_PARTS, 0, 1, 0, (1,)))


def test_sizes_that_are_not_those_of_the_parts():
    parts = Parts()
    parts.take(Envelope(Header(Kind.PART, source=ME, buffers=1), Part(1, 0, 3).encode(), (b"xyz",)))
    with pytest.raises(ProtocolError):
        parts.joined(ME, Place(IN_PARTS, 0, 1, 0, (1, 1)))


def test_no_memory_is_told_to_whoever_reads(monkeypatch):
    def none(*_):
        raise MemoryError

    _, made = envelope()
    *first, last = split(made)
    parts = Parts()
    monkeypatch.setattr(module.np, "empty", none)
    for part in first:
        parts.take(part)
    with pytest.raises(MemoryError, match="no room for 4194304 bytes"):
        joined(parts, last)


def test_who_is_gone_is_forgotten():
    _, made = envelope()
    parts = Parts()
    parts.take(next(split(made)))
    parts.lose(ME)
    assert not len(parts)
