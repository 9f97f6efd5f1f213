"""The modelled network in the broker: what it decided to deliver is under way for a while, or is lost.

Laws
    1. References, fences and counts are booked when an envelope comes to the broker; only its delivery takes time.
    2. Deliveries keep causal order (``network.model``), which is what fences and paths rely on. What the broker itself
       says to a party (FREE, SYNCED, news) comes after everything that was on its way there before: FREE must not
       overtake a use, nor SYNCED an answer.
    3. A worker's turns are counted in the order in which they are handed to it.
    4. Partitions, rules and holding everything end with the client that asked for them: nobody waits for its word then.
    5. What is lost is handed over all the same, with the flag LOST: its receiver fails what is in it. So turns end,
       references are exact, and whoever waits is told. For the account it was dropped.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from itertools import islice
from typing import TYPE_CHECKING, Any, NamedTuple

from farptr.broker.passing import wire_bytes_of
from farptr.broker.roster import WORKER
from farptr.broker.settling import Turn
from farptr.broker.telling import Delivery
from farptr.network.latency import reads_a_file
from farptr.network.links import link
from farptr.network.model import Model
from farptr.network.network import Network, Pair, access_of, key_of, pair_of
from farptr.network.rules import Rule, Rules
from farptr.protocol.errors import BadNetwork
from farptr.protocol.header import Flag, Kind, with_flag
from farptr.protocol.names import ME

if TYPE_CHECKING:
    from random import Random

    from farptr.broker.core import BrokerCore

_TURNS = frozenset({int(Kind.COMMAND), int(Kind.FREE)})
_FAILED_BY_ITS_RECEIVER = frozenset({int(Kind.COMMAND), int(Kind.REPLY)})
_KIND_AT = 3
"""Where in a frame its kind is."""


class Item(NamedTuple):
    """What is on its way."""

    delivery: Delivery
    turn: Turn | None = None
    """What it is for a worker."""


class Links:
    """What lies between ``BrokerCore`` and its shell, as soon as a network is modelled."""

    def __init__(self, core: BrokerCore, now: Callable[[], float], rng: Random, network: Network) -> None:
        self._core, self._now = core, now
        self._start_s = now()
        self.model = Model(network, rng, self._start_s)
        self.rules = Rules()
        self._names: dict[int, str] = {}
        self._flying: set[int] = set()
        """Identities of turns that their worker has not got yet."""
        self._torn: set[tuple[int, int]] = set()
        """Pairs of numbers between which a part was lost: so is the envelope behind it."""
        self._ready: list[Delivery] = []
        self._cuts: Counter[tuple[int, Pair]] = Counter()
        """How often each client has cut a pair."""
        self._rulers: dict[int, int] = {}
        """Whose rule it is, by the rule's number."""
        self._holders: Counter[int] = Counter()
        """How often each client holds everything."""
        core.frees_ride = False

    # ------------------------------------------------------------ on their way

    def hold(self, deliveries: list[Delivery]) -> list[Delivery]:
        """What the core decided to deliver; gives what leaves now (``broker.passing.Hold``)."""
        now_s = self._now()
        out = self._taken_ready()
        for delivery, turn in self._with_turns(deliveries):
            item, to = Item(delivery, turn), self._name(delivery.destination)
            if delivery.header is not None:
                self._send(now_s, item, to)
            elif delivery.urgent or not self.model.behind(to, item):
                out.append(delivery)
            elif turn:
                self._flying.add(id(turn))
        out += self._arrived(now_s)
        return out

    def next_s(self) -> float | None:
        """In how many seconds something arrives."""
        if self._ready:
            return 0.0
        next_s = self.model.next_s()
        return None if next_s is None else max(0.0, next_s - self._now())

    def gone(self, number: int) -> None:
        """A party is gone: what was on its way there goes nowhere, and what it kept from others goes on."""
        self._take_back(number)
        back, now = self.model.gone(self._name(number), lambda i: i.delivery.destination == number, self._now())
        self._ready += [self._hand(arrival.item, arrival.lost) for arrival in now]
        for item in back:
            if self._core.watch and item.delivery.header:
                self._core.watch.cut(item.delivery, "its destination is gone")
        live = {id(turn) for turns in self._core.settling.turns.values() for turn in turns}
        self._flying &= live

    def _with_turns(self, deliveries: list[Delivery]) -> Iterable[tuple[Delivery, Turn | None]]:
        """Each with the turn that it will be: the core has just routed them, so they are its workers' last."""
        turns = self._core.settling.turns
        counts: dict[int, int] = {}
        for delivery in deliveries:
            if delivery.frame[_KIND_AT] in _TURNS and delivery.destination in turns:
                counts[delivery.destination] = counts.get(delivery.destination, 0) + 1
        last = {worker: reversed(list(islice(reversed(turns[worker]), count))) for worker, count in counts.items()}
        for delivery in deliveries:
            mine = delivery.frame[_KIND_AT] in _TURNS and delivery.destination in last
            yield delivery, next(last[delivery.destination]) if mine else None

    def _send(self, now_s: float, item: Item, to: str) -> None:
        delivery = item.delivery
        pair = (self._name(delivery.source), to)
        header = delivery.header
        assert header is not None
        wire_bytes = wire_bytes_of(delivery.frame, delivery.buffers)
        if header.flags & Flag.APART:  # the bytes lie in shared memory, or went ahead; a network would carry them
            wire_bytes += header.value_bytes if header.kind in _FAILED_BY_ITS_RECEIVER else 0
        if item.turn:
            self._flying.add(id(item.turn))
        delay_s, lost = self.rules.verdict(pair, what_of(delivery))
        self.model.send(now_s, pair, wire_bytes, item, delay_s=delay_s, lost=lost)

    def _arrived(self, now_s: float) -> list[Delivery]:
        return [self._hand(arrival.item, arrival.lost) for arrival in self.model.due(now_s)]

    def _hand(self, item: Item, lost: str) -> Delivery:
        delivery, turn = item
        if turn:
            self._seat(delivery.destination, turn)
        pair, kind = (delivery.source, delivery.destination), delivery.frame[_KIND_AT]
        if kind in _FAILED_BY_ITS_RECEIVER:
            if pair in self._torn:
                self._torn.discard(pair)
                lost = lost or "a part of it was lost on its way"
            if lost:
                return delivery._replace(frame=with_flag(delivery.frame, Flag.LOST), lost=lost)
        elif lost:
            if kind == Kind.PART:
                self._torn.add(pair)
            return delivery._replace(lost=lost)
        return delivery

    def _seat(self, worker: int, turn: Turn) -> None:
        """The worker gets this turn next: it stands behind those that it has, before those on their way."""
        turns = self._core.settling.turns.get(worker)
        if turns is not None:
            first = next(at for at, other in enumerate(turns) if id(other) in self._flying)
            at = next(at for at, other in enumerate(turns) if other is turn)
            if at != first:
                del turns[at]
                turns.insert(first, turn)
        self._flying.discard(id(turn))

    def _name(self, number: int) -> str:
        if number not in self._names:
            party = self._core.roster.live.get(number) or self._core.roster.lost[number][0]
            self._names[number] = party.name if party.role == WORKER else party.user or ME
        return self._names[number]

    def _taken_ready(self) -> list[Delivery]:
        ready, self._ready = self._ready, []
        return ready

    # ------------------------------------------------------------ what a client asks

    def ask(self, asked: dict[str, Any], client: int) -> Any:
        """Carry out a request of a client's ``sim.net``; what it gives is in plain values, an error too."""
        what = _REQUESTS.get(str(asked.get("do")))
        try:
            if what is None:
                raise BadNetwork(f"the network cannot do {asked.get('do')!r}")
            if reads_a_file((asked.get("table"), asked.get("changes"))):
                raise BadNetwork("a broker reads no file that a client names", hint="send what is in it: times(…)")
            done = what(self, asked, client)
            if self._core.watch and asked["do"] != "state":
                self._core.watch.modelled({name: value for name, value in asked.items() if name != "what"})
            return {"done": done}
        except BadNetwork as error:
            return {"error": (error.message, error.hint)}
        except (LookupError, TypeError, ValueError, AttributeError) as error:
            return {"error": (f"a malformed request to the network: {error}", "")}

    def _set(self, asked: dict[str, Any], _: int) -> None:
        network = Network.from_table(asked["table"])
        self.model.replace(network, self._now())

    def _change(self, asked: dict[str, Any], _: int) -> list[int]:
        """Gives the numbers with which ``undo`` takes it back."""
        changes = []
        for key, to in asked["changes"]:
            made = key_of(key)
            given = None if to is None else link(to) if isinstance(made, tuple) else access_of(to)
            changes.append((made, given))
        return self.model.change(changes)

    def _undo(self, asked: dict[str, Any], _: int) -> None:
        self.model.undo([int(number) for number in asked["numbers"]])

    def _cut(self, asked: dict[str, Any], client: int) -> None:
        by = 1 if int(asked["by"]) > 0 else -1
        for pair in [pair_of(pair) for pair in asked["pairs"]]:  # all of them, or none
            if by > 0 or self._cuts[client, pair] > 0:
                self._cuts[client, pair] += by
                self.model.cut(pair, by)

    def _rule(self, asked: dict[str, Any], client: int) -> int:
        number = self.rules.add(Rule.from_table(asked["rule"]))
        self._rulers[number] = client
        return number

    def _unrule(self, asked: dict[str, Any], _: int) -> bool:
        self._rulers.pop(int(asked["number"]), None)
        return self.rules.take(int(asked["number"]))

    def _hold(self, _: dict[str, Any], client: int) -> None:
        self._holders[client] += 1
        self.model.hold()

    def _unhold(self, _: dict[str, Any], client: int) -> None:
        if self._holders[client] > 1:
            self._holders[client] -= 1
            return
        self._holders.pop(client, None)
        if not self._holders:
            self._release({}, client)

    def _take_back(self, client: int) -> None:
        for key in [key for key in self._cuts if key[0] == client]:
            self.model.cut(key[1], -self._cuts.pop(key))
        for number in [number for number, of in self._rulers.items() if of == client]:
            self._unrule({"number": number}, client)
        if client in self._holders:
            self._holders[client] = 1
            self._unhold({}, client)

    def _step(self, asked: dict[str, Any], _: int) -> int:
        count, arrivals = self.model.step(asked["numbers"], self._now(), str(asked["lost"]))
        self._ready += [self._hand(arrival.item, arrival.lost) for arrival in arrivals]
        return count

    def _release(self, _: dict[str, Any], __: int) -> None:
        self._holders.clear()
        self._ready += [self._hand(arrival.item, arrival.lost) for arrival in self.model.release(self._now())]

    def _state(self, _: dict[str, Any], __: int) -> dict[str, Any]:
        now_s = self._now()
        rows = [
            (f.number, f.source, f.destination, what_of(f.item.delivery), f.bytes, now_s - f.sent_s, f.parked)
            for f in self.model.in_flight()
        ]
        return {
            "now_s": now_s - self._start_s,
            "table": self.model.network.to_table(),
            "in_flight": rows,
            "rules": self.rules.rows(),
            "cuts": self.model.cuts(),
            "lost_messages": self.model.lost_messages,
            "transmitted_bytes": self.model.transmitted_bytes,
        }

    def check(self) -> None:
        """Assert the laws that one look can see."""
        self.model.check()
        for worker, turns in self._core.settling.turns.items():
            flying = [id(turn) in self._flying for turn in turns]
            assert flying == sorted(flying), f"a turn of worker {worker} on its way stands before one that it has"


def what_of(delivery: Delivery) -> str:
    """What an envelope is, in the account's words."""
    header = delivery.header
    if header is None:
        return "said"
    if header.kind == Kind.REPLY:
        return "fetched"
    return "sent" if header.source == header.root or delivery.source == header.root else "pushed"


_REQUESTS: dict[str, Callable[[Links, dict[str, Any], int], Any]] = {
    "set": Links._set,
    "change": Links._change,
    "undo": Links._undo,
    "cut": Links._cut,
    "rule": Links._rule,
    "unrule": Links._unrule,
    "hold": Links._hold,
    "unhold": Links._unhold,
    "release": Links._release,
    "step": Links._step,
    "state": Links._state,
}
