"""The journal of a broker's process: opened with it, closed with it, and what it has to say to the clients."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from farptr.broker.roster import CLIENT, Party
from farptr.broker.telling import Delivery
from farptr.protocol.header import Kind

if TYPE_CHECKING:
    from farptr.broker.core import BrokerCore
    from farptr.journal.noting import Journal


class Noted:
    """A journal, or none; and the sockets' own count of bytes, for its last word."""

    def __init__(self, core: BrokerCore, wanted: tuple[str, dict[str, Any]] | None, *, near: bool) -> None:
        self._core = core
        self.in_bytes = self.out_bytes = 0
        self._told = ""
        self.journal: Journal | None = None
        if wanted is not None:
            from farptr.journal.noting import open_journal

            directory, settings = wanted
            self.journal = core.watch = open_journal(directory, core.run, core.seed, settings, near=near)

    def joined(self, party: Party, wire_bytes: int) -> None:
        """A party was admitted; the bytes are those of its hello."""
        if self.journal:
            self.in_bytes += wire_bytes
            self.journal.joined(party.row(), wire_bytes)

    def news(self) -> list[Delivery]:
        """Tell the clients, once, that the journal has stopped."""
        if self.journal is None or self._told:
            return []
        self.journal.heed()
        if not self.journal.trouble:
            return []
        self._told = self.journal.trouble
        clients = [number for number, party in self._core.roster.live.items() if party.role == CLIENT]
        return [self._core.teller.told(client, Kind.ROSTER, {"journal": self._told}) for client in clients]

    def close(self) -> None:
        """The run is over."""
        if self.journal:
            self.journal.close((self.in_bytes, self.out_bytes))
