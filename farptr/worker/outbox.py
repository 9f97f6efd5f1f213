"""What leaves a turn, and in which order (docs/protocol.md, "A turn").

Laws
    Forwards and pushes leave first, one envelope per destination with their order kept; then the replies; the
    releases and DONE ride on the last envelope.
    Array data is either copied or leaves before anything can change it.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from farptr.protocol import body as bodies
from farptr.protocol import values
from farptr.protocol.commands import Envelope
from farptr.protocol.header import MAX_TRIPLES, Flag, Header, Kind, triples

MANY_CREATES = MAX_TRIPLES // 4
"""More references than this at once go ahead in notes of their own."""
_BATCH_COMMANDS = 256


class _Batch:
    __slots__ = ("buffers", "creates", "items", "refs", "value_bytes")

    def __init__(self) -> None:
        self.items: list[Any] = []
        self.buffers: list[Any] = []
        self.creates: list[int] = []
        self.refs: list[int] = []
        self.value_bytes = 0

    def full(self) -> bool:
        return len(self.items) >= _BATCH_COMMANDS or len(self.creates) + len(self.refs) > MANY_CREATES

    def header_fields(self) -> dict[str, Any]:
        return {
            "buffers": len(self.buffers),
            "value_bytes": self.value_bytes,
            "creates": triples((n, 1) for n in self.creates) if self.creates else (),
            "refs": triples((n, 1) for n in self.refs) if self.refs else (),
        }


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
        self._replies: list[_Batch] = [_Batch()]
        self._claims: list[int] = []

    def _batch(self, there: int | None) -> _Batch:
        """The batch for a worker, or (None) for the root. It changes only between two commands."""
        if there is None:
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
        if value.nbytes > values.INLINE_BYTES and not self.last:
            value = value.copy(order="K")
        return values.encode_array(value, batch.buffers)

    def moved(self, value: np.ndarray[Any, Any]) -> None:
        """Count one element that leaves in an answer as a plain value."""
        self._replies[-1].value_bytes += value.nbytes

    def carry(self, wire: tuple[Any, ...], old: tuple[Any, ...], there: int) -> tuple[Any, ...]:
        """An array argument handed on as it came."""
        batch = self._batch(there)
        batch.value_bytes += values.encoded_bytes(wire)
        return values.moved(wire, old, batch.buffers)

    def reply(self, answer: tuple[Any, ...]) -> None:
        """An answer or report for the root."""
        self._replies[-1].items.append(answer)
        if self._replies[-1].full():
            self._replies.append(_Batch())

    # ------------------------------------------------------------ the end of the turn

    def end(self, releases: list[tuple[int, int]]) -> list[Envelope]:
        """The envelopes of the turn, in order, the last with DONE."""
        if not (self._closed or self._claims or self._replies[0].items) and len(releases) <= MAX_TRIPLES:
            # The most frequent turn: it has nothing to say but that it is done.
            self._sequence += 1
            done = Header(Kind.NOTE, Flag.DONE, self._hop, self._epoch, self._number, 0, self._root, 0, self._sequence,
                          0, 0, 0, (), (), triples(releases) if releases else ())  # fmt: skip
            return [Envelope(done)]
        out = [self._note(creates=chunk) for chunk in _chunks([(n, 1) for n in self._claims])]
        out += [self._envelope(Kind.COMMAND, there, self._hop + 1, batch) for there, batch in self._closed]
        out += [self._envelope(Kind.REPLY, self._root, self._hop, b) for b in self._replies if b.items]
        *more, last = _chunks(releases) or [[]]
        out += [self._note(releases=chunk) for chunk in more]
        header = out[-1].header if out else None
        if header is None or len(header.creates) // 3 + len(header.refs) // 3 + len(last) > MAX_TRIPLES:
            out.append(self._note())
        final = out[-1]
        done = final.header._replace(
            flags=final.header.flags | Flag.DONE, releases=final.header.releases + triples(last)
        )
        out[-1] = final._replace(header=done)
        return out

    def _note(self, creates: Any = (), releases: Any = ()) -> Envelope:
        return Envelope(self._header(Kind.NOTE, 0, creates=triples(creates), releases=triples(releases)))

    def _envelope(self, kind: Kind, to: int, hop: int, batch: _Batch) -> Envelope:
        body = bodies.dumps(tuple(batch.items))
        header = self._header(kind, to, hop=hop, body_bytes=len(body), **batch.header_fields())
        return Envelope(header, body, tuple(batch.buffers))

    def _header(self, kind: Kind, to: int, **fields: Any) -> Header:
        self._sequence += 1
        return Header(
            kind, epoch=self._epoch, source=self._number, destination=to, root=self._root, sequence=self._sequence,
            **fields,
        )  # fmt: skip


def _chunks(counts: list[tuple[int, int]]) -> list[list[tuple[int, int]]]:
    return [counts[at : at + MAX_TRIPLES] for at in range(0, len(counts), MAX_TRIPLES)]
