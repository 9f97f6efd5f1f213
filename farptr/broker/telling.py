"""What the broker itself has to say to a party.

Law
    Its envelopes have sequence numbers of their own, which grow; an answer has that of the question. To a client each
    says what has come of it, for a client that keeps what may have been lost on the way.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from farptr.broker.roster import CLIENT, Roster
from farptr.broker.settling import Free
from farptr.protocol import body as bodies
from farptr.protocol.header import Header, Kind, encode, references


class Delivery(NamedTuple):
    """Frames for one party."""

    destination: int
    frame: bytes
    """Header and body."""
    buffers: tuple[Any, ...]
    source: int = 0
    """Whose words these are; 0 is the broker."""
    header: Header | None = None
    """As it came from there; None for the broker's own words."""
    urgent: bool = False
    """The broker's own word about itself: it waits for nothing that is on its way."""
    lost: str = ""
    """Why the modelled network lost it; it goes there all the same, to fail what is in it."""


class Teller:
    """Makes deliveries; whoever calls it makes them in order."""

    def __init__(self, epoch: int, roster: Roster) -> None:
        self._epoch, self._roster = epoch, roster
        self.newest: dict[int, int] = {}
        """The last sequence number of each live party."""
        self._sequence = 0

    def told(self, number: int, kind: Kind, value: Any = None, sequence: int | None = None) -> Delivery:
        """A plain value, or none, for a party."""
        if sequence is None:
            sequence = self._next()
        body = b"" if value is None else bodies.dumps(value)
        header = Header(
            kind, 0, 0, self._epoch, 0, number, 0, 0, sequence, self.newest.get(number, 0), 0, len(body)
        )  # fmt: skip
        return Delivery(number, encode(header) + body, ())

    def to_all(self, news: dict[str, Any], but: int = 0) -> list[Delivery]:
        """News for everybody."""
        return [self.told(number, Kind.ROSTER, news) for number in self._roster.live if number != but]

    def stalled(self, worker: int, why: str) -> list[Delivery]:
        """A worker is stopped, or (without a reason) goes on: news for the clients."""
        clients = [n for n, party in self._roster.live.items() if party.role == CLIENT]
        return [self.stalled_for(client, worker, why) for client in clients]

    def stalled_for(self, client: int, worker: int, why: str) -> Delivery:
        """The same for one client."""
        return self.told(client, Kind.ROSTER, {"worker": worker, "stalled": why})

    def undone(self, root: int, worker: int, count: int) -> list[Delivery]:
        """So many envelopes with commands of this client will never be done: their worker is gone."""
        if root not in self._roster.live:
            return []
        return [self.told(root, Kind.ROSTER, {"worker": worker, "undone": count})]

    def free(self, owner: int, root: int, objects: tuple[Free, ...]) -> Delivery:
        """A FREE for objects of one worker."""
        refs = references(objects)
        header = Header(Kind.FREE, epoch=self._epoch, destination=owner, sequence=self._next(), root=root, refs=refs)
        return Delivery(owner, encode(header), ())

    def _next(self) -> int:
        self._sequence += 1
        return self._sequence
