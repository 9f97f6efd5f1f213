"""What the broker's journal notes: a watch of ``farptr.broker.passing``, which feeds a process that writes.

Laws
    Noting costs the broker one copy into a ring (``ring``). Decoding, lineage, chain and files are another process's
    (``process``), which finds what is in the ring also when the broker is killed.
    When the ring is full, whoever notes waits until there is room, so memory stays bounded and no record is lost; when
    nothing moves for STALL_S, the journal stops.
    After ``flush`` all that was noted is in the file.
    A disk that fails, or a writing process that is gone, stops the journal, never the run: ``trouble`` says so.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from farptr.journal import folder, process
from farptr.journal.recorder import CAME, CAME_HEAD, CLOSE, CLOSE_ITEM, FLUSH, HANDED, Recorder
from farptr.journal.records import HANDED as HANDED_PAYLOAD
from farptr.journal.records import encode_fact
from farptr.journal.ring import Ring
from farptr.protocol import body as bodies
from farptr.protocol.header import Header

STALL_S = 10.0
"""The writing process may take so long for a step of its work; then it is given up."""
_LOOK_S = 0.05
WIDEST_PATH = "n" * 255
_FLUSH_ITEM = bytes([FLUSH])


class Journal:
    """The journal of a run, as its broker keeps it. Forks a process: make it before threads and sockets.

    Args:
        path: its directory, from ``folder.make``.
        manifest: what the run is.
        clock: nanoseconds since the run began; None takes the machine's.
        near: whether nobody but this user's processes can reach the run, see ``body.loads``.

    Raises OSError when nothing can be written, or no process be started.
    """

    def __init__(
        self, path: Path, manifest: dict[str, Any], *, clock: Callable[[], int] | None = None, near: bool = False
    ) -> None:
        self.path = path
        began = time.monotonic_ns()
        self.clock = clock or (lambda: time.monotonic_ns() - began)
        self.trouble = ""
        """Why the journal has stopped; empty while it goes on."""
        self._state: dict[str, Any] = {"path": str(path), "trouble": "", "records": 0, "bytes": 0}
        self._ring = Ring()
        self._pack_came, self._pack_handed = CAME_HEAD.pack, HANDED_PAYLOAD.pack
        recorder = Recorder(path, manifest, near=near)
        self.pid, self._socket = process.fork(self._ring, recorder)
        recorder.leave()
        self._answers = 0
        self._heard = b""
        self._over = False

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
        self._put(self._pack_came(CAME, self.clock(), source, wire_bytes), frame)

    def handed(self, delivery: Any) -> None:
        """An envelope left."""
        destination, frame, buffers, source, header = delivery[:5]
        wire_bytes = len(frame) + (sum(map(len, buffers)) if buffers else 0)
        now, pack = self.clock(), self._pack_handed
        if header is None:
            self._put(pack(HANDED, now, destination, 0, frame[3], 0, wire_bytes, wire_bytes))
        else:
            carried = len(frame) - header.body_bytes
            self._put(pack(HANDED, now, destination, source, header.kind, header.sequence, wire_bytes, carried))

    def dropped(self, source: int, header: Header, wire_bytes: int, why: str) -> None:
        """An envelope goes nowhere."""
        fields = {"source": source, "destination": header.destination, "kind": header.kind, "sequence": header.sequence,
                  "bytes": wire_bytes, "why": why}  # fmt: skip
        self._note("dropped", fields)

    def cut(self, delivery: Any, why: str) -> None:
        """A delivery could not be made."""
        destination, frame, buffers, source, header = delivery[:5]
        wire_bytes = len(frame) + sum(map(len, buffers))
        sequence = header.sequence if header is not None else 0
        fields = {"source": source, "destination": destination, "kind": frame[3], "sequence": sequence,
                  "bytes": wire_bytes, "why": why, "cut": True}  # fmt: skip
        self._note("dropped", fields)

    def modelled(self, change: dict[str, Any]) -> None:
        """The modelled network is another one."""
        self._note("network", change)

    def _note(self, what: str, fields: dict[str, Any]) -> None:
        self._put(encode_fact(self.clock(), what, fields))

    def _put(self, head: bytes, body: bytes = b"") -> None:
        if self._over:
            return
        if not self._ring.put(head, body) and not self._put_later(head, body):
            return
        if self._ring.parked:
            self._wake()

    def _put_later(self, head: bytes, body: bytes) -> bool:
        """The ring is full: wait until the writing process has made room."""
        self._wake()
        left, deadline_s = self._ring.waiting_bytes, time.monotonic() + STALL_S
        while not self._over:
            self.heed(_LOOK_S)
            if self._ring.put(head, body):
                return True
            if (now_left := self._ring.waiting_bytes) != left:
                left, deadline_s = now_left, time.monotonic() + STALL_S
            elif time.monotonic() > deadline_s:
                self._stop(f"its writing process (pid {self.pid}) does not go on")
        return False

    # ------------------------------------------------------------ the writing process

    def heed(self, wait_s: float = 0.0) -> None:
        """Take in what the writing process says, and whether it is still there."""
        if self._over or not select.select([self._socket], [], [], wait_s)[0]:
            return
        try:
            said = self._socket.recv(1 << 16)
        except (BlockingIOError, InterruptedError):
            return
        except OSError:
            said = b""
        *lines, self._heard = (self._heard + said).split(b"\n")
        for line in lines:
            self._state = json.loads(line)
            self.trouble = self._state["trouble"]
            self._answers += self._state.pop("asked")
        if not said:
            self._stop(f"its writing process (pid {self.pid}) is gone", wait=0)

    def state(self) -> dict[str, Any]:
        """Where the journal is and how it does, with everything noted so far in the file."""
        self.flush()
        fill = bodies.filler(self._state["path"], WIDEST_PATH)
        return {**self._state, "trouble": self.trouble, "fill": fill}

    def flush(self) -> None:
        """Have all that was noted written out."""
        self.heed()
        self._ask(_FLUSH_ITEM)

    def close(self, sockets: tuple[int, int] = (0, 0)) -> None:
        """The run is over: the last word, with what the sockets have counted (bytes in, bytes out)."""
        if self._over:
            return
        self.heed()
        self._ask(CLOSE_ITEM.pack(CLOSE, self.clock(), *sockets))
        said, deadline_s = self.trouble, time.monotonic() + STALL_S
        while not self._over and time.monotonic() < deadline_s:
            self.heed(_LOOK_S)  # until it is gone, as it ought to be
        self.trouble = said

    def _ask(self, item: bytes) -> None:
        """Leave an item that is answered, and wait for the answer to it, as long as something moves."""
        seen = self._answers
        self._put(item)
        if not self._over:
            self._wake()
        left, deadline_s = self._ring_left(), time.monotonic() + STALL_S
        while not self._over and (self._answers == seen or self._ring_left()):
            self.heed(_LOOK_S)
            if (now_left := self._ring_left()) != left:
                left, deadline_s = now_left, time.monotonic() + STALL_S
            elif time.monotonic() > deadline_s:
                self._stop(f"its writing process (pid {self.pid}) does not go on")

    def _ring_left(self) -> int:
        return 0 if self._over else self._ring.waiting_bytes

    def _wake(self) -> None:
        with contextlib.suppress(OSError):  # it has enough of them to wake, or is gone: ``heed`` finds that
            self._socket.send(b"\0")

    def _stop(self, why: str, *, wait: int = os.WNOHANG) -> None:
        self.trouble = self.trouble or f"the journal has stopped: {why} ({self.path})"
        self._over = True
        self._socket.close()
        self._ring.close()
        with contextlib.suppress(ChildProcessError):
            os.waitpid(self.pid, wait)


def open_journal(
    directory: str,
    run: str,
    seed: int | None,
    settings: dict[str, Any],
    *,
    near: bool,
    clock: Callable[[], int] | None = None,
) -> Journal:
    """A journal for a run that begins; raises JournalError."""
    from farptr.protocol.errors import JournalError

    path = folder.make(directory)
    try:
        return Journal(path, folder.manifest(run, seed, settings), near=near, clock=clock)
    except OSError as error:
        raise JournalError(f"no journal can be written in {path}: {error.strerror}", hint="free some space") from None
