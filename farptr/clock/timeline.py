"""What happens next under a virtual clock: one queue of events, in order of (time, sequence). No socket, no real clock.

Laws
    1. Time never goes back. It goes on only when nobody can say anything more at the present time: the client waits,
       and each worker either rests or has said all that its turn says.
    2. A worker is handed one turn at a time, in the order in which they arrived. A turn begins when it has arrived and
       the worker is free, and takes what it costs; all that the worker sends departs at its end.
    3. A client is handed one delivery at a time, and then runs until it says that it waits again. That takes no time.
    4. Which event is next depends on times and sequence numbers, never on who is faster in reality.
"""

from __future__ import annotations

import heapq
import itertools
from collections import deque
from collections.abc import Callable
from typing import Any, NamedTuple, Protocol

from farptr.protocol.header import Kind

_COMMAND = int(Kind.COMMAND)
_TURNS = frozenset({_COMMAND, int(Kind.FREE)})
_ARRIVE, _BEGIN, _END = range(3)


class Ways(Protocol):
    """What is needed of a network that takes time."""

    def next_s(self) -> float | None:
        """When something happens in it next."""

    def advance(self) -> None:
        """It is that time: put what arrives."""


class Parcel(NamedTuple):
    """A delivery that has arrived, as far as time is concerned with it."""

    destination: int
    kind: int
    delivery: Any


class Hand(NamedTuple):
    """A step: this parcel is handed to its destination."""

    parcel: Parcel


class Take(NamedTuple):
    """A step: what a worker's turn has sent is taken in; ``spent_s`` is what it cost, None for one without commands."""

    worker: int
    sent: list[Any]
    spent_s: float | None


Step = Hand | Take


class _Turn:
    """What a worker does now."""

    __slots__ = ("began_s", "commands", "cost_s", "done", "sent", "sequence")

    def __init__(self, began_s: float, sequence: int, cost_s: float | None, commands: bool) -> None:
        self.began_s, self.sequence, self.commands = began_s, sequence, commands
        self.cost_s = cost_s
        """None until the worker has told."""
        self.sent: list[Any] = []
        self.done = False


class _Client:
    """How far a client is."""

    __slots__ = ("handed", "runs")

    def __init__(self) -> None:
        self.handed = 1
        """Envelopes that it was handed, with the welcome."""
        self.runs = True


class Timeline:
    """The events of one run.

    ``cost_of`` says what the next turn of a worker costs, in seconds, or None if the worker tells.
    """

    def __init__(self, cost_of: Callable[[int], float | None] = lambda worker: 0.0) -> None:
        self.now_s = 0.0
        self.ways: Ways | None = None
        """What else happens, in time."""
        self._cost_of = cost_of
        self._events: list[tuple[float, int, int, Any]] = []
        self._sequence = itertools.count()
        self._lines: dict[int, deque[Parcel]] = {}
        """For each worker, what has arrived and was not handed to it."""
        self._turns: dict[int, _Turn] = {}
        self._clients: dict[int, _Client] = {}

    # ------------------------------------------------------------ parties

    def join(self, number: int, *, worker: bool) -> None:
        """A party was welcomed."""
        if worker:
            self._lines[number] = deque()
        else:
            self._clients[number] = _Client()

    def gone(self, number: int) -> list[Parcel]:
        """A party is gone; what had arrived for it."""
        left = list(self._lines.pop(number, ()))
        self._clients.pop(number, None)
        self._turns.pop(number, None)
        mine = [event for event in self._events if _party_of(event) == number]
        left += [event[3] for event in sorted(mine, key=_order) if event[2] == _ARRIVE]
        if mine:
            self._events = [event for event in self._events if _party_of(event) != number]
            heapq.heapify(self._events)
        return left

    # ------------------------------------------------------------ what is said

    def put(self, parcel: Parcel, after_s: float = 0.0) -> None:
        """A delivery arrives now, or (something that nothing stands behind) after that time."""
        if parcel.destination in self._lines or parcel.destination in self._clients:
            self._push(self.now_s + after_s, _ARRIVE, parcel)

    def at_once(self, destination: int) -> None:
        """Something was handed beside all this; a client runs for it."""
        client = self._clients.get(destination)
        if client is not None:
            client.handed += 1
            client.runs = True

    def waits(self, client: int, received: int) -> None:
        """A client says that it waits, and how many envelopes had come to it by then."""
        known = self._clients.get(client)
        if known is not None and received >= known.handed:
            known.runs = False

    def works(self, worker: int) -> bool:
        """Whether a worker is in a turn."""
        return worker in self._turns

    def sent(self, worker: int, what: Any, *, done: bool = False, cost_s: float = 0.0) -> None:
        """A worker has sent something in its turn; with the last of it, what the turn cost."""
        turn = self._turns[worker]
        turn.sent.append(what)
        if done:
            turn.done = True
            if turn.cost_s is None:
                turn.cost_s = cost_s

    # ------------------------------------------------------------ what is next

    def step(self) -> Step | None:
        """The next step; None while somebody has to say something first, or nothing is to come."""
        while True:
            if any(client.runs for client in self._clients.values()):
                return None
            self._advance_ways()
            if not self._events:
                return None
            time_s, sequence, what, item = self._events[0]
            if what == _END and not self._turns[item].done:
                return None
            heapq.heappop(self._events)
            found = self._end(item, time_s, sequence) if what == _END else self._go(time_s, what, item)
            if found is not None:
                return found

    def _push(self, time_s: float, what: int, item: Any) -> None:
        heapq.heappush(self._events, (time_s, next(self._sequence), what, item))

    def _advance_ways(self) -> None:
        """Let happen what happens in the network before the next event, or at the same time."""
        ways = self.ways
        while ways is not None:
            time_s = ways.next_s()
            if time_s is None or (self._events and self._events[0][0] < time_s):
                return
            self.now_s = max(self.now_s, time_s)
            ways.advance()

    def _go(self, time_s: float, what: int, item: Any) -> Step | None:
        self.now_s = time_s
        if what == _BEGIN:
            return self._begin(item)
        line = self._lines.get(item.destination)
        if line is not None:
            line.append(item)
            return self._begin(item.destination)
        client = self._clients[item.destination]
        client.handed += 1
        client.runs = True
        return Hand(item)

    def _begin(self, worker: int) -> Step | None:
        """Hand a worker what is next for it, if it is free."""
        line = self._lines[worker]
        if worker in self._turns or not line:
            return None
        parcel = line.popleft()
        if parcel.kind not in _TURNS:
            self._push(self.now_s, _BEGIN, worker)
            return Hand(parcel)
        commands = parcel.kind == _COMMAND
        cost_s = self._cost_of(worker) if commands else 0.0  # freeing is no work of the program's
        sequence = next(self._sequence)
        self._turns[worker] = _Turn(self.now_s, sequence, cost_s, commands)
        # While nobody knows what it costs, its end is no sooner than this: it is looked at again then.
        heapq.heappush(self._events, (self.now_s + (cost_s or 0.0), sequence, _END, worker))
        return Hand(parcel)

    def _end(self, worker: int, time_s: float, sequence: int) -> Step | None:
        turn = self._turns[worker]
        spent_s = turn.cost_s or 0.0
        end_s = turn.began_s + spent_s
        if end_s > time_s:
            heapq.heappush(self._events, (end_s, sequence, _END, worker))
            return None
        self.now_s = time_s
        del self._turns[worker]
        self._push(time_s, _BEGIN, worker)
        return Take(worker, turn.sent, spent_s if turn.commands else None)

    def check(self) -> None:
        """Assert the laws that one look can see."""
        assert all(event[0] >= self.now_s for event in self._events), "an event in the past"
        ends = [event[3] for event in self._events if event[2] == _END]
        assert sorted(ends) == sorted(self._turns), "turns and their ends differ"
        begins = {event[3] for event in self._events if event[2] == _BEGIN}
        for worker, line in self._lines.items():
            assert not line or worker in self._turns or worker in begins, f"worker {worker} is free, and has work"


def _order(event: tuple[float, int, int, Any]) -> tuple[float, int]:
    return event[:2]


def _party_of(event: tuple[float, int, int, Any]) -> int:
    item: Any = event[3]
    return int(item if isinstance(item, int) else item.destination)
