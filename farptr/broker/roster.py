"""Who takes part in a run: party numbers, names and roles.

Laws
    A number is given once. A dead party keeps its number for ever, as a tombstone, and never its name.
    No two live workers have one name.
"""

from __future__ import annotations

from typing import Any, NamedTuple
from zlib import crc32

from farptr.protocol.errors import BadName, Exhausted, ProtocolError
from farptr.protocol.ids import BLOCKS, PARTIES
from farptr.protocol.names import ME, check_name

CLIENT, WORKER = "client", "worker"
MOST_BLOCKS = BLOCKS // 16
"""For one party: one that asks for more and more must not take those of all."""


class Party(NamedTuple):
    """One registered process."""

    number: int
    name: str
    role: str
    pid: int
    host: str
    user: str = ME
    """Of a client: the name on its key."""

    def row(self) -> tuple[int, str, str, int, str, str]:
        """As it travels in a roster."""
        return (self.number, self.name, self.role, self.pid, self.host, self.user)


class Roster:
    """The parties of one run, live ones and tombstones."""

    def __init__(self) -> None:
        self.live: dict[int, Party] = {}
        self.lost: dict[int, tuple[Party, str]] = {}
        """Dead parties with what is known of their end."""
        self._names: dict[str, int] = {}
        self._next_number = 1
        self._next_block = 0
        self._blocks: set[int] = set()
        self._granted: dict[int, list[int]] = {}
        """What each party was given."""
        self._unused: list[int] = []
        """Blocks that came back."""

    def register(self, hello: dict[str, Any]) -> Party:
        """A number for the party that says hello; raises BadName or ProtocolError when it cannot have one."""
        role, name, pid, host = (hello.get(k) for k in ("role", "name", "pid", "host"))
        if role not in (CLIENT, WORKER) or not isinstance(pid, int) or not isinstance(host, str):
            raise ProtocolError("a hello without a role, pid and host")
        if role == WORKER:
            check_name(str(name))
            if name in self._names:
                raise BadName(f"a worker called {name!r} is already here", hint="give it another name")
        if self._next_number >= PARTIES:
            raise Exhausted("this run has no party numbers left", hint="start a new run")
        party = Party(
            self._next_number, str(name) if role == WORKER else ME, role, pid, host, str(hello.get("user", ME))
        )
        self._next_number += 1
        self.live[party.number] = party
        if role == WORKER:
            self._names[party.name] = party.number
        return party

    def block(self, number: int, worker: str = "") -> int:
        """A block of ids that nobody else gets; the number of blocks when there are none left for this party.

        A worker's first comes of its name: which one joins first must not change the ids of a seeded run.
        """
        if len(self._granted.setdefault(number, [])) >= MOST_BLOCKS:
            return BLOCKS
        block = BLOCKS - 1 - crc32(worker.encode()) % (BLOCKS // 2) if worker else -1
        if not worker or block in self._blocks:
            block = self._unused.pop() if self._unused else self._fresh()
        self._blocks.add(block)
        self._granted[number].append(block)
        return block

    def _fresh(self) -> int:
        block = next((b for b in range(self._next_block, BLOCKS) if b not in self._blocks), BLOCKS)
        self._next_block = block + 1
        return block

    def give_back(self, number: int) -> None:
        """A party has left that has made nothing: its ids are as good as new."""
        self._unused += [block for block in self._granted.pop(number, ()) if block < BLOCKS]

    def remove(self, number: int, why: str) -> Party | None:
        """Turn a live party into a tombstone."""
        party = self.live.pop(number, None)
        if party:
            self.lost[number] = (party, why)
            if party.role == WORKER:
                del self._names[party.name]
        return party

    def worker(self, name: str) -> Party | None:
        """The live worker of that name."""
        number = self._names.get(name)
        return None if number is None else self.live[number]

    def rows(self) -> list[tuple[int, str, str, int, str, str]]:
        """Live parties as they travel."""
        return [party.row() for party in self.live.values()]

    def check(self) -> None:
        """Assert the laws."""
        assert not self.live.keys() & self.lost.keys(), "a party both live and lost"
        workers = {p.name: p.number for p in self.live.values() if p.role == WORKER}
        assert workers == self._names, "names do not match the live workers"
