"""Open batches: commands that wait to leave together, one batch per worker.

Laws
    A batch leaves whole. Between batches for different workers there is no order, except that the caller closes them
    (``flush``) before a command that needs one.
    Releases leave behind every command issued so far: on the last envelope of a flush.
"""

from __future__ import annotations

from typing import Any

from farptr.protocol import body as bodies
from farptr.protocol.commands import Envelope
from farptr.protocol.header import MAX_TRIPLES, Flag, Header, Kind, References, ones, references

_ONE = {1}
BATCH_COMMANDS = 256
BATCH_BYTES = 1 << 20
MANY_CREATES = MAX_TRIPLES // 4
UNIT_BYTES = 1 << 16
"""An envelope counts as one unit, and as one more for each of these that it carries."""


class Batch:
    """Commands for one worker."""

    __slots__ = ("buffers", "commands", "creates", "flags", "refs", "sequence", "value_bytes", "weight", "worker")

    def __init__(self, worker: int, flags: int = 0) -> None:
        self.worker = worker
        self.flags = flags
        self.commands: list[Any] = []
        self.buffers: list[Any] = []
        self.creates: list[int] = []
        self.refs: list[int] = []
        self.sequence = 0
        """Of its envelope, once it has left."""
        self.value_bytes = 0
        """Bytes of data in it, for the account."""
        self.weight = 0
        """About the bytes of arguments in its body."""

    def full(self) -> bool:
        """Whether it should leave now; a fenced batch holds one command."""
        return (
            len(self.commands) >= BATCH_COMMANDS
            or self.flags != 0
            or self.weight >= BATCH_BYTES
            or bool(self.buffers)  # buffers are views of the caller's memory: they leave before the call returns
            or len(self.creates) >= MANY_CREATES
        )


class Batches:
    """The open batches of a session, and the envelopes that are ready to go."""

    def __init__(self, number: int, epoch: int) -> None:
        self._number, self._epoch = number, epoch
        self.open: dict[int, Batch] = {}
        """By worker."""
        self.units: dict[int, int] = {}
        """What has left for each worker, in units, since that was last looked at: see UNIT_BYTES."""
        self._sequence = 0
        self.received = 0
        """Envelopes of the broker's that have come: said in each header."""
        self.confirmed = 0
        """How many of them it has been told of."""
        self.ready: list[Envelope] = []
        """For the shell to send, in order."""
        self.releases: dict[int, int] = {}
        """References to give back with the next flush, by name."""

    def batch(self, worker: int, flags: int = 0) -> Batch:
        """The open batch for a worker; with flags, a fresh one."""
        found = self.open.get(worker)
        if found is None or flags:
            if found is not None:
                self._leave(found)
            found = self.open[worker] = Batch(worker, flags)
        return found

    def close(self, batch: Batch) -> None:
        """Make one batch leave."""
        if self.open.get(batch.worker) is batch:
            self._leave(batch)

    def flush_others(self, worker: int) -> None:
        """Make the batches for all other workers leave."""
        for batch in [b for b in self.open.values() if b.worker != worker]:
            self._leave(batch)

    def flush(self, *, sync: bool = False) -> None:
        """Make every batch leave, then the releases; with ``sync``, a SYNC behind them (``sequence`` is its number)."""
        batches = list(self.open.values())
        for batch in batches[:-1]:
            self._leave(batch)
        if batches:
            # The common case: releases and SYNC ride on the last commands, and cost no message of their own.
            last = batches[-1]
            ride = len(last.creates) + len(last.refs) + len(self.releases) <= MAX_TRIPLES
            releases = self._take_releases() if ride else ()
            self._leave(last, releases, Flag.SYNC if sync and ride else 0)
            if ride:
                return
        while self.releases:
            releases = self._take_releases()
            flags = Flag.SYNC if sync and not self.releases else 0
            self.control(Kind.NOTE, releases=releases, flags=flags)
            sync = sync and not flags
        if sync:
            self.control(Kind.SYNC, flags=Flag.FENCE | Flag.ALL)

    def _take_releases(self) -> References:
        releases = self.releases
        self.releases = {}
        if len(releases) > MAX_TRIPLES:
            items = list(releases.items())
            self.releases = dict(items[MAX_TRIPLES:])
            return references(items[:MAX_TRIPLES])
        return ones(list(releases)) if set(releases.values()) == _ONE else references(releases.items())

    def pending(self) -> bool:
        """Whether a flush would send anything."""
        return bool(self.open or self.releases)

    def _leave(self, batch: Batch, releases: References = (), flags: int = 0) -> None:
        del self.open[batch.worker]
        if not batch.commands:
            if releases or flags:
                self.control(Kind.NOTE, releases=releases, flags=flags)
            return
        creates = batch.creates
        while len(creates) > MANY_CREATES:  # one command with very many results
            self.control(Kind.NOTE, creates=ones(creates[:MANY_CREATES]))
            creates = creates[MANY_CREATES:]
        body = bodies.dumps(tuple(batch.commands))
        self._sequence += 1
        self.confirmed = self.received
        batch.sequence = self._sequence
        units = self.units
        units[batch.worker] = units.get(batch.worker, 0) + 1 + batch.value_bytes // UNIT_BYTES
        self.ready.append(Envelope(Header(
            Kind.COMMAND, batch.flags | flags, 0, self._epoch, self._number, batch.worker, self._number,
            len(batch.buffers), self._sequence, self.received, batch.value_bytes, len(body),
            ones(creates), ones(batch.refs), releases,
        ), body, tuple(batch.buffers)))  # fmt: skip

    @property
    def sequence(self) -> int:
        """Sequence number of the newest envelope: after ``flush(sync=True)``, that of the SYNC."""
        return self._sequence

    def control(self, kind: Kind, body: bytes = b"", buffers: tuple[Any, ...] = (), **fields: Any) -> int:
        """Make one envelope ready; its sequence number."""
        self._sequence += 1
        self.confirmed = self.received
        header = Header(
            kind,
            received=self.received,
            epoch=self._epoch,
            source=self._number,
            root=self._number,
            buffers=len(buffers),
            sequence=self._sequence,
            body_bytes=len(body),
            **fields,
        )
        self.ready.append(Envelope(header, body, buffers))
        return self._sequence

    def check(self) -> None:
        """Assert what must hold between two commands."""
        for batch in self.open.values():
            assert not batch.buffers, "views of the caller's memory stayed in an open batch"
            assert not batch.flags, "a fenced batch stayed open"
