"""Who received what: the lines of an account."""

from __future__ import annotations

from typing import NamedTuple

AGGREGATE = "aggregate"


class Receipt(NamedTuple):
    """Data that a party was handed; what is only relayed by the broker is not in a receipt of the broker's."""

    time_s: float
    """Since the run began."""
    party: str
    source: str
    """Who had sent it."""
    what: str
    """``sent`` with commands, ``pushed`` from worker to worker, ``fetched``, ``listed`` or ``asked`` by a client."""
    object: str
    """``worker:id``, with what it is called; empty for plain numbers and arrays among arguments."""
    value_bytes: int
    kind: str
    """``raw``: values of one source as they are. ``derived``: computed from data of one owner besides the receiver.
    ``aggregate``: from data of two or more for certain. This says what it was made of, not how little it tells."""
    owners: tuple[str, ...]
    """Whose data it was made of, the receiver's included."""
    sources: tuple[str, ...]
    """Of which data, as ``owner/name`` or ``owner:id``; ``owner/*`` where that cannot be known."""
    version: int
    certain: tuple[str, ...]
    """Those of the owners whose data is in it for certain; after a function, the owners of what it was given."""


class Line(NamedTuple):
    """The account of one party from one other."""

    party: str
    source: str
    envelopes: int
    value_bytes: int
    """Logical: bytes of array data, also those that went through shared memory."""
    wire_bytes: int
    """Bytes of frames."""
    raw: int
    derived: int
    aggregate: int
    """Value bytes by kind."""
