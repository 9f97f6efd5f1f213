"""What the broker says: who comes and goes, and answers to what it was asked.

Law
    Whatever cannot be meant is a ProtocolError. Then nothing that this broker says is to be relied on.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from farptr.client.answers import Answer
from farptr.protocol import body as bodies
from farptr.protocol.commands import PLAIN, Envelope
from farptr.protocol.errors import ProtocolError
from farptr.protocol.header import Kind

if TYPE_CHECKING:
    from farptr.client.core import SessionCore

_MALFORMED = (LookupError, TypeError, ValueError, AttributeError, OverflowError, RecursionError)
"""What comes of reading what is not as it should be."""


class FromBroker:
    """Takes in what the broker says, for a session."""

    def __init__(self, core: SessionCore) -> None:
        self._core = core
        self._unsure: dict[int, tuple[int, int]] = {}
        """Questions to the broker, by sequence number: (number, worker). Once it is answered, commands up to there that
        still wait were lost with that worker."""

    def take(self, envelope: Envelope) -> None:
        """One envelope; raises ProtocolError."""
        try:
            self._take(envelope)
        except _MALFORMED as error:
            kind = Kind(envelope.header.kind).name
            raise ProtocolError(f"the broker sent a malformed {kind}: {error!r}") from error

    def _take(self, envelope: Envelope) -> None:
        header, body, _ = envelope
        core = self._core
        core.arrived = header.received
        if header.kind == Kind.ROSTER:
            self._news(bodies.loads_as(dict, body))
        elif header.kind == Kind.MARKED:
            core.out.marked(header.sequence)
        elif header.kind in (Kind.SYNCED, Kind.TOLD):
            value = bodies.loads(body) if body else None
            if -header.sequence == core.out.asked_ids:
                core.out.grant(int(value))  # type: ignore[arg-type]
            elif header.sequence in self._unsure:
                core.answers.lose_up_to(*self._unsure.pop(header.sequence))
            else:
                core.answers.give(-header.sequence, Answer(PLAIN, value))
        else:
            raise ProtocolError(f"the broker sent a {Kind(header.kind).name} to a client")

    def _news(self, news: dict[str, Any]) -> None:
        core = self._core
        if "joined" in news:
            number, name, role, _, host, *_ = news["joined"]
            core.names[number] = name
            if role == "worker":
                core.parties.joined(number, name, host)
        if news.get("role") == "worker":
            core.lose(news["lost"], news)
        if "stalled" in news:
            core.parties.stall(news["worker"], news["stalled"])
        if "undone" in news:
            core.parties.note_undone(news["worker"], news["undone"])
            self._make_sure(news["worker"])
        if core.on_news:
            core.on_news(news)

    def _make_sure(self, lost: int) -> None:
        """A question may have been lost with a worker that was not believed to be on its way: ask when all is done.

        What then has no answer gets none; a loss can keep a chain as long as it was, and the path believed is shorter.
        """
        newest = self._core.answers.newest()
        if newest and all(upto < newest for upto, _ in self._unsure.values()):
            self._unsure[self._core.out.ask_when_done()] = (newest, lost)
