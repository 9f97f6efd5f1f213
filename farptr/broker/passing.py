"""Where envelopes enter and leave the broker, and what may look at them there. ``links`` may hold them.

Laws
    A watch is told of each envelope once when it came, and then once of its end: ``handed`` to the socket of its
    destination, or ``dropped``. What is for the broker itself ends when it comes. What came and has no end yet is in
    flight: it waits for a fence, or something holds it.
    A watch changes nothing and raises nothing.
"""

from __future__ import annotations

from typing import Any, Protocol

from farptr.broker.telling import Delivery
from farptr.protocol.header import Header


class Watch(Protocol):
    """Told of what passes; the journal is one."""

    trouble: str
    """Why it keeps no longer what it is told; empty while it does."""

    def joined(self, party: tuple[int, str, str, int, str, str], wire_bytes: int) -> None:
        """A party was admitted: (number, name, role, pid, host, user), and the bytes of its hello."""

    def left(self, number: int, why: str) -> None:
        """A party is gone."""

    def came(self, source: int, header: Header, frame: bytes, buffers: tuple[Any, ...]) -> None:
        """An envelope came from a party, as it was at the socket."""

    def handed(self, delivery: Delivery) -> None:
        """An envelope was given to the socket of its destination."""

    def dropped(self, source: int, header: Header, wire_bytes: int, why: str) -> None:
        """An envelope that came goes nowhere."""

    def modelled(self, change: dict[str, Any]) -> None:
        """A client has changed the modelled network, as it asked for."""

    def state(self) -> dict[str, Any] | None:
        """How a journal does, in plain values, with all it was told so far in place; None for what is none."""

    def cut(self, delivery: Delivery, why: str) -> None:
        """A delivery cannot be made: its destination is gone."""


def wire_bytes_of(frame: bytes, buffers: tuple[Any, ...]) -> int:
    """Bytes of all frames of an envelope, the transport's own framing excluded."""
    return len(frame) + (sum(map(len, buffers)) if buffers else 0)
