"""The tally in memory: what passes must meet its end, with all its bytes."""

from __future__ import annotations

from farptr.broker.telling import Delivery
from farptr.journal.tally import Tally
from farptr.protocol.header import Header, Kind, encode

BODY = b"x" * 10


def told(*, cut_short: int = 0) -> Tally:
    tally = Tally()
    header = Header(Kind.COMMAND, source=3, destination=2, root=3, sequence=1, body_bytes=len(BODY))
    frame = encode(header) + BODY
    tally.joined((2, "julie", "worker", 1, "h", ""), 80)
    tally.came(3, header, frame, (b"buffer",))
    tally.handed(Delivery(2, frame, (b"buffer"[cut_short:],), 3, header))
    return tally


def test_what_came_and_was_handed_on_balances():
    tally = told()
    assert tally.faults() == []
    assert (tally.came_bytes[3], tally.handed_bytes[2]) == (72 + 10 + 6, 72 + 10 + 6)
    assert tally.came_bytes[2] == 80


def test_a_byte_that_is_lost_on_the_way_is_noticed():
    (fault,) = told(cut_short=1).faults()
    assert "16 bytes sent, 15 received" in fault


def test_what_is_dropped_and_what_waits_is_accounted_for():
    tally = Tally()
    header = Header(Kind.COMMAND, source=3, destination=2, root=3, sequence=1, body_bytes=len(BODY))
    frame = encode(header) + BODY
    tally.came(3, header, frame, ())
    assert tally.faults() == []
    tally.dropped(3, header, len(frame), "its destination is gone")
    assert tally.faults() == []
    assert tally._balance.dropped.total() == len(BODY)
