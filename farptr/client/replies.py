"""What workers' replies bring: values, pointers with their references, failures.

Laws
    A reply that comes twice is taken once.
    A reference that came for nobody, or beyond what the reply's answers name, goes back with the next flush.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

from farptr.client.answers import Answer, Answers
from farptr.client.batches import Batches
from farptr.client.graph import Chain, Known, Node, Path
from farptr.client.order import Outstanding
from farptr.client.places import Places
from farptr.client.reports import Reports
from farptr.protocol import body as bodies
from farptr.protocol import plain, values
from farptr.protocol.commands import FAILED, FOUND, REPORT, SAID, VALUE, Envelope
from farptr.protocol.errors import ProtocolError, Report
from farptr.protocol.header import Flag, names_of
from farptr.protocol.shapes import check_answer, is_numbered, report_in, said

_LOST = "the answer was lost on its way; what was asked for may have been done"
_HINT = "`sim.net` shows the links; ask again when they are healed"
References = dict[int, int]
"""What came with a reply and is not yet anybody's: name to count."""


class Replies:
    """Takes replies in: answers go to ``answers``, failures that nobody waits for to ``reports``."""

    def __init__(
        self, answers: Answers, reports: Reports, places: Places, order: Outstanding, batches: Batches
    ) -> None:
        self._answers, self._reports, self._places = answers, reports, places
        self._order, self._batches = order, batches
        self._newest: dict[int, int] = {}
        """The last sequence number of each worker's replies."""
        self.on_said: Callable[[int, str, Any], None] = lambda worker, text, warned: None
        """Told what a function at a worker printed, and its warnings."""

    def take(self, envelope: Envelope) -> None:
        """One REPLY; raises ProtocolError when it is malformed, or none to what was asked."""
        header, body, buffers = envelope
        if header.sequence:
            if header.sequence <= self._newest.get(header.source, 0):
                return
            self._newest[header.source] = header.sequence
        arrived = dict(names_of(header.refs))
        try:
            for reply in bodies.loads_as(tuple, body):
                if header.flags & Flag.LOST:
                    self._lost(header.source, reply)
                else:
                    self._reply(header.source, reply, buffers, arrived)
        finally:
            for name, count in arrived.items():
                self._batches.releases[name] = self._batches.releases.get(name, 0) + count

    def _reply(self, source: int, reply: Any, buffers: tuple[Any, ...], arrived: References) -> None:
        if not is_numbered(reply) or len(reply) < 3:
            raise ProtocolError("a malformed answer")
        number, status, payload, *more = reply
        if status == REPORT:
            self._reports.add(report_in(payload))
            return
        if status == SAID:
            if not said(payload):
                raise ProtocolError("a malformed answer")
            self.on_said(source, *payload)
            return
        waiting = self._answers.waiting(number)
        if waiting is None:
            return  # given up
        if number < 0 or waiting.first not in (0, source):
            raise ProtocolError("an answer to what another was asked")
        check_answer(waiting.expected, status, reply[2:])
        self._order.answered(_passed(waiting.path, source), number)
        if status == VALUE:
            answer = self._value(payload, buffers, arrived, waiting.chain)
            self._answers.give(number, self._with(answer, waiting.chain, *more) if more else answer)
        elif status == FOUND:
            self._answers.give(number, Answer(FOUND, self._all_found(payload, arrived)))
        else:
            self._answers.give(number, Answer(status, Report(*payload) if status == FAILED else payload, buffers))

    def _lost(self, source: int, reply: Any) -> None:
        """An answer that did not come through: whoever waits for it is told, and what it says is not looked at."""
        number = reply[0] if is_numbered(reply) else 0
        waiting = self._answers.waiting(number)
        if waiting is None or reply[1] == REPORT:
            return
        self._order.answered(_passed(waiting.path, source), number)
        self._answers.give(
            number, Answer(FAILED, Report("AnswerLost", _LOST, "answer", number, source, 0, 0, "", _HINT))
        )

    def _value(self, wire: Any, buffers: tuple[Any, ...], arrived: References, chain: Chain) -> Answer:
        if wire[0] == values.POINTER:
            if len(chain) != 2 or chain[0] is None:
                raise ProtocolError("a pointer that nobody asked for")
            _check_came(wire[1], arrived)
            return Answer(VALUE, _claimed(self._places.arrived(wire[1], chain[0], chain[1]), wire[1], arrived))
        if wire[0] == values.ERROR:
            return Answer(FAILED, Report(*wire[1]))
        return Answer(VALUE, plain.decode_any(wire, buffers))

    def _with(self, answer: Answer, chain: Chain, about: Any, name: int = 0) -> Answer:
        """The answer with its tags and description, and with the place of what came from the end of a chain."""
        return answer._replace(about=about and tuple(about), far=self._places.reached(name, chain) if name else None)

    def _all_found(self, rows: Any, arrived: References) -> list[Node]:
        """The nodes for what a worker found. All references must have come, or none is taken."""
        for name, count in Counter(row[0] for row in rows).items():
            _check_came(name, arrived, count)
        return [self._found(row, arrived) for row in rows]

    def _found(self, row: Any, arrived: References) -> Node:
        name, is_pointer, tags, description, shape = row
        node = self._places.found(name, is_pointer)
        if tags or description:
            node.about = Known(tags, description, shape)
        return _claimed(node, name, arrived)


def _check_came(name: int, arrived: References, count: int = 1) -> None:
    """Raise ProtocolError unless so many references to an object came."""
    if arrived.get(name, 0) < count:
        raise ProtocolError("a pointer whose reference did not come")


def _claimed(node: Node, name: int, arrived: References) -> Node:
    """The node of a reference that came, with one claim for the handle that will be made of it."""
    arrived[name] -= 1
    if not arrived[name]:
        del arrived[name]
    node.received += 1
    node.claims += 1
    return node


def _passed(path: Path | None, source: int) -> Path:
    """The start of a path that a reply from ``source`` proves: all of it only when its far end answered."""
    if path is None:
        return ()
    return path if path[-1] == source and path.count(source) == 1 else path[:1] if path[0] == source else ()
