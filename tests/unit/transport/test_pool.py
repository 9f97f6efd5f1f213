"""Pools of processes that are all this one: envelopes are handed over by hand."""

from __future__ import annotations

import gc
import os
from pathlib import Path

import numpy as np
import pytest

from farptr.protocol import values
from farptr.protocol.apart import Offer, Place, Unreadable
from farptr.protocol.commands import Envelope
from farptr.protocol.errors import ProtocolError, UsageError
from farptr.protocol.header import Flag, Header, Kind
from farptr.transport import pool as pools
from farptr.transport import sharing
from farptr.transport.pool import FROM_BYTES, Pool

pytestmark = pytest.mark.skipif(not sharing.supported(), reason="shared memory needs Linux's memfd_create")

MIB = 1 << 20
ME, JULIE, TOBY = 1, 2, 3


def envelope(size, fill, source=ME, to=JULIE):
    buffers = []
    wire = values.encode_array(np.full(size, fill, np.uint8), buffers)
    header = Header(Kind.COMMAND, source=source, destination=to, buffers=len(buffers))
    return wire, Envelope(header, b"", tuple(buffers))


def handed(sender, receiver, size=FROM_BYTES, fill=7, **ends):
    """An envelope that went from one to the other: (laid, read, wire)."""
    wire, made = envelope(size, fill, **ends)
    laid = sender.lay(made)
    sent = Envelope(laid.header, laid.body, tuple([bytes(b) for b in laid.buffers]))
    assert laid.header.buffers == len(laid.buffers)
    return laid, receiver.read(sent), wire


def through(envelope):
    return bool(envelope.header.flags & Flag.APART)


def attached(bound=4 * MIB):
    mine, julies = Pool(bound), Pool(bound)
    laid, read, wire = handed(mine, julies)
    assert laid.header.flags & Flag.OFFER
    assert not through(laid)
    assert (values.decode_array(wire, read.buffers) == 7).all()
    return mine, julies


def test_the_first_goes_by_frames_and_the_others_do_not():
    mine, julies = attached()
    for fill in range(20):
        laid, read, wire = handed(mine, julies, MIB, fill)
        assert through(laid)
        assert len(laid.buffers) == 1
        array = values.decode_array(wire, read.buffers)
        assert array.flags.writeable
        assert (array == fill).all()


def test_small_ones_go_by_frames():
    mine, julies = attached()
    assert not through(handed(mine, julies, FROM_BYTES - 1)[0])


def test_places_are_used_again_when_nobody_looks_any_more():
    mine, julies = attached()
    seen = []
    for fill in range(40):  # 40 MiB through 4
        laid, read, wire = handed(mine, julies, MIB, fill)
        seen.append((read, wire, fill))
        if len(seen) == 4:
            assert not through(handed(mine, julies, MIB, 99)[0]), "there was room where there is none"
            for read_, wire_, fill_ in seen:
                assert (values.decode_array(wire_, read_.buffers) == fill_).all()
            seen.clear()
        del laid, read, wire
        read_ = None
    assert mine._out[JULIE].sender.idle


def test_a_view_keeps_its_place():
    mine, julies = attached(2 * MIB)
    _, read, wire = handed(mine, julies, MIB, 1)
    view = values.decode_array(wire, read.buffers, view=True)
    assert not view.flags.writeable
    del read
    for fill in range(2, 9):
        handed(mine, julies, MIB, fill)
    assert (view == 1).all()
    assert not mine._out[JULIE].sender.idle
    del view
    assert mine._out[JULIE].sender.idle


def test_channels_that_rest_give_their_memory_to_those_that_work():
    mine, julies = attached(2 * MIB)
    tobys = Pool(2 * MIB)
    handed(mine, tobys, to=TOBY)
    for fill in range(3):
        for pool, to in ((julies, JULIE), (tobys, TOBY)):
            laid, read, wire = handed(mine, pool, MIB + MIB // 2, fill, to=to)
            assert through(laid)
            assert (values.decode_array(wire, read.buffers) == fill).all()
            del laid, read
            assert sum(out.sender.touched_bytes for out in mine._out.values()) <= 2 * MIB
    held = handed(mine, julies, MIB + MIB // 2, 5)
    assert not through(handed(mine, tobys, MIB, to=TOBY)[0]), "more than the bound"
    mine.rest()
    assert (values.decode_array(held[2], held[1].buffers) == 5).all()
    del held
    mine.rest()
    assert not any(out.sender.touched_bytes for out in mine._out.values())


def test_without_memory_frames_go_on(monkeypatch):
    mine, julies = attached()

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "posix_fallocate", full)
    laid, read, wire = handed(mine, julies, MIB, 3)
    assert not through(laid)
    assert (values.decode_array(wire, read.buffers) == 3).all()
    mine._out[JULIE].sender.check()


def test_without_descriptors_frames_go_on(monkeypatch):
    def none(*_):
        raise OSError(24, "Too many open files")

    monkeypatch.setattr(os, "memfd_create", none)
    mine, julies = Pool(MIB), Pool(MIB)
    for _ in range(2):
        laid, _, _ = handed(mine, julies)
        assert not laid.header.flags


def test_a_receiver_without_a_pool_takes_no_offer():
    mine, julies = Pool(MIB), Pool(0)
    for _ in range(3):
        assert not through(handed(mine, julies)[0])
    assert not julies._in


@pytest.mark.parametrize("way", ["roster", "news"])
def test_nothing_is_offered_to_who_is_on_another_machine_nor_taken(way):
    mine, julies = Pool(4 * MIB), Pool(4 * MIB)
    far = [JULIE, "julie", "worker", 1, "tcp://192.0.2.7:40000"]
    mine.meet([far]) if way == "roster" else mine.news({"joined": far})
    for fill in range(3):
        laid, read, wire = handed(mine, julies, MIB, fill)
        assert not laid.header.flags & (Flag.OFFER | Flag.APART)
        assert (values.decode_array(wire, read.buffers) == fill).all()
    laid, *_ = handed(julies, mine, source=JULIE, to=ME)
    assert laid.header.flags & Flag.OFFER  # whoever is far may say so
    assert not mine._in
    laid, *_ = handed(mine, Pool(4 * MIB), to=TOBY)
    assert laid.header.flags & Flag.OFFER


def test_who_is_gone_is_forgotten():
    mine, julies = attached()
    _, read, wire = handed(mine, julies, MIB, 5)
    mine.news({"lost": JULIE})
    julies.news({"lost": ME})
    assert not mine._out
    assert not julies._in
    assert (values.decode_array(wire, read.buffers) == 5).all(), "what is looked at lives on"
    assert not handed(mine, julies)[0].header.flags, "a channel to nobody"


def test_nothing_is_left():
    gc.collect()
    before = len(list(Path("/proc/self/fd").iterdir()))
    maps = Path("/proc/self/maps")
    shared = maps.read_text().count("memfd:farptr")  # of runs that are kept for other tests
    mine, julies = attached()
    assert maps.read_text().count("memfd:farptr") > shared
    del mine, julies
    gc.collect()
    assert maps.read_text().count("memfd:farptr") == shared
    assert len(list(Path("/proc/self/fd").iterdir())) == before


def test_a_forked_child_gives_nothing_back():
    mine, julies = attached()
    _, read, wire = handed(mine, julies, MIB, 5)
    child = os.fork()
    if child == 0:
        del read
        gc.collect()
        os._exit(0)
    os.waitpid(child, 0)
    assert not mine._out[JULIE].sender.idle
    assert (values.decode_array(wire, read.buffers) == 5).all()


# ---------------------------------------------------------------- lies


def lying(julies, place):
    header = Header(Kind.COMMAND, Flag.APART, source=ME, destination=JULIE, buffers=1)
    raw = place if isinstance(place, bytes) else place.encode()
    return julies.read(Envelope(header, b"", (raw,)))


@pytest.mark.parametrize(
    "place",
    [
        b"", b"noise", Place(1, 0, 9, 4 * MIB, (1,)), Place(1, 0, 9, 0, (4 * MIB + 1,)), Place(1, 256, 9, 0, (1,)),
        Place(1, (1 << 32) - 1, 9, 0, (1,)), Place(1, 0, 9, (1 << 64) - 1, (1,)), Place(2, 0, 9, 0, (1,)),
        Place(0, 0, 9, 0, (1,)), Place(1, 0, 0, 0, (1,)), Place(1, 0, 9, 0, ((1 << 32) - 1,) * 9),
    ],
)  # fmt: skip
def test_a_lie_is_a_protocol_error_for_whoever_reads(place):
    mine, julies = attached()
    found = lying(julies, place)
    assert isinstance(found.buffers, Unreadable)
    wire = (values.ARRAY, "|u1", (FROM_BYTES,), "C", 0)
    with pytest.raises(ProtocolError):
        values.decode_array(wire, found.buffers)
    assert through(handed(mine, julies, MIB)[0]), "what is no lie goes on"


def test_a_place_that_does_not_fit_its_array_is_a_protocol_error():
    _, julies = attached()
    found = lying(julies, Place(1, 0, 9, 0, (5, 6)))
    for shape, first in (((FROM_BYTES,), 0), ((11,), 1), ((11,), -1), ((11,), 7)):
        with pytest.raises(ProtocolError):
            values.decode_array((values.ARRAY, "|u1", shape, "C", first), found.buffers)


def test_what_was_given_back_is_not_there_again():
    mine, julies = attached()
    laid, read, wire = handed(mine, julies, MIB, 4)
    del read
    again = julies.read(laid)
    with pytest.raises(ProtocolError, match="taken before"):
        values.decode_array(wire, again.buffers)
    assert mine._out[JULIE].sender.idle


def offer_of(mine):
    return mine._out[JULIE].memory.offer(1)


@pytest.mark.parametrize(
    "change",
    [
        {"token": b"x" * 16}, {"size_bytes": 8 * MIB}, {"inode": 1}, {"descriptor": 0}, {"descriptor": 1 << 31},
        {"pid": (1 << 31) - 1}, {"pid": 0},
    ],
)  # fmt: skip
def test_an_offer_of_something_else_is_not_taken(change):
    mine = Pool(MIB)
    mine.lay(envelope(FROM_BYTES, 1)[1])
    offer = offer_of(mine)
    assert sharing.attach(offer) is not None
    assert sharing.attach(offer._replace(**change)) is None


def test_an_offer_of_memory_that_can_shrink_is_not_taken():
    fd = os.memfd_create("farptr")
    try:
        size = MIB
        os.ftruncate(fd, sharing.DATA_AT + size)
        assert sharing.attach(Offer(1, os.getpid(), fd, os.fstat(fd).st_ino, size, bytes(16))) is None
    finally:
        os.close(fd)


@pytest.mark.parametrize(("text", "bound"), [("0", 0), ("64MB", 64_000_000), ("1048576", MIB)])
def test_the_bound_in_the_environment(monkeypatch, text, bound):
    monkeypatch.setenv(pools.VARIABLE, text)
    assert pools.bound_bytes() == bound


def test_a_bound_that_is_none(monkeypatch):
    monkeypatch.setenv(pools.VARIABLE, "much")
    with pytest.raises(UsageError, match="FARPTR_POOL: 'much' is no size"):
        pools.bound_bytes()
    monkeypatch.delenv(pools.VARIABLE)
    assert 0 < pools.bound_bytes() <= pools.BOUND_BYTES
