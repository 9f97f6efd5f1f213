"""What the broker's journal notes: a watch of ``farptr.broker.passing``, and a thread that writes.

Laws
    Noting costs the broker a tuple in a queue. Encoding, decoding of bodies and writing are the thread's; when more
    waits than BOUND_BYTES, whoever notes writes it out first, so memory stays bounded and no record is lost.
    After ``flush`` all that was noted is in the file.
    A disk that fails stops the journal, never the run: ``trouble`` says so.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from farptr.journal import folder
from farptr.journal.balance import Balance
from farptr.journal.lineage import notes_of
from farptr.journal.records import Came, Fact, Handed, encode_came, encode_fact, encode_handed, encode_notes
from farptr.journal.writing import Writer
from farptr.protocol.header import FIXED_BYTES, Header, Kind

TICK_S = 0.02
QUIET_TICKS = 25
BOUND_BYTES = 32 << 20
_ITEM_BYTES = 300
"""What a noted envelope takes in memory, besides its first frame."""
_OPENED = frozenset({int(Kind.COMMAND), int(Kind.REPLY)})


class Journal:
    """The journal of a run, as its broker keeps it.

    Args:
        path: its directory, from ``folder.make``.
        manifest: what the run is.
        clock: nanoseconds since the run began; None takes the machine's.
        near: whether nobody but this user's processes can reach the run, see ``body.loads``.
    """

    def __init__(
        self, path: Path, manifest: dict[str, Any], *, clock: Callable[[], int] | None = None, near: bool = False
    ) -> None:
        self.path = path
        self._near = near
        began = time.monotonic_ns()
        self.clock = clock or (lambda: time.monotonic_ns() - began)
        self._manifest = manifest
        self._writer = Writer(path)
        self._balance = Balance()
        self._queue: deque[tuple[Any, ...]] = deque()
        self._waiting_bytes = 0
        self._lock = threading.Lock()
        self._wake = threading.Event()
        self._parked = False
        self._closed = False
        folder.write_manifest(path, manifest)
        stable: dict[str, Any] = {k: manifest[k] for k in ("format", "protocol", "seed") if k in manifest}
        self._writer.write([encode_fact(0, "start", stable)])
        self._thread = threading.Thread(target=self._run, daemon=True, name="farptr-journal")
        self._thread.start()

    @property
    def trouble(self) -> str:
        """Why the journal has stopped; empty while it goes on."""
        lost = f"; {self._writer.lost} records are not in it" if self._writer.lost else ""
        return self._writer.trouble and self._writer.trouble + lost

    # ------------------------------------------------------------ the watch

    def joined(self, party: tuple[int, str, str, int, str, str], wire_bytes: int) -> None:
        """A party was admitted."""
        # Neither pid nor host: they would differ from run to run.
        self._note("joined", {"party": list(party[:3]), "bytes": wire_bytes})

    def left(self, number: int, why: str) -> None:
        """A party is gone."""
        self._note("left", {"party": number, "why": why})

    def came(self, source: int, header: Header, frame: bytes, buffers: tuple[Any, ...]) -> None:
        """An envelope came."""
        wire_bytes = len(frame) + (sum(map(len, buffers)) if buffers else 0)
        self._put((self.clock(), source, header, frame, wire_bytes), len(frame))

    def handed(self, delivery: Any) -> None:
        """An envelope left."""
        destination, frame, buffers, source, header = delivery
        wire_bytes = len(frame) + (sum(map(len, buffers)) if buffers else 0)
        if header is None:
            head = frame[:FIXED_BYTES]
            self._put((self.clock(), destination, 0, head[3], 0, wire_bytes, wire_bytes), 0)
        else:
            carried = len(frame) - header.body_bytes
            self._put((self.clock(), destination, source, header.kind, header.sequence, wire_bytes, carried), 0)

    def dropped(self, source: int, header: Header, wire_bytes: int, why: str) -> None:
        """An envelope goes nowhere."""
        fields = {"source": source, "destination": header.destination, "kind": header.kind, "sequence": header.sequence,
                  "bytes": wire_bytes, "why": why}  # fmt: skip
        self._note("dropped", fields)

    def cut(self, delivery: Any, why: str) -> None:
        """A delivery could not be made."""
        destination, frame, buffers, source, header = delivery
        wire_bytes = len(frame) + sum(map(len, buffers))
        sequence = header.sequence if header is not None else 0
        fields = {"source": source, "destination": destination, "kind": frame[3], "sequence": sequence,
                  "bytes": wire_bytes, "why": why, "cut": True}  # fmt: skip
        self._note("dropped", fields)

    # ------------------------------------------------------------ the end

    def state(self) -> dict[str, Any]:
        """Where the journal is and how it does, with everything noted so far in the file."""
        self.flush()
        return {"path": str(self.path), "trouble": self.trouble, "records": self._writer.records,
                "bytes": self._writer.bytes}  # fmt: skip

    def flush(self) -> None:
        """Write out all that was noted."""
        with self._lock:
            self._drain()

    def close(self, sockets: tuple[int, int] = (0, 0)) -> None:
        """The run is over: the last word, with what the sockets have counted (bytes in, bytes out)."""
        self._closed = True
        self._wake.set()
        self._thread.join(1.0)
        with self._lock:
            self._drain()
            verdict = self._balance.verdict(sockets)
            self._writer.write([encode_fact(self.clock(), "end", verdict)])
            self._writer.close()
        if not self._writer.trouble:
            end = {"records": self._writer.records, "head": self._writer.chain.hex(), "balance": verdict}
            try:
                folder.write_manifest(self.path, self._manifest | end)
            except OSError as error:
                self._writer.trouble = f"the manifest of the journal was not finished: {error.strerror}"

    # ------------------------------------------------------------ the thread

    def _note(self, what: str, fields: dict[str, Any]) -> None:
        self._put((self.clock(), what, fields), 0)

    def _put(self, item: tuple[Any, ...], size: int) -> None:
        self._queue.append(item)
        self._waiting_bytes += _ITEM_BYTES + size
        if self._waiting_bytes > BOUND_BYTES:
            self.flush()
        elif self._parked:
            self._wake.set()

    def _run(self) -> None:
        quiet = 0
        while not self._closed:
            self._parked = quiet >= QUIET_TICKS and not self._queue
            self._wake.wait(None if self._parked and not self._queue else TICK_S)
            self._wake.clear()
            quiet = 0 if self._queue else quiet + 1
            with self._lock:
                try:
                    self._drain()
                except Exception as error:  # a fault here must not be a run's end, nor go unseen
                    self._writer.trouble = f"the journal has stopped: {type(error).__name__}: {error}"

    def _drain(self) -> None:
        while self._queue:
            items = [self._queue.popleft() for _ in range(min(len(self._queue), 256))]
            self._waiting_bytes = max(0, self._waiting_bytes - sum(_size(item) for item in items))
            self._writer.write(payload for item in items for payload in self._payloads(item))

    def _payloads(self, item: tuple[Any, ...]) -> Iterator[bytes]:
        if len(item) == 7:
            handed = Handed(*item)
            self._balance.add(handed)
            yield encode_handed(handed)
        elif len(item) == 5:
            time_ns, source, header, frame, wire_bytes = item
            came = Came(time_ns, source, header, wire_bytes)
            self._balance.add(came)
            end = came.head_bytes
            yield encode_came(time_ns, source, frame[:end], wire_bytes)
            if header.kind in _OPENED and (notes := notes_of(header.kind, frame[end:], near=self._near)):
                yield encode_notes(time_ns, source, header.sequence, notes)
        else:
            fact = Fact(*item)
            self._balance.add(fact)
            if fact.what == "joined":
                self._writer.parties[fact.fields["party"][0]] = fact.fields["party"]
            yield encode_fact(*fact)


def _size(item: tuple[Any, ...]) -> int:
    return _ITEM_BYTES + (len(item[3]) if len(item) == 5 else 0)


def open_journal(directory: str, run: str, seed: int | None, settings: dict[str, Any], *, near: bool) -> Journal:
    """A journal for a run that begins; raises JournalError."""
    from farptr.protocol.errors import JournalError

    path = folder.make(directory)
    try:
        return Journal(path, folder.manifest(run, seed, settings), near=near)
    except OSError as error:
        raise JournalError(f"no journal can be written in {path}: {error.strerror}", hint="free some space") from None
