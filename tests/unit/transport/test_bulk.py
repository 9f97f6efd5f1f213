"""Sending in parts: how many are under way, what comes meanwhile, and what is copied."""

from __future__ import annotations

import numpy as np
import pytest
import zmq

from farptr.protocol import values
from farptr.protocol.commands import Envelope
from farptr.protocol.header import Header, Kind, read
from farptr.transport import bulk as module
from farptr.transport.bulk import TAKEN_EVERY, WINDOW, Bulk

MIB = 1 << 20
PARTS = 3 * WINDOW


def envelope(size=PARTS * MIB, fill=3):
    buffers = []
    values.encode_array(np.full(size, fill, np.uint8), buffers)
    header = Header(Kind.COMMAND, source=1, destination=2, sequence=5, buffers=len(buffers))
    return Envelope(header, b"", tuple(buffers))


def message(frame, buffers):
    header, end = read(frame)
    return Envelope(header, frame[end:], tuple([bytes(b) for b in buffers]))


class Quiet:
    """A way on which nothing comes."""

    def __init__(self):
        self.sent = []

    def queue(self, frame, buffers):
        self.sent.append(message(frame, buffers))

    def come(self, timeout_s):
        assert 0 < timeout_s <= module.PATIENCE_S
        return


class Answered(Quiet):
    """A way to a receiver that takes a part whenever the sender waits, and says other things in between."""

    def __init__(self, sender):
        super().__init__()
        self.sender, self.receiver, self.back = sender, Bulk(0), Quiet()
        self.at = self.most = self.said = 0

    def queue(self, frame, buffers):
        super().queue(frame, buffers)
        self.most = max(self.most, len(self.sent) - self.at)

    def come(self, timeout_s):
        if self.said < 3:
            self.said += 1
            return Envelope(Header(Kind.REPLY, sequence=self.said))
        self.receiver.read(self.sent[self.at], self.back)
        self.at += 1
        while self.back.sent:
            self.sender.taken(self.back.sent.pop(0).body)
        return None


def test_no_more_is_under_way_than_the_window():
    mine = Bulk(0)
    way = Answered(mine)
    mine.send(envelope(), way)
    assert len(way.sent) == PARTS + 1
    assert way.most <= WINDOW + TAKEN_EVERY
    assert [e.header.sequence for e in mine.early] == [1, 2, 3], "what came meanwhile keeps its order"


def test_a_receiver_that_does_something_else_is_waited_for_once(monkeypatch):
    now = iter(np.arange(0, 1000, module.PATIENCE_S / 2).tolist())
    monkeypatch.setattr(module.time, "monotonic", lambda: next(now))
    mine, way = Bulk(0), Quiet()
    mine.send(envelope(), way)
    assert len(way.sent) == PARTS + 1
    assert next(now) < 1, "it waited for each part"


def test_a_word_about_another_envelope_counts_for_nothing():
    mine, way = Bulk(0), Quiet()
    mine.send(envelope(MIB), way)
    for body in (b"", b"noise", module._TAKEN_BODY.pack(4, 99)):
        mine.taken(body)
    assert mine._taken == 0
    mine.taken(module._TAKEN_BODY.pack(5, 2))
    assert mine._taken == 2


@pytest.mark.parametrize("cut", [False, True])
def test_what_was_sent_may_change_and_can_be_sent_again(cut):
    data = np.zeros(2 * MIB, np.uint8)
    buffers = []
    values.encode_array(data, buffers)
    mine, way = Bulk(0), Quiet()
    kept = mine.own(Envelope(Header(Kind.COMMAND, buffers=2, sequence=1), b"", tuple(buffers)))
    mine.send(kept, None if cut else way)
    data[:] = 1
    mine.send(kept, way)
    assert len(way.sent) == 2 - cut
    for sent in way.sent:
        assert set(b"".join(sent.buffers)) == {0}


def test_a_way_that_breaks_still_leaves_a_copy():
    class Broken(Quiet):
        def queue(self, frame, buffers):
            raise zmq.Again

    data = np.zeros(2 * MIB, np.uint8)
    buffers = []
    values.encode_array(data, buffers)
    mine, way = Bulk(0), Quiet()
    kept = mine.own(Envelope(Header(Kind.COMMAND, buffers=2, sequence=1), b"", tuple(buffers)))
    with pytest.raises(zmq.Again):
        mine.send(kept, Broken())
    data[:] = 1
    mine.send(kept, way)
    assert set(b"".join(way.sent[0].buffers)) == {0}


def test_who_cannot_say_that_it_has_a_part_has_it_all_the_same():
    class Broken(Quiet):
        def queue(self, frame, buffers):
            raise zmq.Again

    mine, way, theirs = Bulk(0), Quiet(), Bulk(0)
    mine.send(envelope(8 * MIB), way)
    for sent in way.sent[:-1]:
        assert theirs.read(sent, Broken()).buffers == ()
    last = theirs.read(way.sent[-1], Broken())
    assert sum(map(len, last.buffers)) == 8 * MIB
