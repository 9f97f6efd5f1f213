"""Marks among a client's commands: how far workers are with what it sent (docs/protocol.md, MARK).

Law
    A mark is answered once little of what was routed before it is left to do, at its worker or, for a mark of the whole
    session, of that session; at once if the worker is gone.
"""

from __future__ import annotations

from farptr.broker.roster import Roster
from farptr.broker.settling import Input, Line, Settling
from farptr.broker.telling import Delivery, Teller
from farptr.protocol.header import Kind

MARK_LOW = 64
"""A MARK for a worker is answered when at most this many units before it are not done."""
MARK_LOW_ALL = 4096
"""A MARK for the whole session is answered when at most this many of its envelopes are under way."""


class Marks:
    """The marks of all sessions."""

    def __init__(self, settling: Settling, roster: Roster, teller: Teller) -> None:
        self._settling, self._roster, self._teller = settling, roster, teller

    def come(self, source: int, item: Input, out: list[Delivery]) -> None:
        """A client has sent one."""
        worker, sequence = item.header.destination, item.header.sequence
        line = self._settling.lines.get(worker)
        if line is not None:
            line.marks.append((line.routed - MARK_LOW, source, sequence))
            self._answer_line(line, out)
        elif worker:  # it is gone: nothing of it is under way
            out.append(self._teller.told(source, Kind.MARKED, None, sequence))
        else:
            self._settling.sessions[source].marks.append(sequence)
            self._answer_session(source, out)

    def done(self, worker: int, root: int, out: list[Delivery]) -> None:
        """A worker has finished a turn for this session."""
        line = self._settling.lines[worker]
        if line.marks:
            self._answer_line(line, out)
        session = self._settling.sessions.get(root)
        if session and session.marks:
            self._answer_session(root, out)

    def _answer_line(self, line: Line, out: list[Delivery]) -> None:
        for number, sequence in line.answered():
            if number in self._roster.live:
                out.append(self._teller.told(number, Kind.MARKED, None, sequence))

    def _answer_session(self, number: int, out: list[Delivery]) -> None:
        session = self._settling.sessions[number]
        if session.count <= MARK_LOW_ALL:
            out += [self._teller.told(number, Kind.MARKED, None, mark) for mark in session.marks]
            session.marks.clear()
