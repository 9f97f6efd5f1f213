"""What a network does to messages: a queue of events, and nobody's clock.

Laws
    1. What follows from another message to the same party arrives behind it (causal order): what its sender had sent
       there before, or had heard of. So between two parties nothing overtakes; of others nothing is promised.
    2. A message passes up its sender's access, over the link of the pair, and down its receiver's access. At each it
       waits for what came there before, and takes ``bytes / bandwidth``, then the latency. It goes on while it comes
       in (cut-through): its first bit leaves before its last one is there, so a way takes what its slowest part does.
    3. Packets that are lost are sent again after ``retry``, which doubles each time, and begins anew when something has
       come through. When nothing has for ``give_up``, the message arrives as lost. Whatever is sent takes its time, as
       often as it is sent.
    4. What the broker itself says to a party (``behind``) arrives at once, but after everything that was on its way to
       that party before.
    5. The same calls with the same seed give the same arrivals.

Sources: queueing and transmission as in any packet network; retransmission RFC 6298 (5.4 to 5.6). Left out: the growth
of TCP's window, acknowledgements and their loss, and that flows share a link evenly: here messages take turns.
"""

from __future__ import annotations

import heapq
import itertools
import math
from collections import defaultdict, deque
from typing import TYPE_CHECKING, Any, NamedTuple

from farptr.network.layers import Layers
from farptr.network.links import PACKET_BYTES, Link
from farptr.network.network import Access, Network, Pair

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from random import Random

UP, DOWN = "up", "down"
Place = tuple[str, str]
"""A queue: (``up`` or ``down``, a party), or a pair."""


class Flight:
    """A message on its way."""

    __slots__ = (
        "arrived", "bytes", "destination", "for_nobody", "holds_up", "item", "knows", "last_s", "lost", "number",
        "packets", "parked", "retry_s", "sent_s", "since_s", "source", "stage", "transmitted_bytes", "waits",
    )  # fmt: skip

    def __init__(self, number: int, now_s: float, pair: Pair, wire_bytes: int, item: Any, retry_s: float) -> None:
        self.number, self.sent_s, self.bytes, self.item = number, now_s, wire_bytes, item
        self.source, self.destination = pair
        self.last_s = now_s
        """When its last bit comes to where it is going now."""
        self.packets = 0
        """How many are lost on this way so far."""
        self.stage = 0
        self.retry_s = retry_s
        self.since_s = -1.0
        """When it was first sent, or when something of it last came through; below 0 before that."""
        self.transmitted_bytes = 0
        self.lost = ""
        """Why it will not come through."""
        self.arrived = self.parked = self.for_nobody = False
        self.waits: set[int] = set()
        """What has to arrive there before it, but for what in turn has to arrive before that."""
        self.holds_up: list[Flight] = []
        """What waits for it."""
        self.knows: dict[Pair, int] = {}
        """Of each pair, the newest message on its way that its sender had sent or heard of."""


class Arrival(NamedTuple):
    """A message at its end."""

    time_s: float
    item: Any
    lost: str = ""
    """Why it did not come through."""


class Model:
    """Messages go in with ``send``, and come out of ``due`` once it is their time."""

    def __init__(self, network: Network, rng: Random, start_s: float = 0.0) -> None:
        self.network = network
        self._rng = rng
        self._start_s = start_s
        self._numbers = itertools.count(1)
        self._events: list[tuple[float, int, Flight]] = []
        self._busy: dict[Place, tuple[float, float]] = {}
        """Of each queue, when the last message that it took has left it."""
        self._counts: dict[Place, int] = defaultdict(int)
        self._flights: dict[int, Flight] = {}
        """On their way, by number: in the order in which they were sent."""
        self._known: dict[str, dict[Pair, int]] = defaultdict(dict)
        """Of each pair, the newest message that a party has sent or heard of: those before it arrive before it."""
        self._newest: dict[str, dict[str, int]] = defaultdict(dict)
        """The newest message on its way to each party, by source."""
        self._behind: dict[str, deque[tuple[tuple[int, ...], Any]]] = {}
        """What the broker says to each party, and what it waits for."""
        self._changes = deque(network.changes)
        self._cut: dict[Pair, int] = {}
        """Partitions, by pair: how many say so."""
        self._layers = Layers()
        self._held = False
        """Step mode: what is sent stays until it is let through."""
        self.lost_messages = 0
        self.transmitted_bytes = 0
        """With what was sent again, and what came twice."""

    # ------------------------------------------------------------ in

    def send(
        self, now_s: float, pair: Pair, wire_bytes: int, item: Any, *, delay_s: float = 0.0, lost: str = ""
    ) -> None:
        """A message sets out, or does so after a delay, or is lost for that reason."""
        flight = Flight(next(self._numbers), now_s, pair, wire_bytes, item, self.network.retry)
        flight.parked, flight.lost, flight.last_s = self._held, lost, now_s + delay_s
        flights = self._flights
        flight.knows = {other: number for other, number in self._known[pair[0]].items() if number in flights}
        flight.waits = {number for other, number in flight.knows.items() if other[1] == pair[1]}
        for number in flight.waits:
            flights[number].holds_up.append(flight)
        self._known[pair[0]] = {**flight.knows, pair: flight.number}
        self._newest[pair[1]][pair[0]] = flight.number
        flights[flight.number] = flight
        self._push(now_s + delay_s, flight)

    def behind(self, destination: str, item: Any) -> bool:
        """What the broker says; whether it has to wait. If not, it is not kept here."""
        waits = tuple(self._newest[destination].values())
        if not waits and destination not in self._behind:
            return False
        self._behind.setdefault(destination, deque()).append((waits, item))
        return True

    # ------------------------------------------------------------ out

    def next_s(self) -> float | None:
        """When something happens next; None if nothing will by itself."""
        times = [self._events[0][0]] if self._events else []
        if self._changes:
            times.append(self._start_s + self._changes[0].at_s)
        return min(times) if times else None

    def due(self, now_s: float) -> list[Arrival]:
        """What has arrived by now, in order of time."""
        out: list[Arrival] = []
        while (time_s := self.next_s()) is not None and time_s <= now_s:
            if self._changes and self._start_s + self._changes[0].at_s <= time_s:
                change = self._changes.popleft()
                self.change([(change.key, change.to)])
                continue
            time_s, _, flight = heapq.heappop(self._events)
            if flight.lost or flight.stage == THERE:
                flight.arrived = True
                self._perhaps_arrive(time_s, [flight], out)
            else:
                self._pass(time_s, flight)
        return out

    def in_flight(self) -> list[Flight]:
        """What is on its way, as it was sent."""
        return [flight for flight in self._flights.values() if not flight.for_nobody]

    # ------------------------------------------------------------ on the way

    def _push(self, time_s: float, flight: Flight) -> None:
        heapq.heappush(self._events, (time_s, flight.number, flight))

    def _places(self, flight: Flight) -> tuple[tuple[Place, Link], ...]:
        source, destination = flight.source, flight.destination
        return (
            ((UP, source), self.network.access(source).up),
            ((source, destination), self.network.between(source, destination)),
            ((DOWN, destination), self.network.access(destination).down),
        )

    def _pass(self, now_s: float, flight: Flight) -> None:
        """Its first bit is at the next queue."""
        place, link = self._places(flight)[flight.stage]
        count = self._counts[place]
        self._counts[place] += 1
        out_bytes = min(flight.packets * PACKET_BYTES, flight.bytes) if flight.packets else flight.bytes
        sent = -(-out_bytes // PACKET_BYTES) or 1
        extra = _some(sent, link.duplicate, self._rng) * PACKET_BYTES
        start_s = max(now_s, self._busy.get(place, (0.0, 0.0))[1])
        end_s = max(start_s + (out_bytes + extra) / link.bandwidth_bytes_s, flight.last_s)
        self._busy[place] = (start_s, end_s)
        if flight.since_s < 0:
            flight.since_s = start_s
        sent_bytes = extra + (0 if flight.stage else out_bytes)
        flight.transmitted_bytes += sent_bytes
        self.transmitted_bytes += sent_bytes
        down = link.down or (flight.stage == 1 and self._is_cut((flight.source, flight.destination)))
        lost = sent if down else _some(sent, link.loss, self._rng)
        late_s = link.latency.draw(self._rng, count)
        if link.jitter_s:
            late_s = max(0.0, late_s + self._rng.uniform(-link.jitter_s, link.jitter_s))
        if link.reorder and self._rng.random() < link.reorder:
            late_s += link.latency.draw(self._rng, count)
        if lost:
            if lost < sent:
                flight.since_s, flight.retry_s = end_s, self.network.retry
            self._again(flight, lost, end_s)
            return
        flight.last_s = end_s + late_s
        flight.stage += 1
        self._push(flight.last_s if flight.stage == THERE else start_s + late_s, flight)

    def _again(self, flight: Flight, lost: int, end_s: float) -> None:
        """Packets were lost: they are sent again, or it is too late for that."""
        again_s = end_s + flight.retry_s
        flight.packets, flight.stage = lost, 0
        flight.retry_s *= 2
        if again_s - flight.since_s > self.network.give_up:
            seconds = f"{self.network.give_up:g} s"
            flight.lost = f"nothing came through from {flight.source} to {flight.destination} within {seconds}"
            again_s = max(end_s, flight.since_s + self.network.give_up)
        flight.last_s = again_s
        self._push(again_s, flight)

    def _perhaps_arrive(self, now_s: float, flights: Iterable[Flight], out: list[Arrival]) -> None:
        """Those of them that can, and then what has waited for them."""
        candidates = deque(flights)
        while candidates:
            flight = candidates.popleft()
            if flight.arrived and not flight.parked and not flight.waits and flight.number in self._flights:
                self._arrive(now_s, flight, out)
                for other in flight.holds_up:
                    other.waits.discard(flight.number)
                candidates += flight.holds_up

    def _arrive(self, now_s: float, flight: Flight, out: list[Arrival]) -> None:
        del self._flights[flight.number]
        newest = self._newest[flight.destination]
        if newest[flight.source] == flight.number:
            del newest[flight.source]
        known = self._known[flight.destination]
        for pair, number in flight.knows.items():
            if number in self._flights and number > known.get(pair, 0):
                known[pair] = number
        if not flight.for_nobody:
            self.lost_messages += bool(flight.lost)
            out.append(Arrival(now_s, flight.item, flight.lost))
        self._say(now_s, flight.destination, out)

    def _say(self, now_s: float, destination: str, out: list[Arrival]) -> None:
        """What the broker says to a party, as far as nothing is on its way there before it."""
        queue = self._behind.get(destination)
        if queue is None:
            return
        while queue and not any(number in self._flights for number in queue[0][0]):
            out.append(Arrival(now_s, queue.popleft()[1]))
        if not queue:
            del self._behind[destination]

    def _is_cut(self, pair: Pair) -> bool:
        return bool(self._cut) and any(_matches(cut, pair) for cut in self._cut)

    # ------------------------------------------------------------ changed at run time

    def change(self, changes: list[tuple[str | Pair, Access | Link | None]]) -> list[int]:
        """Accesses and links become others; None: as if nothing had been said of them. Gives numbers for ``undo``.

        What is on its way goes on.
        """
        numbers = []
        for key, to in changes:
            of: Mapping[Any, Any] = self.network.links if isinstance(key, tuple) else self.network.parties
            numbers.append(self._layers.put(key, to, of.get(key)))
        self.network = self.network.with_changes(changes)
        return numbers

    def undo(self, numbers: Iterable[int]) -> None:
        """Take changes back; those that are not there any more change nothing."""
        held = [found for number in numbers if (found := self._layers.take(number)) is not None]
        self.network = self.network.with_changes(held)

    def replace(self, network: Network, now_s: float) -> None:
        """Another network from now on, whose changes count from now."""
        self.network, self._changes, self._start_s = network, deque(network.changes), now_s
        self._layers = Layers()

    def cuts(self) -> list[Pair]:
        """The partitions there are."""
        return list(self._cut)

    def cut(self, pair: Pair, by: int) -> None:
        """One partition more (1) or less (-1) between two parties, in that direction."""
        left = self._cut.get(pair, 0) + by
        if left > 0:
            self._cut[pair] = left
        else:
            self._cut.pop(pair, None)

    def gone(self, party: str, is_for: Callable[[Any], bool], now_s: float) -> tuple[list[Any], list[Arrival]]:
        """Somebody of that name is gone: what was on its way there goes nowhere, and is given back.

        Gives, too, what arrives now: it waited for that, and is for somebody else of the same name.
        """
        mine = [f for f in self._flights.values() if f.destination == party and not f.for_nobody and is_for(f.item)]
        queue = self._behind.pop(party, deque())
        back = [flight.item for flight in mine] + [item for _, item in queue if is_for(item)]
        if others := deque(said for said in queue if not is_for(said[1])):
            self._behind[party] = others
        for flight in mine:  # it holds its place in the order, for those that waited for it
            flight.for_nobody = flight.arrived = True
            flight.parked = False
        self._drop_events({flight.number for flight in mine})
        out: list[Arrival] = []
        self._perhaps_arrive(now_s, mine, out)
        self._say(now_s, party, out)
        return back, out

    # ------------------------------------------------------------ step mode

    def hold(self) -> None:
        """From now on nothing arrives unless it is let through."""
        self._held = True

    def step(self, numbers: list[int] | None, now_s: float, lost: str = "") -> tuple[int, list[Arrival]]:
        """Let messages through now, or lose them for a reason: those with these numbers, or (None) all that are held.

        What has to arrive before them goes first. Gives how many were meant and are there.
        """
        meant = [f for f in self._flights.values() if f.parked and (numbers is None or f.number in numbers)]
        for flight in meant:
            flight.lost = flight.lost or lost
        first = [flight.number for flight in meant]
        going: dict[int, Flight] = {}
        while first:
            flight = self._flights[first.pop()]
            going[flight.number] = flight
            first += [number for number in flight.waits if number not in going]
        for flight in going.values():
            flight.parked, flight.arrived = False, True
        self._drop_events(set(going))
        out: list[Arrival] = []
        self._perhaps_arrive(now_s, [going[number] for number in sorted(going)], out)
        return len(meant), out

    def release(self, now_s: float) -> list[Arrival]:
        """The end of step mode: everything goes on as the network has it."""
        self._held = False
        out: list[Arrival] = []
        for flight in self._flights.values():
            flight.parked = False
        self._perhaps_arrive(now_s, list(self._flights.values()), out)
        return out

    def _drop_events(self, numbers: set[int]) -> None:
        self._events = [event for event in self._events if event[1] not in numbers]
        heapq.heapify(self._events)

    def check(self) -> None:
        """Assert the laws that one look can see."""
        under_way = self._flights.keys()
        assert {event[1] for event in self._events} <= under_way, "an event of a message that is not on its way"
        for number, flight in self._flights.items():
            assert flight.waits <= under_way, f"message {number} waits for what is not on its way"
            assert all(other < number for other in flight.waits), f"message {number} waits for a later one"
            assert flight.parked or flight.waits or not flight.arrived, (
                f"message {number} is there and waits for nothing"
            )
        newest: dict[str, dict[str, int]] = {}
        for number, flight in self._flights.items():
            newest.setdefault(flight.destination, {})[flight.source] = number
        assert newest == {party: of for party, of in self._newest.items() if of}, "the newest are others"
        for destination, queue in self._behind.items():
            assert any(number in under_way for number in queue[0][0]), (
                f"what is said to {destination} waits for nothing"
            )


THERE = 3
"""The stage behind the last queue."""


def _matches(pattern: Pair, pair: Pair) -> bool:
    return pattern[0] in (pair[0], "*") and pattern[1] in (pair[1], "*")


def _some(count: int, share: float, rng: Random) -> int:
    """How many of so many things happen that each happen with this probability: exactly binomial.

    Jumps from one to the next (geometric gaps): what it costs is what happens, not what could.
    """
    if not share:
        return 0
    if share >= 1:
        return count
    found, at, scale = 0, -1, math.log1p(-share)
    while True:
        at += 1 + int(math.log(1.0 - rng.random()) / scale)
        if at >= count:
            return found
        found += 1
