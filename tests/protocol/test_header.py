"""The header's bytes: golden frames of version 1, round trips, and nothing but ProtocolError for anything else."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from farptr.protocol.errors import ProtocolError
from farptr.protocol.header import (
    FIXED_BYTES,
    HOP_LIMIT,
    MAX_HEADER_BYTES,
    MAX_TRIPLES,
    VERSION,
    Flag,
    Header,
    Kind,
    decode,
    encode,
    forwarded,
    names_of,
    read,
    references,
    version_of,
    with_source,
)
from farptr.protocol.ids import make_name

NAME = make_name(3, 74310326719)
AGAIN = make_name(2, 60734232732, generation=12345678901)

# Frames of protocol version 1, as they were when it was fixed. A change of one of these is a new version.


def test_golden_frames():
    assert FIXED_BYTES == 72
    empty = encode(Header(Kind.COMMAND))
    assert empty.hex() == "66700104" + "00" * 68
    done = encode(Header(Kind.NOTE, Flag.DONE, epoch=7, source=2, root=9, sequence=5))
    assert done.hex() == (
        "667001060400000007000000000000000200000000000000090000000000000005000000000000000000000000000000000000000000"
        "000000000000000000000000000000000000"
    )


def test_golden_frame_with_every_field():
    header = Header(
        Kind.COMMAND, Flag.FENCE | Flag.SYNC, 5, 0xABCDEF, 9, 3, 9, 2, 42, 1000, 8192, 64,
        references([(NAME, 1)]), references([(AGAIN, 2)]), references([(NAME, 3)]),
    )  # fmt: skip
    expected = (
        "6670" "01" "04" "1900" "05" "00" "efcdab0000000000" "09000000" "03000000" "09000000" "02000000"
        "2a00000000000000" "e803000000000000" "0020000000000000" "01000000" "01000000" "01000000" "40000000"
        + struct.pack("<7Q", NAME, AGAIN & (2**64 - 1), 12345678901, 2, NAME, 0, 3).hex()
    )  # fmt: skip
    assert encode(header).hex() == expected
    assert decode(bytes.fromhex(expected)) == header


u32, u64 = st.integers(0, 2**32 - 1), st.integers(0, 2**64 - 1)
lists = st.lists(st.tuples(st.integers(0, 2**120), st.integers(0, 2**32)), max_size=5).map(references)
headers = st.builds(
    Header, st.integers(1, 15), st.integers(0, 15), st.integers(0, HOP_LIMIT), u64, u32, u32, u32, u32, u64, u64, u64,
    u32, lists, lists, lists,
)  # fmt: skip


@given(headers)
def test_round_trip(header):
    assert decode(encode(header)) == header
    assert decode(encode(header)).kind == header.kind


@given(headers, u32)
def test_the_broker_fills_in_the_source(header, source):
    assert decode(with_source(encode(header), source)) == header._replace(source=source)


@given(headers, u32, lists)
def test_forwarded_is_the_header_without_what_was_for_the_broker(header, source, frees):
    frame = encode(header)
    found = forwarded(with_source(frame, source) + b"body", header, len(frame), frees)
    assert decode(found[:-4]) == header._replace(source=source, creates=(), releases=frees)
    assert found[-4:] == b"body"


@given(headers, st.binary(max_size=50))
def test_read_finds_the_body(header, body):
    raw = encode(header._replace(body_bytes=len(body)))
    assert read(raw + body) == (decode(raw), len(raw))
    for wrong in (raw + body + b"x", (raw + body)[:-1]):
        with pytest.raises(ProtocolError):
            read(wrong)


@given(st.lists(st.tuples(st.integers(0, 2**127), st.integers(0, 2**63))))
def test_triples_carry_names(counts):
    assert list(names_of(references(counts))) == counts


@given(st.binary(max_size=200))
def test_garbage_is_a_protocol_error(data):
    with pytest.raises(ProtocolError):
        decode(data)


@settings(max_examples=300)
@given(headers, st.data())
def test_mutated_bytes_are_a_header_or_a_protocol_error(header, data):
    raw = bytearray(encode(header))
    for _ in range(data.draw(st.integers(1, 4))):
        raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    raw = raw[: data.draw(st.integers(0, len(raw)))] if data.draw(st.booleans()) else raw
    try:
        found = decode(bytes(raw))
    except ProtocolError:
        return
    assert decode(encode(found)) == found
    str(found)


@given(st.binary(max_size=300))
def test_read_of_garbage_is_a_protocol_error(data):
    with pytest.raises(ProtocolError):
        read(data)


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"fp\x01",
        b"xx" + encode(Header(4))[2:],
        b"fp\x02" + encode(Header(4))[3:],
        encode(Header(4))[:3] + b"\x00" + encode(Header(4))[4:],
        encode(Header(4))[:3] + b"\x14" + encode(Header(4))[4:],
        encode(Header(4))[:4] + b"\xff\xff" + encode(Header(4))[6:],
        encode(Header(4))[:6] + bytes([HOP_LIMIT + 1]) + encode(Header(4))[7:],
        encode(Header(4))[:7] + b"\x01" + encode(Header(4))[8:],
        encode(Header(4)) + b"\x00",
        encode(Header(4))[:56] + b"\xff\xff\xff\xff" + encode(Header(4))[60:],
    ],
)
def test_each_fault_is_a_protocol_error(raw):
    with pytest.raises(ProtocolError):
        decode(raw)


def test_the_most_that_fits():
    full = Header(Kind.NOTE, releases=references((NAME, 2) for _ in range(MAX_TRIPLES)))
    raw = encode(full)
    assert len(raw) <= MAX_HEADER_BYTES
    assert decode(raw) == full
    with pytest.raises(ProtocolError):
        encode(full._replace(creates=references([(NAME, 1)])))


def test_version_of():
    assert version_of(encode(Header(Kind.HELLO))) == VERSION
    assert version_of(b"fp\x07") == 7
    assert version_of(b"GET / HTTP/1.1") is None
    assert version_of(b"") is None


def test_a_header_reads_well():
    text = str(
        Header(Kind.COMMAND, Flag.FENCE, source=4, destination=2, root=4, sequence=9, refs=references([(NAME, 1)]))
    )
    assert text == "COMMAND 4>2 root 4 #9 FENCE &1"
