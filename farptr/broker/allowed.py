"""What each role may send."""

from __future__ import annotations

from farptr.broker.roster import CLIENT, WORKER, Party
from farptr.broker.settling import Input
from farptr.protocol.errors import ProtocolError
from farptr.protocol.header import Flag, Kind, has_zero

_ROOTLESS = frozenset({int(Kind.BYE), int(Kind.ASK)})
_BULK = (Kind.PART, Kind.TAKEN)
MAY = {
    CLIENT: frozenset(
        map(int, (Kind.COMMAND, Kind.NOTE, Kind.SYNC, Kind.ASK, Kind.MARK, Kind.BYE, Kind.CANCEL, Kind.IDLE, *_BULK))
    ),
    WORKER: frozenset(map(int, (Kind.COMMAND, Kind.REPLY, Kind.NOTE, Kind.ASK, Kind.BYE, *_BULK))),
}
"""What each role may send."""
MAY_NOT_FLAG = {CLIENT: Flag.DONE | Flag.LOST, WORKER: Flag.SYNC | Flag.LOST}


def check_sender(party: Party, item: Input) -> None:
    """Raise the ProtocolError for an envelope that is not as usual, unless it may be so."""
    header = item.header
    if header.kind not in MAY[party.role]:
        raise ProtocolError(f"{party.role} {party.name} sent a {Kind(header.kind).name}")
    if header.buffers != len(item.buffers):
        raise ProtocolError(f"{party.name} sent an envelope whose header does not match its frames")
    if header.flags & MAY_NOT_FLAG[party.role]:
        raise ProtocolError(f"{party.role} {party.name} sent flags {header.flags}, which are not for it")
    if has_zero(header):
        raise ProtocolError(f"{party.name} sent a list in which a name has a count of 0")
    if party.role == CLIENT:
        raise ProtocolError(f"client {party.number} sent an envelope as root {header.root}")
    if header.kind not in _ROOTLESS:
        raise ProtocolError(f"worker {party.name} works for root {header.root}, which there never was")
