"""``clock.timeline`` with the network's model: closed-form cases, and its laws under random schedules."""

from __future__ import annotations

from random import Random
from typing import Any, NamedTuple

import pytest

from farptr.clock.timeline import Hand, Parcel, Take, Timeline
from farptr.network.model import Model
from farptr.network.network import Network
from farptr.protocol.header import Kind

ME, FIRST = 1, 2
EXACT = 1e-9
MEGABYTE = 1_000_000


class Envelope(NamedTuple):
    """What somebody sends."""

    source: int
    destination: int
    what: Any
    wire_bytes: int = 0


class Way:
    """A timeline's network: the model, and nothing of a broker."""

    def __init__(self, line: Timeline, network: Network, seed: int = 0) -> None:
        self._line, self._model = line, Model(network, Random(seed))
        self.lost: list[tuple[float, str]] = []

    def send(self, sent: Envelope) -> None:
        pair = (_name(sent.source), _name(sent.destination))
        self._model.send(self._line.now_s, pair, sent.wire_bytes, sent)

    def next_s(self) -> float | None:
        return self._model.next_s()

    def advance(self) -> None:
        for arrival in self._model.due(self._line.now_s):
            if arrival.lost:
                self.lost.append((self._line.now_s, arrival.lost))
            else:
                put(self._line, arrival.item)


def put(line: Timeline, sent: Envelope, after_s: float = 0.0) -> None:
    kind = Kind.REPLY if sent.destination == ME else Kind.COMMAND
    line.put(Parcel(sent.destination, int(kind), sent), after_s)


class Rig:
    """A client and workers who say what a program has them say; what each was handed, and when."""

    def __init__(
        self, workers: int, network: Network | None = None, costs: dict[int, float] | None = None, told: bool = False
    ) -> None:
        given = costs or {}
        self._told = {worker: given.get(worker, 0.0) for worker in range(FIRST, FIRST + workers)} if told else {}
        self.line = Timeline(lambda worker: None if told else given.get(worker, 0.0))
        self.way = None if network is None else Way(self.line, network)
        self.line.ways = self.way
        self.line.join(ME, worker=False)
        for worker in range(FIRST, FIRST + workers):
            self.line.join(worker, worker=True)
        self.answers: dict[Any, list[Envelope]] = {}
        """What a worker sends when it was handed something of that name."""
        self.handed: list[tuple[float, int, Any]] = []
        self.received = 1

    def send(self, destination: int, what: Any, wire_bytes: int = 0) -> None:
        self._set_out(Envelope(ME, destination, what, wire_bytes))

    def _set_out(self, sent: Envelope) -> None:
        if self.way is None:
            put(self.line, sent)
        else:
            self.way.send(sent)

    def run(self) -> list[tuple[float, int, Any]]:
        """The client waits, again and again, until nothing is to come."""
        self.line.waits(ME, self.received)
        while (step := self.line.step()) is not None:
            self.line.check()
            if isinstance(step, Hand):
                self._hand(step.parcel.delivery)
            else:
                for sent in filter(None, step.sent):
                    self._set_out(sent)
        return self.handed

    def _hand(self, item: Envelope) -> None:
        self.handed.append((self.line.now_s, item.destination, item.what))
        if item.destination == ME:
            self.received += 1
            self.line.waits(ME, self.received)
            return
        for sent in self.answers.get(item.what, []):
            self.line.sent(item.destination, sent)
        self.line.sent(item.destination, None, done=True, cost_s=self._told.get(item.destination, 0.0))

    def time(self, what: Any) -> float:
        """When that was handed."""
        return next(time_s for time_s, _, name in self.handed if name == what)


def _name(number: int) -> str:
    return "me" if number == ME else f"w{number - FIRST}"


# ---------------------------------------------------------------- closed forms


def test_one_transfer_takes_its_latency_and_its_bytes_by_the_bandwidth():
    rig = Rig(1, Network(links={("me", "w0"): {"latency": "50 ms", "bandwidth": "8 Mbit/s"}}))
    rig.send(FIRST, "x", MEGABYTE)
    rig.run()
    assert rig.time("x") == pytest.approx(0.050 + 1.0, abs=EXACT)


def test_messages_on_one_link_wait_for_each_other():
    rig = Rig(1, Network(links={("me", "w0"): {"latency": "50 ms", "bandwidth": "8 Mbit/s"}}))
    for i in range(5):
        rig.send(FIRST, i, MEGABYTE)
    rig.run()
    assert [rig.time(i) for i in range(5)] == pytest.approx([0.050 + 1.0 * (i + 1) for i in range(5)], abs=EXACT)


@pytest.mark.parametrize("told", [False, True])
def test_a_pipeline_of_turns_takes_its_slowest_part_and_its_length_once(told):
    stages, items, cost_s = 4, 6, 0.3
    slow_s = 0.7
    costs = {FIRST + i: cost_s for i in range(stages)} | {FIRST + 2: slow_s}
    rig = Rig(stages, Network(links={("*", "*"): {"latency": "10 ms"}}), costs, told=told)
    for item in range(items):
        rig.send(FIRST, (0, item))
        for stage in range(stages - 1):
            rig.answers[stage, item] = [Envelope(FIRST + stage, FIRST + stage + 1, (stage + 1, item), 0)]
        rig.answers[stages - 1, item] = [Envelope(FIRST + stages - 1, ME, ("out", item), 0)]
    rig.run()
    first_s = (stages + 1) * 0.010 + (stages - 1) * cost_s + slow_s
    expected = [first_s + slow_s * item for item in range(items)]
    assert [rig.time(("out", item)) for item in range(items)] == pytest.approx(expected, abs=EXACT)


def test_a_fan_in_shares_the_way_down_to_its_receiver():
    workers = 8
    rig = Rig(workers + 1, Network(parties={f"w{workers}": {"down": {"bandwidth": "8 Mbit/s", "latency": "20 ms"}}}))
    hub = FIRST + workers
    for i in range(workers):
        rig.send(FIRST + i, ("go", i))
        rig.answers["go", i] = [Envelope(FIRST + i, hub, ("in", i), MEGABYTE)]
    rig.run()
    assert [rig.time(("in", i)) for i in range(workers)] == pytest.approx(
        [i + 1.020 for i in range(workers)], abs=EXACT
    )


@pytest.mark.parametrize("told", [False, True])
def test_a_ring_takes_one_hop_after_the_other(told):
    workers, rounds, cost_s = 5, 3, 0.25
    network = Network(links={("*", "*"): {"latency": "30 ms", "bandwidth": "80 Mbit/s"}})
    rig = Rig(workers, network, dict.fromkeys(range(FIRST, FIRST + workers), cost_s), told=told)
    hops = workers * rounds
    rig.send(FIRST, 0, MEGABYTE)
    for hop in range(hops - 1):
        here, there = FIRST + hop % workers, FIRST + (hop + 1) % workers
        rig.answers[hop] = [Envelope(here, there, hop + 1, MEGABYTE)]
    rig.answers[hops - 1] = [Envelope(FIRST + (hops - 1) % workers, ME, "out", MEGABYTE)]
    rig.run()
    assert rig.time("out") == pytest.approx(hops * cost_s + (hops + 1) * 0.130, abs=EXACT)


def test_without_a_network_only_work_takes_time_and_a_worker_does_one_turn_at_a_time():
    rig = Rig(2, costs={FIRST: 1.0, FIRST + 1: 0.4})
    for i in range(3):
        rig.send(FIRST, ("slow", i))
        rig.send(FIRST + 1, ("fast", i))
    rig.run()
    assert [rig.time(("slow", i)) for i in range(3)] == [0.0, 1.0, 2.0]
    assert [rig.time(("fast", i)) for i in range(3)] == pytest.approx([0.0, 0.4, 0.8])


# ---------------------------------------------------------------- its laws


def test_time_stands_while_the_client_runs_and_while_a_turn_has_not_said_all():
    line = Timeline()
    line.join(ME, worker=False)
    line.join(FIRST, worker=True)
    put(line, Envelope(ME, FIRST, "x"))
    assert line.step() is None
    line.waits(ME, 0)  # it has not had its welcome yet
    assert line.step() is None
    line.waits(ME, 1)
    assert isinstance(line.step(), Hand)
    assert line.step() is None
    line.sent(FIRST, "all of it", done=True)
    found = line.step()
    assert isinstance(found, Take)
    assert found.sent == ["all of it"]


def test_what_the_broker_says_later_does_not_keep_others():
    rig = Rig(1)
    put(rig.line, Envelope(0, ME, "slept"), after_s=5.0)
    put(rig.line, Envelope(0, ME, "told"))
    rig.run()
    assert [(time_s, name) for time_s, _, name in rig.handed] == [(0.0, "told"), (5.0, "slept")]


def test_who_is_gone_keeps_nobody():
    rig = Rig(2, costs={FIRST: 1.0})
    for what in "xyz":
        rig.send(FIRST, what)
    rig.send(FIRST + 1, "other")
    rig.line.waits(ME, rig.received)
    assert isinstance(rig.line.step(), Hand)
    assert [item.delivery.what for item in rig.line.gone(FIRST)] == ["y", "z"]
    rig.run()
    rig.line.check()
    assert [what for _, _, what in rig.handed] == ["other"]


@pytest.mark.parametrize("seed", range(40))
def test_who_is_faster_in_reality_changes_nothing(seed):
    """The same program; workers finish in any real order. What happens, and when, is the same."""
    traces = [_random_program(seed, hurry) for hurry in range(3)]
    assert traces[0] == traces[1] == traces[2]
    assert traces[0]


def _random_program(seed: int, hurry: int) -> list[tuple[float, int, Any]]:
    rng, real = Random(seed), Random(hurry)
    workers, messages = 4, 30
    costs = {FIRST + i: rng.choice([0.0, 0.01, 0.02]) for i in range(workers)}
    line = Timeline(costs.__getitem__)
    network = {"everybody": {"latency": "uniform(1ms, 9ms)", "bandwidth": "1 Mbit/s", "loss": "5 %"}}
    line.ways = way = Way(line, Network.from_table(network), seed)
    line.join(ME, worker=False)
    for i in range(workers):
        line.join(FIRST + i, worker=True)
    for i in range(messages):
        way.send(Envelope(ME, FIRST + rng.randrange(workers), (i, 0), rng.randrange(2000)))
    said = {
        (i, hop): (FIRST + rng.randrange(workers), rng.randrange(2000)) for i in range(messages) for hop in range(9)
    }
    trace: list[tuple[float, int, Any]] = []
    works: list[Envelope] = []
    received = 1
    line.waits(ME, received)
    while True:
        step = line.step()
        if isinstance(step, Hand):
            item = step.parcel.delivery
            trace.append((line.now_s, item.destination, item.what))
            if item.destination == ME:
                received += 1
                line.waits(ME, received)
            else:
                works.append(item)
        elif isinstance(step, Take):
            for sent in step.sent:
                way.send(sent)
        elif works:  # in any order, since they work at the same time
            item = works.pop(real.randrange(len(works)))
            number, hop = item.what
            to, size = said[item.what]
            there = ME if hop == 8 or to == item.destination else to
            line.sent(item.destination, Envelope(item.destination, there, (number, hop + 1), size), done=True)
        else:
            line.check()
            return trace
