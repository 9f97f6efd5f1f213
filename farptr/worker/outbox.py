"""What leaves a turn, and in which order (docs/protocol.md, "A turn").

Laws
    Forwards and pushes leave first, one envelope per destination with their order kept; then the replies; the
    releases and DONE ride on the last envelope.
    Array data is either copied or leaves before anything can change it.
    An answer that fits no envelope is replaced by a failure that says so; what it would have handed out goes back.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from farptr.protocol import body as bodies
from farptr.protocol import plain, values
from farptr.protocol.body import MAX_BODY_BYTES
from farptr.protocol.commands import FAILED, FOUND, PLAIN, VALUE, Envelope
from farptr.protocol.errors import MessageTooLarge, Report
from farptr.protocol.header import HOP_LIMIT, MAX_TRIPLES, Flag, Header, Kind, References, ones, references
from farptr.worker import tensors

MANY_CREATES = MAX_TRIPLES // 4
"""More references than this at once go ahead in notes of their own."""
_BATCH_COMMANDS = 256
INLINE_AT_MOST_BYTES = 4 << 20
"""Array bytes in one body; arrays over SMALL_BYTES that come after them go into frames of their own, however small."""
SMALL_BYTES = 256


class _Batch:
    __slots__ = ("buffers", "creates", "inline_bytes", "items", "refs", "value_bytes")

    def __init__(self) -> None:
        self.items: list[Any] = []
        self.buffers: list[Any] = []
        self.creates: list[int] = []
        self.refs: list[int] = []
        self.value_bytes = 0
        self.inline_bytes = 0

    def full(self) -> bool:
        return len(self.items) >= _BATCH_COMMANDS or len(self.creates) + len(self.refs) > MANY_CREATES


class Outbox:
    """Collects one turn's envelopes."""

    def __init__(self, number: int, epoch: int) -> None:
        self._number, self._epoch = number, epoch
        self._sequence = 0
        self.last = False
        """Whether the command at work is the last of its turn: then nothing can change an array before it leaves."""

    def begin(self, root: int, hop: int) -> None:
        """A new turn."""
        self._root, self._hop = root, hop
        self._open: dict[int, _Batch] = {}
        self._closed: list[tuple[int, _Batch]] = []
        self._replies: list[_Batch] = []
        self._claims: list[int] = []

    def _batch(self, there: int | None) -> _Batch:
        """The batch for a worker, or (None) for the root. It changes only between two commands."""
        if there is None:
            if not self._replies:
                self._replies.append(_Batch())
            return self._replies[-1]
        batch = self._open.get(there)
        if batch is None:
            batch = self._open[there] = _Batch()
            self._closed.append((there, batch))
        return batch

    def command(self, there: int, command: tuple[Any, ...], *, creates: Any = (), refs: Any = ()) -> None:
        """Forward or push one command; its arrays and references were put in before it."""
        batch = self._batch(there)
        batch.items.append(command)
        batch.refs += refs
        if len(creates) > MANY_CREATES:
            self._claims += creates
        else:
            batch.creates += creates
        if batch.full():
            del self._open[there]

    def forward(self, there: int, command: tuple[Any, ...], name: int, value_bytes: int) -> None:
        """``command`` for the common case: it creates one name, and carries plain numbers, if anything."""
        batch = self._open.get(there) or self._batch(there)
        items = batch.items
        items.append(command)
        batch.creates.append(name)
        batch.value_bytes += value_bytes
        if len(items) >= _BATCH_COMMANDS:
            del self._open[there]

    def claim(self, name: int) -> None:
        """A reference of this worker to an object of its own."""
        self._claims.append(name)

    def refer(self, target: int, destination: int | None) -> None:
        """A reference that the destination receives."""
        self._batch(destination).refs.append(target)

    def array(self, value: np.ndarray[Any, Any], destination: int | None) -> tuple[Any, ...]:
        """The wire form of an array, for that destination's next command or reply."""
        batch = self._batch(destination)
        batch.value_bytes += value.nbytes
        inline = values.INLINE_BYTES if batch.inline_bytes < INLINE_AT_MOST_BYTES else SMALL_BYTES
        if value.nbytes <= inline:
            batch.inline_bytes += value.nbytes
        elif not self.last:
            value = value.copy(order="K")
        return values.encode_array(value, batch.buffers, inline)

    def value(self, value: plain.Plain, destination: int | None) -> tuple[Any, ...]:
        """The wire form of a value that is no array, for that destination's next command or reply."""
        batch = self._batch(destination)
        wire = plain.encode_value(value if self.last else tensors.copied(value), batch.buffers)
        batch.value_bytes += plain.size_bytes(wire[1])
        return wire

    def at_once(self, answer: tuple[Any, ...], value_bytes: int) -> Envelope:
        """An envelope for the root that leaves before the turn ends."""
        batch = _Batch()
        batch.value_bytes = value_bytes
        batch.items.append(answer)
        return self._envelope(Kind.REPLY, self._root, self._hop, batch)

    def count(self, there: int | None, value_bytes: int) -> None:
        """Count data that is handed on with a command, or (None) told in the next reply."""
        self._batch(there).value_bytes += value_bytes

    def moved(self, value: np.ndarray[Any, Any]) -> None:
        """Count one element that leaves in an answer as a plain value."""
        self._batch(None).value_bytes += value.nbytes

    def carry(self, wire: tuple[Any, ...], old: Sequence[Any], there: int) -> tuple[Any, ...]:
        """An array argument handed on as it came."""
        return values.moved(wire, old, self._batch(there).buffers)

    def reply(self, answer: tuple[Any, ...]) -> None:
        """An answer or report for the root."""
        batch = self._batch(None)
        batch.items.append(answer)
        if batch.full():
            self._replies.append(_Batch())

    # ------------------------------------------------------------ the end of the turn

    def end(self, releases: list[tuple[int, int]]) -> list[Envelope]:
        """The envelopes of the turn, in order, the last with DONE."""
        out = [self._note(creates=references(chunk)) for chunk in _chunks([(n, 1) for n in self._claims])]
        hop = min(self._hop + 1, HOP_LIMIT)  # whoever sent this on after too many is to blame, not this worker
        left = [(Kind.COMMAND, there, hop, batch) for there, batch in self._closed]
        left += [(Kind.REPLY, self._root, self._hop, batch) for batch in self._replies if batch.items]
        if left and len(left[-1][3].creates) + len(left[-1][3].refs) + len(releases) <= MAX_TRIPLES:
            out += [self._envelope(*item) for item in left[:-1]]
            out.append(self._envelope(*left[-1], Flag.DONE, references(releases) if releases else ()))
            return out
        out += [self._envelope(*item) for item in left]
        *more, last = _chunks(releases) or [[]]
        out += [self._note(releases=references(chunk)) for chunk in more]
        out.append(self._note(releases=references(last) if last else (), flags=Flag.DONE))
        return out

    def next_sequence(self) -> int:
        """The number of an envelope that is made elsewhere, and leaves before the next turn."""
        self._sequence += 1
        return self._sequence

    # Headers are built by position: by keyword they would cost as much as everything else that a short turn does.

    def _note(self, creates: References = (), releases: References = (), flags: int = 0) -> Envelope:
        self._sequence += 1
        return Envelope(Header(
            Kind.NOTE, flags, self._hop, self._epoch, self._number, 0, self._root, 0, self._sequence, 0, 0, 0,
            creates, (), releases,
        ))  # fmt: skip

    def _envelope(
        self, kind: Kind, to: int, hop: int, batch: _Batch, flags: int = 0, releases: References = ()
    ) -> Envelope:
        body = bodies.dumps(tuple(batch.items))
        if len(body) > MAX_BODY_BYTES and kind == Kind.REPLY:
            body = bodies.dumps(tuple([self._refused(item, len(body)) for item in batch.items]))
        self._sequence += 1
        return Envelope(Header(
            kind, flags, hop, self._epoch, self._number, to, self._root, len(batch.buffers), self._sequence, 0,
            batch.value_bytes, len(body), ones(batch.creates),
            ones(batch.refs), releases,
        ), body, tuple(batch.buffers))  # fmt: skip

    def _refused(self, answer: tuple[Any, ...], size: int) -> tuple[Any, ...]:
        """What is said instead of an answer in a body of that size."""
        number, status, *_ = answer
        if status not in (VALUE, PLAIN, FOUND):
            return answer  # failures are never that long
        text = f"the answer takes {size} bytes, over the limit of {MAX_BODY_BYTES} for one message"
        hint = "ask for less: sim['julie'].count() counts objects, search() finds some"
        report = Report(
            MessageTooLarge.__name__, text, "answer", number, self._number, self._hop, 0, "", hint, self._root
        )
        return (number, FAILED, tuple(report))


def _chunks(counts: list[tuple[int, int]]) -> list[list[tuple[int, int]]]:
    return [counts[at : at + MAX_TRIPLES] for at in range(0, len(counts), MAX_TRIPLES)] if counts else []
