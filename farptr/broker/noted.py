"""The journal of a broker's process: opened with it, closed with it, and what it has to say to the clients."""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from farptr.broker.roster import CLIENT, Party
from farptr.broker.telling import Delivery
from farptr.journal import BESIDE, IN_MEMORY
from farptr.protocol.header import Kind

IPC = "ipc://"
Clock = Callable[[], int]
"""Nanoseconds since the run began."""

if TYPE_CHECKING:
    from farptr.broker.core import BrokerCore
    from farptr.journal.noting import Journal
    from farptr.journal.tally import Tally


class Noted:
    """A journal, a tally, or neither; and the sockets' own count of bytes, for its last word."""

    def __init__(
        self, core: BrokerCore, wanted: tuple[str, dict[str, Any]] | None, *, near: bool, clock: Clock | None = None
    ) -> None:
        self._core = core
        self.in_bytes: Counter[int] = Counter()
        self.out_bytes: Counter[int] = Counter()
        """Bytes of all frames that the sockets have taken and given, by party, where there is a watch."""
        self.lost_bytes: Counter[int] = Counter()
        """Of what a modelled network has lost: it is handed over marked as such, and counts as dropped."""
        self._told: set[int] = set()
        """Clients that know that the journal has stopped."""
        self.journal: Journal | None = None
        self._tally: Tally | None = None
        if wanted is None:
            return
        core.sockets = self.counted
        directory, settings = wanted
        if directory == IN_MEMORY:
            from farptr.journal.tally import Tally

            core.watch = self._tally = Tally()
        else:
            from farptr.journal.noting import open_journal

            self.journal = core.watch = open_journal(directory, core.run, core.seed, settings, near=near, clock=clock)

    def tell_beside(self, address: str) -> None:
        """Write down where the journal is, beside the socket of that address."""
        if self.journal is not None and address.startswith(IPC):
            with contextlib.suppress(OSError):  # a full disk: whoever looks for it is told that there is none
                Path(address.removeprefix(IPC)).with_name(BESIDE).write_text(str(self.journal.path), encoding="utf-8")

    def joined(self, party: Party, wire_bytes: int) -> None:
        """A party was admitted; the bytes are those of its hello."""
        if self._core.watch:
            self.in_bytes[party.number] += wire_bytes
            self._core.watch.joined(party.row(), wire_bytes)

    def counted(self) -> dict[str, Any]:
        """What the sockets have counted, by party, and where a tally does not balance, or differs from them."""
        found = {n: (self.in_bytes[n], self.out_bytes[n]) for n in self._core.roster.live}
        faults = []
        if self._tally is not None:
            faults = self._tally.faults()
            told = {n: (self._tally.came_bytes[n], self._tally.handed_bytes[n]) for n in found}
            differ = [n for n in found if told[n] != found[n]]
            faults += [f"party {n}: {found[n]} bytes at the sockets, {told[n]} seen" for n in differ]
        parties = {n: (came, left + self.lost_bytes[n]) for n, (came, left) in found.items()}
        return {"parties": parties, "faults": faults}

    def news(self) -> list[Delivery]:
        """Tell each client, once, that the journal has stopped; also one that comes later."""
        if self.journal is None:
            return []
        self.journal.heed()
        if not self.journal.trouble:
            return []
        clients = {number for number, party in self._core.roster.live.items() if party.role == CLIENT} - self._told
        self._told |= clients
        said = {"journal": self.journal.trouble}
        return [self._core.teller.told(client, Kind.ROSTER, said) for client in sorted(clients)]

    def close(self) -> None:
        """The run is over."""
        if self.journal:
            self._core.watch = None
            self.journal.close((self.in_bytes.total(), self.out_bytes.total()))
