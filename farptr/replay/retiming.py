"""A recorded run on another network: its scripts, played through the broker's core under the virtual clock.

Laws
    The same broker, timeline and model decide as in a virtual run, so where the control flow does not depend on time
    the result is that of a virtual run on that network, to what the journal's nanoseconds give away.
    No process is started, nothing is computed. Envelopes have the bytes that they had; references are left out: what is
    freed, and when, takes no time.
"""

from __future__ import annotations

import random
from collections import Counter, deque
from typing import Any, NamedTuple

from farptr.broker.core import BrokerCore
from farptr.broker.links import Links
from farptr.broker.telling import Delivery
from farptr.broker.timed import Timed
from farptr.clock.timeline import Parcel
from farptr.network.network import Network
from farptr.protocol import body as bodies
from farptr.protocol.errors import JournalError
from farptr.protocol.header import Flag, Header, Kind, encode
from farptr.replay.path import WAY, WORK, Node, back
from farptr.replay.script import Got, Key, Script, Sent

_ASK, _TOLD = int(Kind.ASK), int(Kind.TOLD)
_TURNS = frozenset({int(Kind.COMMAND), int(Kind.FREE)})
_NEWS = frozenset({int(Kind.WELCOME), int(Kind.ROSTER)})
_TOLD_BY_WORKER = {"kind": "virtual", "costs": {"operation": 0.0}}
_FOR_EVER = 1 << 62


class Retimed(NamedTuple):
    """What comes of it."""

    makespan_s: float
    end: Node | None
    """The end of the critical path."""

    def path(self) -> list[Node]:
        """What took time, from the beginning to the end."""
        return [node for node in back(self.end) if node.ended_s > node.began_s][::-1]


class Retiming:
    """Plays a script once. ``seed`` is that of the network's chances."""

    def __init__(self, script: Script, network: Network, seed: int = 0) -> None:
        self._script = script
        self._core = BrokerCore(run="replay", epoch=1, seed=seed)
        self._timed = Timed(self._core, _TOLD_BY_WORKER, take=self._take, hand=self._hand, end_journal=lambda: None)
        self._hold = self._timed.hold
        self._timed.links = Links(self._core, self._timed.now_s, random.Random(seed), network)
        self._put, self._timed.timeline.put = self._timed.timeline.put, self._arrived  # type: ignore[method-assign]
        self._names = {number: name for number, name, _ in script.parties}
        self._to_do: deque[Delivery | None] = deque()
        self._at = 0
        self._got: set[Key] = set()
        self._counts: Counter[int] = Counter()
        self._nodes: dict[int, tuple[Delivery, Node | None]] = {}
        """By identity of deliveries under way."""
        self._cause: Node | None = None
        self._me: Node | None = None
        self._turns: dict[int, Node] = {}
        self._end: Node | None = None
        self._end_s = 0.0

    def run(self) -> Retimed:
        """All of it. Raises JournalError when the script does not come to its end."""
        for number, name, role in self._script.parties:
            party, _ = self._core.register({"role": role, "name": name, "pid": 0, "host": ""})
            if party.number != number:
                raise JournalError(f"{name} would have another number: this run cannot be re-timed")
            if role != "client" or number == self._script.client:  # others came and went, and only take a number
                self._timed.timeline.join(number, worker=role != "client")
        self._play()
        while self._to_do:
            delivery = self._to_do.popleft()
            if delivery is None or delivery.destination == self._script.client:
                self._client_got(delivery)
            else:
                self._work(delivery)
        if self._at < len(self._script.steps):
            raise JournalError(
                f"after {self._at} of {len(self._script.steps)} steps the client would wait for ever: on that network"
                " it would have done something else"
            )
        return Retimed(self._end_s, self._end)

    # ------------------------------------------------------------ the broker's part

    def _take(self, number: int, frame: bytes, buffers: tuple[Any, ...]) -> None:
        turn = self._turns.get(number)
        if number == self._script.client:
            self._cause = self._me
        elif turn is not None:
            turn.ended_s = self._now
            self._cause = turn
        self._note(self._cause)
        deliveries = self._core.take(number, frame, buffers)
        for delivery in deliveries:
            node = self._cause
            if delivery.header is not None:
                who = (self._names[delivery.source], self._names[delivery.destination])
                node = Node(WAY, who, self._now, self._cause)
            self._nodes[id(delivery)] = (delivery, node)
        self._hand(self._hold(deliveries))
        self._core.catch_up()

    def _arrived(self, parcel: Parcel, after_s: float = 0.0) -> None:
        _, node = self._nodes.get(id(parcel.delivery), (None, None))
        if node is not None and node.kind == WAY:
            node.ended_s = self._now
        self._put(parcel, after_s)

    def _hand(self, deliveries: list[Delivery]) -> None:
        self._to_do.extend(deliveries)

    @property
    def _now(self) -> float:
        return self._timed.timeline.now_s

    def _note(self, node: Node | None) -> None:
        if self._now >= self._end_s:
            self._end, self._end_s = node, self._now

    # ------------------------------------------------------------ the parties' part

    def _work(self, delivery: Delivery) -> None:
        """A worker was handed something."""
        worker, header = delivery.destination, delivery.header
        _, node = self._nodes.pop(id(delivery), (None, None))
        if delivery.frame[3] not in _TURNS:
            self._timed.go()
            return
        before = self._turns.get(worker)
        waited = node is None or (before is not None and before.ended_s > node.ended_s)
        self._turns[worker] = Node(WORK, (self._names[worker],), self._now, before if waited else node)
        turn = self._script.turns.get((worker, delivery.source, header.sequence)) if header is not None else None
        if header is not None and turn is None:
            raise JournalError("the end of this journal is missing: it cannot be re-timed")
        sent = turn.sent if turn else [Sent(Header(Kind.NOTE, Flag.DONE, root=self._script.client), 0)]
        for one in sent:
            frame, buffers = self._frame(one, worker, turn.cost_ns if turn else 0)
            self._timed.came(worker, frame, buffers)

    def _client_got(self, delivery: Delivery | None) -> None:
        """The client was handed something, or (None) has let its pause pass."""
        node = self._me
        if delivery is not None:
            _, node = self._nodes.pop(id(delivery), (None, self._cause))
            kind = delivery.frame[3]
            if kind not in _NEWS:
                number = delivery.header.sequence if delivery.header is not None else self._counts[kind]
                self._counts[kind] += delivery.header is None
                self._got.add((delivery.source if delivery.header is not None else 0, kind, number))
        self._note(node)
        self._me = Node(WORK, (self._names[self._script.client],), node.ended_s if node else self._now, node)
        self._me.ended_s = self._now
        self._play(paused=delivery is None)

    def _play(self, *, paused: bool = False) -> None:
        """The client goes on, as far as it can."""
        steps, client = self._script.steps, self._script.client
        while self._at < len(steps):
            step = steps[self._at]
            if isinstance(step, Got):
                if step.key not in self._got:
                    break
            elif step.pause_ns and not step.sleeps and not paused:
                self._put(Parcel(client, _TOLD, None), step.pause_ns / 1e9)
                break
            else:
                paused = False
                self._timed.came(client, *self._frame(step, client, 0))
            self._at += 1
        self._timed.timeline.waits(client, _FOR_EVER)
        self._timed.go()

    def _frame(self, sent: Sent, source: int, cost_ns: int) -> tuple[bytes, tuple[Any, ...]]:
        """An envelope of the same size, without references; what is only counted is a range in place of bytes."""
        old = sent.header
        payload, body = sent.payload_bytes if old.destination else 0, b""
        if old.kind == _ASK:
            what: dict[str, Any] = {"what": "sleep", "s": sent.pause_ns / 1e9} if sent.sleeps else {"what": "parties"}
            body = bodies.dumps(what)
        header = Header(
            old.kind, old.flags & ~(Flag.APART | Flag.OFFER), old.hop, self._core.epoch, source, old.destination,
            old.root or self._script.client, bool(payload), old.sequence, cost_ns if old.flags & Flag.DONE else 0,
            old.value_bytes, len(body),
        )  # fmt: skip
        return encode(header) + body, (range(payload),) if payload else ()


def retime(script: Script, network: Network, seed: int = 0) -> Retimed:
    """A recorded run on another network."""
    return Retiming(script, network, seed).run()
