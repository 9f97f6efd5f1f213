"""A whole run in one process: the real cores, joined by FIFO links under one seeded scheduler.

    world = World(["julie", "toby"], seed=7)
    julie, toby = world.run           # a real farptr.client.run.Run
    ...
    world.finish()                    # everything dropped: stores, rows and counts must be empty

Links are named from the broker's side: ``"julie>"`` leads to the broker, ``">julie"`` away from it; clients are ``me``,
``me2``, and so on. The same seed and program give the same deliveries (``world.digest``).

Steps happen while a client waits, and (``world.pace``, ``world.flushes``) at random between its commands. A link in
``world.slow`` is picked only when no other link has anything: that is how a test drives one adversarial schedule.
"""

from __future__ import annotations

import gc
import itertools
import random
import zlib
from collections import Counter, deque
from typing import Any

from farptr.broker.core import BrokerCore
from farptr.broker.links import Links
from farptr.broker.telling import Delivery
from farptr.client.core import SessionCore
from farptr.client.graph import named
from farptr.client.pointer import Pointer
from farptr.client.run import Run
from farptr.client.session import Session
from farptr.journal.tally import Tally
from farptr.network.network import Network
from farptr.protocol import body as bodies
from farptr.protocol.commands import KEEP_NOT, Envelope
from farptr.protocol.header import Kind, decode, encode, read
from farptr.protocol.ids import IdBlock
from farptr.worker.core import WorkerCore

Frames = tuple[bytes, bytes, tuple[bytes, ...]]
STEPS_AT_MOST = 200_000


class Deadlock(AssertionError):
    """Somebody waits and nothing can be delivered."""


class Twice(tuple):  # type: ignore[type-arg]
    """An envelope that comes again, as it cannot on one connection; it does not count."""


class Link:
    """A FIFO between a party and the broker."""

    def __init__(self, name: str, weight: float) -> None:
        self.name = name
        self.weight = weight
        self.queue: deque[Frames] = deque()


def frames(envelope: Envelope) -> Frames:
    """An envelope as bytes, which is what a socket makes of it."""
    header, body, buffers = envelope
    return encode(header), bytes(body), tuple(bytes(b) for b in buffers)


def bytes_of(message: Frames) -> int:
    """Bytes of all frames."""
    return len(message[0]) + len(message[1]) + sum(map(len, message[2]))


def envelope_of(message: Frames) -> Envelope:
    raw, body, buffers = message
    header = decode(raw)
    assert header.body_bytes == len(body), "header and body differ"
    assert header.buffers == len(buffers), "header and buffers differ"
    return Envelope(header, body, buffers)


class SimConnection:
    """A client's way to the broker."""

    def __init__(self, world: World, number: int) -> None:
        self._world = world
        self.number = number
        self.inbox: deque[Frames] = deque()
        self.closed = self.cut = False
        self.received = 1

    def send(self, envelope: Envelope) -> None:
        if not self.closed:
            message = frames(envelope)
            self._world.sent[self.number] += bytes_of(message)
            self._world.up[self.number].queue.append(message)
            self._world.perhaps_step()

    def own(self, envelope: Envelope) -> Envelope:
        return envelope._replace(buffers=tuple(bytes(b) for b in envelope.buffers))

    def again(self, number: int) -> int:
        raise AssertionError("nothing is cut here")

    def receive(self) -> Envelope | None:
        if not self.inbox:
            return None
        message = self.inbox.popleft()
        self.received += not isinstance(message, Twice)
        return envelope_of(message)

    def readable(self) -> bool:
        return bool(self.inbox)

    def wait(self, timeout_s: float) -> None:
        while not self.inbox:
            if not self._world.step():
                raise Deadlock("a client waits, and nothing is under way\n" + self._world.history())

    def wake(self) -> None:
        """Nobody sleeps: there is one thread."""

    def check(self) -> None:
        """The broker is always here."""

    def rest(self) -> None:
        """There is no memory to give back."""

    def close(self, linger_s: float = 0.0) -> None:
        self.closed = True


class SimSession(Session):
    """A session between whose commands anything may happen: deliveries, and what the flush timer does."""

    world: World | None = None
    _inside = False

    def operate(self, *args: Any) -> Any:
        self.admit()
        return super().operate(*args)

    def admit(self) -> None:
        super().admit()
        if self.world is not None and not self._inside:
            self._inside = True
            try:
                self.world.between_commands(self)
            finally:
                self._inside = False


class World:
    """One broker, some workers, some clients, and every schedule that a seed can give."""

    def __init__(self, workers: list[str], seed: int, *, clients: int = 1, sync: bool = False) -> None:
        self.seed = seed
        self.rng = random.Random(seed)
        self.pace = self.rng.choice((0.0, 0.2, 0.5, 0.9))
        """How likely a step is at each chance between commands; then another, and so on."""
        self.flushes = self.rng.choice((0.0, 0.1, 0.5))
        """How likely the flush timer fires before a command."""
        self.slow: set[str] = set()
        self.hasty = False
        """Everything leaves at once, and all links that are not slow are drained before each command."""
        self.steps = 0
        self.digest = 0
        self.links: Links | None = None
        """What is between the broker and its deliveries, once there is a ``network``."""
        self._in_links: set[int] = set()
        """Parties that are in the network."""
        self.now_s = 0.0
        """The network's clock; it moves on when something there is next."""
        self.stands = False
        """Whether that clock stands still."""
        self.up: dict[int, Link] = {}
        self.down: dict[int, Link] = {}
        self._log: deque[tuple[int, str, bytes]] = deque(maxlen=80)
        self.broker = BrokerCore(run="world", epoch=1 + seed % 1000, seed=seed)
        self.tally = self.broker.watch = Tally()
        self.lost: Counter[int] = Counter()
        """Bytes that the network lost, by whom they were for."""
        self.sent: Counter[int] = Counter()
        self.got: Counter[int] = Counter()
        """Bytes that each party has put on its link, and taken from it."""
        self.workers: dict[str, WorkerCore] = {}
        self.by_number: dict[int, WorkerCore] = {}
        self.sessions: dict[int, SimSession] = {}
        self.runs: list[Run] = []
        for name in workers:
            self.add_worker(name)
        for _ in range(clients):
            self.add_client(sync=sync)
        self.run = self.runs[0] if self.runs else None

    # ------------------------------------------------------------ parties

    def _register(self, role: str, name: str, label: str) -> dict[str, Any]:
        party, (welcome, *news) = self.broker.register({"role": role, "name": name, "pid": 0, "host": "world"})
        for links, title in ((self.up, f"{label}>"), (self.down, f">{label}")):
            links[party.number] = Link(title, self.rng.choice((1, 1, 1, 4, 12)))
        if role == "client":
            self.broker.kept[party.number].add(welcome)
        self.hand(news)  # beside the modelled network, as in the broker's shell
        return bodies.loads_as(dict, welcome.frame[read(welcome.frame)[1] :])

    def add_worker(self, name: str) -> WorkerCore:
        """One more worker registers."""
        welcome = self._register("worker", name, name)
        core = WorkerCore(
            number=welcome["number"], epoch=welcome["epoch"], ids=IdBlock(welcome["seed"], welcome["block"])
        )
        core.names.update({row[0]: row[1] for row in welcome["roster"]})
        self.workers[name] = self.by_number[core.number] = core
        return core

    def add_client(self, *, sync: bool = False) -> Run:
        """One more client joins."""
        welcome = self._register("client", "me", "me" if not self.runs else f"me{len(self.runs) + 1}")
        number = welcome["number"]
        core = SessionCore(number=number, epoch=welcome["epoch"], seed=welcome["seed"], block=welcome["block"])
        session = SimSession(core, SimConnection(self, number), sync=sync, timeout_s=None, timer=False)
        session.world = self
        self.sessions[number] = session
        self.runs.append(Run(session, welcome["roster"], name="world"))
        return self.runs[-1]

    def lose(self, name: str, why: str = "it was killed") -> None:
        """A worker dies: what it has not sent is lost, what it has sent was lost on the way too."""
        number = self.workers.pop(name).number
        del self.by_number[number], self.up[number], self.down[number]
        gone = self.broker.lose(number, why)
        self._post(gone)
        self.broker.check()

    # ------------------------------------------------------------ steps

    def network(self, network: Network) -> None:
        """Model a network from now on."""
        self.links = Links(self.broker, lambda: self.now_s, random.Random(self.seed), network)

    def _post(self, deliveries: list[Delivery]) -> None:
        if self.links:
            for number in self._in_links - self.broker.roster.live.keys():
                self.links.gone(number)
            self._in_links = set(self.broker.roster.live)
            deliveries = self.links.hold(deliveries)
            self.links.check()
        self.hand(deliveries)

    def hand(self, deliveries: list[Delivery]) -> None:
        """Deliveries leave the broker now."""
        for delivery in deliveries:
            if delivery.destination in self.broker.kept:
                self.broker.kept[delivery.destination].add(delivery)
        self.put(deliveries)

    def put(self, deliveries: list[Delivery]) -> None:
        """Deliveries are on their way."""
        for delivery in deliveries:
            destination, frame, buffers = delivery[:3]
            if destination not in self.down:
                self.tally.cut(delivery, "its destination is gone")
            else:
                if delivery.lost:
                    self.tally.cut(delivery, delivery.lost)
                    self.lost[destination] += len(frame) + sum(map(len, buffers))
                else:
                    self.tally.handed(delivery)
                _, end = read(frame)
                self.down[destination].queue.append((frame[:end], frame[end:], buffers))

    def _ready(self) -> list[tuple[dict[int, Link], int, Link]]:
        found = [
            (links, number, link)
            for links in (self.up, self.down)
            for number, link in links.items()
            if link.queue and link.name not in self.slow
        ]
        if found or not self.slow:
            return found
        return [(links, n, link) for links in (self.up, self.down) for n, link in links.items() if link.queue]

    def step(self) -> bool:
        """Deliver one envelope; False when there is none."""
        ready = self._ready()
        later_s = self.links.next_s() if self.links and not self.stands else None
        if later_s is not None and (not ready or self.rng.random() < 0.3):
            self.now_s += later_s
            self._post([])
            return True
        if not ready:
            return False
        links, number, link = ready[0]
        if len(ready) > 1:
            at = self.rng.random() * sum(entry[2].weight for entry in ready)
            for links, number, link in ready:  # noqa: B007
                at -= link.weight
                if at < 0:
                    break
        self._deliver(links, number, link)
        return True

    def deliver(self, name: str, count: int = 1) -> None:
        """Deliver the next ``count`` envelopes of one link, by hand."""
        for links in (self.up, self.down):
            for number, link in links.items():
                if link.name == name:
                    for _ in range(count):
                        self._deliver(links, number, link)

    def drain(self) -> None:
        """Deliver until nothing is under way but on slow links."""
        while any(entry[2].name not in self.slow for entry in self._ready()):
            self.step()

    def settle(self) -> None:
        """Deliver until nothing is under way."""
        while self.step():
            pass

    def _deliver(self, links: dict[int, Link], number: int, link: Link) -> None:
        message = link.queue.popleft()
        self.steps += 1
        if self.steps > STEPS_AT_MOST:
            raise Deadlock("no end of deliveries\n" + self.history())
        self._log.append((self.steps, link.name, message[0]))
        if links is self.down:
            self.got[number] += bytes_of(message)
        self.digest = zlib.crc32(message[1], zlib.crc32(message[0], zlib.crc32(link.name.encode(), self.digest)))
        if links is self.up:
            self._post(self.broker.receive(number, message[0] + message[1], message[2]))
            self.broker.check()
        elif number in self.sessions:
            self._arrive(self.sessions[number], message)
        else:
            self._turn(self.by_number[number], message)

    def _arrive(self, session: SimSession, message: Frames) -> None:
        connection: Any = session.link.connection
        if not connection.closed:
            connection.inbox.append(message)
            session.core.check()

    def _turn(self, core: WorkerCore, message: Frames) -> None:
        envelope = envelope_of(message)
        queue = self.up[core.number].queue
        if envelope.header.kind == Kind.ROSTER:
            core.news(bodies.loads_as(dict, envelope.body))
            return
        if envelope.header.kind == Kind.TOLD:
            core.told(envelope)
            return
        question = core.ask_for_ids()
        answers = [*([] if question is None else [question]), *core.turn(envelope)]
        messages = [frames(e) for e in answers]
        self.sent[core.number] += sum(map(bytes_of, messages))
        queue.extend(messages)
        core.check()

    def perhaps_step(self) -> None:
        """Let some deliveries happen, as they do while a real client computes."""
        while self.rng.random() < self.pace and self.step():
            pass

    def between_commands(self, session: SimSession) -> None:
        """What may happen before a command: deliveries, and the timer's flush."""
        if self.hasty:
            session.flush()
            self.drain()
        if self.rng.random() < self.flushes:
            session.flush()
        self.perhaps_step()
        session.core.check()

    def history(self) -> str:
        """The newest deliveries, and what is still under way."""
        lines = [f"{n:5} {name:>8} {decode(raw)}" for n, name, raw in self._log]
        for link in itertools.chain(self.up.values(), self.down.values()):
            lines += [f"      {link.name:>8} has {decode(raw)}" for raw, _, _ in link.queue]
        for number, session in self.broker.settling.sessions.items():
            lines += [f"      session {number} (count {session.count}) holds {i.header}" for i in session.input]
        return "\n".join([f"World seed {self.seed}", *lines])

    # ------------------------------------------------------------ the end

    def finish(self) -> None:
        """Drop every handle, run to the end, and assert that nothing is left anywhere."""
        self.slow.clear()
        self._quiesce()
        if self._left():
            gc.collect()
            self._drop_handles()
            self._quiesce()
        self._let_go_of_kept()
        self._assert_accounted()
        left = self._left()
        assert not left, f"World seed {self.seed}: after everything was dropped there is left:\n" + "\n".join(left)

    def _assert_accounted(self) -> None:
        """Every byte that passed the broker met its end, and is what the parties have sent and taken."""
        assert not self.tally.faults(), self.tally.faults()
        if type(self) is not World:
            return  # its links lose and repeat what they were given
        for number in {*self.up}:
            told = self.tally.came_bytes[number], self.tally.handed_bytes[number] + self.lost[number]
            assert (self.sent[number], self.got[number]) == told, f"World seed {self.seed}: party {number}"

    def _quiesce(self) -> None:
        """Flush and deliver until that changes nothing: a reply can bring references that must go back."""
        for _ in range(100):
            for session in self.sessions.values():
                if not session.closed:
                    session.flush()
                    session.link.take_in()
            busy = any(s.dead or s.core.batches.pending() for s in self.sessions.values() if not s.closed)
            if not self.step() and not busy:
                return
            self.settle()
        raise Deadlock("it never becomes quiet\n" + self.history())

    def _drop_handles(self) -> None:
        ours = set(map(id, self.sessions.values()))
        for thing in gc.get_objects():
            if type(thing) is Pointer and getattr(thing, "_owns", False) and id(thing._session) in ours:
                thing._owns = False
                if not thing._session.closed:
                    thing._session.core.drop(thing._node)

    def _let_go_of_kept(self) -> None:
        """What stays without references stays rightly; let go of it now, to see that nothing hangs on to it."""
        session = next((s for s in self.sessions.values() if not s.closed), None)
        kept = [e for core in self.by_number.values() for e in core.store.entries.values() if e.keep != KEEP_NOT]
        if session is None or not kept:
            return
        with session.command() as core:
            for entry in kept:
                core.keep(named(entry.names[0]), on=False)
        self._quiesce()

    def _left(self) -> list[str]:
        left = []
        for name, core in self.workers.items():
            left += [f"{name} counts references to {n}" for n in core.store._exports]
            left += [f"{name}:{i} = {e.value!r} ({e.names})" for i, e in core.store.entries.items()]
            left += [f"{name} holds {target}: {counts}" for target, counts in core.store.held.items()]
        left += [f"rows {name}: {self.broker.rows.holders(name)}" for name in list(self.broker.rows._records)]
        for number, session in self.broker.settling.sessions.items():
            left += [f"session {number} counts {session.count}"] if session.count else []
            left += [f"session {number} input {item.header}" for item in session.input]
        settling = self.broker.settling
        if settling.total or settling.alls:
            left.append(f"the broker counts {settling.total}, waits for all: {settling.alls}")
        return left
