"""What the commands of one turn have in common: the store, what leaves, and where in the program they stand.

Laws
    1. A command goes on at another worker as a forward, and at this one inside the turn.
    2. Whatever is stored gets its place in the program: root, command, hop and index.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol

from farptr.protocol import marked, plain, values
from farptr.protocol.commands import REPORT, Envelope
from farptr.protocol.errors import HopLimit, LinkLost, ProtocolError
from farptr.protocol.header import HOP_LIMIT, Header
from farptr.protocol.ids import IdBlock, worker_of
from farptr.protocol.records import replaced
from farptr.protocol.shapes import report_in
from farptr.worker import tensors
from farptr.worker.authority import Authority
from farptr.worker.failures import report_of
from farptr.worker.outbox import Outbox
from farptr.worker.store import Failure, Order, Pointer, Store, Value

Command = tuple[Any, ...]


class Tell(Protocol):
    """The way out for what a function says while it runs."""

    def due(self) -> bool:
        """Whether something may leave now; not too often."""

    def send(self, envelope: Envelope) -> None:
        """Send it."""


class Turn:
    """The turn at work; handlers of commands share it. There is one object for all turns of a worker."""

    def __init__(
        self, number: int, ids: IdBlock, store: Store, out: Outbox, names: dict[int, str], follow: Callable[[Any], None]
    ) -> None:
        self.number = number
        self.ids, self.store, self.out = ids, store, out
        self.root = 0
        """The client whose program this is."""
        self.hop = 0
        self.buffers: Sequence[Any] = ()
        """What came with the envelope."""
        self.admit: Callable[[int], None] | None = None
        """Raises when there is no room for an array of so many bytes that has come; None where there is no bound."""
        self.lost: LinkLost | None = None
        """Why no value that came with this envelope is there."""
        self.tell: Tell | None = None
        """What leaves before the turn ends; None where nothing does."""
        self.authority: Authority
        """Who may do what here."""
        self._names = names
        self._follow = follow
        """Carries out one command."""

    def begin(self, header: Header, buffers: Sequence[Any]) -> None:
        """An envelope came."""
        self.root, self.hop, self.buffers = header.root, header.hop, buffers
        self.out.begin(header.root, header.hop)

    def order(self, command: Command, index: int = 0) -> Order:
        """Where in the program the result of a command is made."""
        return (self.root, command[0], self.hop, index)

    def called(self, number: int) -> str:
        """The name of a party."""
        return self._names.get(number, f"party {number}")

    # ------------------------------------------------------------ going on

    def check_hop(self) -> None:
        """Raise HopLimit when a command may go no further."""
        if self.hop >= HOP_LIMIT:
            raise HopLimit(f"the chain is longer than {HOP_LIMIT} hops")

    def go_on(self, there: int, command: Command, creates: list[int]) -> None:
        """Forward a command, or follow it inside the turn; ``creates`` are references that this worker now holds."""
        if there != self.number:
            self.out.command(there, command, creates=creates)
            return
        for name in creates:
            self.out.claim(name)
        self.hop += 1
        self._follow(command)
        self.hop -= 1

    # ------------------------------------------------------------ values

    def decoded(self, wire: Any) -> Value:
        """The value that came in this wire form; raises ProtocolError, MemoryError."""
        tag = wire[0]
        if tag == values.ARRAY:
            if self.admit is not None:
                self.admit(values.encoded_bytes(wire))
            return values.decode_array(wire, self.buffers)
        if tag == marked.TENSOR:
            if self.admit is not None:
                self.admit(marked.size_bytes(wire))
            return tensors.theirs().decoded(marked.decode(wire, self.buffers))  # type: ignore[no-any-return]
        if tag == plain.PLAIN_VALUE:
            if self.admit is not None:
                self.admit(plain.size_bytes(wire[1]))
            found = plain.decode_value(wire, self.buffers)
            return plain.Plain(replaced(found.value, tensors.maker()))
        if tag == values.POINTER:
            self.store.check_came(wire[1])
            return Pointer(wire[1])
        if tag == values.ERROR:
            return Failure(report_in(wire[1]))
        raise ProtocolError(f"a value tagged {tag!r}")

    def taken(self, command: Command, wire: Any) -> Value:
        """The value that a command stores; without room for it, or lost, it is that failure, which is reported too."""
        try:
            if self.lost is not None:
                raise self.lost
            return self.decoded(wire)
        except (MemoryError, LinkLost) as error:
            report = report_of(command, error, self.number, self.hop, self.root)
            self.out.reply((command[0], REPORT, tuple(report)))
            return Failure(report)

    def encoded(self, value: Value, destination: int | None) -> tuple[Any, ...]:
        """The wire form of a stored value, for a worker or (None) for the root; pointers hand a reference out."""
        if isinstance(value, Pointer):
            if worker_of(value.target) == self.number:
                self.store.export(value.target)
            self.out.refer(value.target, destination)
            return (values.POINTER, value.target)
        if isinstance(value, Failure):
            return (values.ERROR, tuple(value.report))
        if isinstance(value, plain.Plain):
            return self.out.value(value, destination)
        return tensors.encoded(value, self.out, destination)
