"""A world in which things break: the same cores, links and scheduler, and faults that a seed has drawn.

    world = FaultyWorld(["julie", "toby"], seed=7, clients=2, faults=[Fault(40, "kill_worker", 0, 3)])

A party that is killed loses what it had not sent, and what was on its way to it; the broker notices later. One whose
link is cut loses what is on its way both ways. A worker goes on without knowing, and is ignored; a client resumes its
session when it notices, which may be too late. One that is
stopped neither gets nor gives anything for a while. Time passes only while nothing can be delivered, so that
deadlines can be met too.
"""

from __future__ import annotations

import heapq
import itertools
import random
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from farptr.client.run import Run
from farptr.protocol import body as bodies
from farptr.protocol.errors import FarptrError
from farptr.protocol.header import Kind
from farptr.worker.core import WorkerCore
from tests.sim.connections import Clock, FaultyConnection
from tests.sim.history import History
from tests.sim.world import Deadlock, Frames, Link, Twice, World, envelope_of

DUPLICATES = True
"""Envelopes may come twice: every core drops what it has had."""
KINDS = {
    "kill_worker": 8, "cut_worker": 2, "stop_worker": 4, "kill_client": 3, "close_client": 2, "cut_client": 4,
    "stop_client": 2, "kill_broker": 1,
}  # fmt: skip
"""What can break, and how often it does."""
NOTICED_AFTER = (0, 0, 3, 10, 40)
"""Deliveries until the broker knows of an end."""
LEASES = (None, None, 0, 20)
"""Deliveries until the broker gives up a client whose link is cut."""
RESTARTED_AFTER = (None, 0, 5, 30)
STOPPED_STEPS = (5, 40, 200)
STOPPED_S = (0.5, 20.0, 100.0)
"""A stopped party goes on after so many deliveries, or so much time, whatever comes first."""
FEW_IDS = 300
"""What is left of a worker's first block of ids."""
OWN = np.array([5, 6, 7])
"""What every worker has loaded itself."""


class Broken(AssertionError):
    """A core did what none may do."""


class Fault(NamedTuple):
    """Something breaks."""

    at: int
    """Deliveries before it."""
    kind: str
    which: int
    """Chooses the party."""
    how: int
    """Chooses what follows."""


class FaultyWorld(World):
    """One broker, some workers, some clients, every schedule that a seed can give, and what breaks meanwhile."""

    def __init__(
        self,
        workers: list[str],
        seed: int,
        *,
        clients: int = 1,
        faults: Sequence[Fault] = (),
        duplicates: float = 0.0,
        looks: float = 0.0,
        asks: bool = False,
        crowd: bool = False,
        unread: bool = False,
    ) -> None:
        self.record = History()
        self.clock = Clock()
        self.broker_gone = False
        self.cut: set[int] = set()
        """Parties that live, and that the broker has given up."""
        self.stopped: dict[int, float] = {}
        """Stopped parties, and when they go on."""
        self.looks = looks
        """How likely the broker looks, at each step, whose process is stopped."""
        self._eyes = random.Random(-seed)
        self._asks = asks
        """Whether workers soon ask for more ids."""
        self._unread = unread
        """Whether what a killed party had sent still comes when the broker knows that it is gone."""
        self.actors: list[Any] = []
        self.struck = 0
        """Faults that found somebody."""
        self.duplicates = duplicates if DUPLICATES else 0.0
        self.duplicated = 0
        self._gone: dict[int, str] = {}
        """Names of workers that were killed or cut off."""
        self._run_once: set[tuple[int, ...]] = set()
        self.granted: set[int] = set()
        """Blocks of ids that workers were given."""
        self._order = itertools.count()
        self._events: list[tuple[int, int, Callable[[], None]]] = []
        """What comes by itself, at the latest when nothing else can happen."""
        self._faults = sorted(faults, reverse=True)
        super().__init__(workers, seed, clients=0)
        self.crosstalk = self.rng.choice((0.0, 0.1, 0.4))
        """How likely another client acts while one waits, at each chance."""
        if crowd:
            self.pace, self.crosstalk = 0.0, 0.9
        for _ in range(clients):
            self.add_client()

    # ------------------------------------------------------------ parties

    def add_worker(self, name: str) -> WorkerCore:
        core = super().add_worker(name)
        core.load({"own": OWN})
        self._watch_ids(core.ids)
        return core

    def _watch_ids(self, ids: Any) -> None:
        """A block that is granted twice would make two objects of one name."""
        if self._asks:
            ids.left = FEW_IDS

        def grant(block: int) -> None:
            if block in self.granted:
                raise Broken(f"block {block} of ids was granted twice")
            self.granted.add(block)
            type(ids).grant(ids, block)

        ids.grant = grant

    def add_client(self, *, sync: bool = False) -> Run:
        run = super().add_client(sync=sync)
        session: Any = run._session
        session.timeout_s = 30.0
        session.link.connection = FaultyConnection(self, session.core.number)
        return run

    def see_to_workers(self) -> None:
        """Where no worker is left, one is started again, if the broker knows of an end."""
        ended = [name for name in self._gone.values() if self.broker.roster.worker(name) is None]
        if ended and not self.workers:
            self._restart(ended[0])

    def let_others_act(self) -> None:
        """While one client waits, others go on."""
        if self.rng.random() < self.crosstalk:
            free = [actor for actor in self.actors if actor.ready()]
            if free:
                self.rng.choice(free).act()

    # ------------------------------------------------------------ time

    def step(self) -> bool:
        while self._faults and self._faults[-1].at <= self.steps:
            self.strike(self._faults.pop())
        while self._events and self._events[0][0] <= self.steps:
            heapq.heappop(self._events)[2]()
        if self.broker_gone:
            return False
        if (self.stopped or self.broker.settling.stopped) and self._eyes.random() < self.looks:
            self.look_around()
        if super().step():
            return True
        if not self._events:
            return False
        heapq.heappop(self._events)[2]()
        return True

    def _later(self, steps: int, event: Callable[[], None]) -> None:
        heapq.heappush(self._events, (self.steps + steps, next(self._order), event))

    def pass_time(self, seconds: float) -> None:
        """Nothing can be delivered: those who are stopped may go on, and those who are cut off may lose patience."""
        if not (self.stopped or self.cut or self.broker_gone):
            raise Deadlock("a client waits, and nothing is under way\n" + self.history())
        self.clock.now_s += seconds
        for number in [n for n, until_s in self.stopped.items() if until_s <= self.clock.now_s]:
            del self.stopped[number]
        if self.looks:
            self.look_around()

    def look_around(self) -> None:
        """The broker sees which workers with work are stopped, and which go on: as its shell does."""
        turns, stalled = self.broker.settling.turns, self.broker.settling.stopped
        for number in sorted({*self.stopped, *stalled} & turns.keys()):
            stopped = number in self.stopped
            if stopped != (number in stalled) and not self.broker_gone and (turns[number] or not stopped):
                self.record.note("stall" if stopped else "unstall", number)
                self._post(self.broker.stall(number, "its process is stopped" if stopped else ""))

    def calm(self) -> None:
        """No more faults; whoever is stopped goes on, and whatever must follow follows."""
        self._faults.clear()
        self.stopped.clear()
        self.look_around()
        while self._events:
            heapq.heappop(self._events)[2]()

    # ------------------------------------------------------------ deliveries

    def _ready(self) -> list[tuple[dict[int, Link], int, Link]]:
        found = super()._ready()
        return [entry for entry in found if entry[1] not in self.stopped] if self.stopped else found

    def _deliver(self, links: dict[int, Link], number: int, link: Link) -> None:
        if self.duplicates and self.rng.random() < self.duplicates:
            again = Twice(link.queue[0]) if number in self.sessions and links is self.down else link.queue[0]
            link.queue.insert(self.rng.randint(1, len(link.queue)), again)
            self.duplicated += 1
        before = len(self.broker.roster.live)
        try:
            super()._deliver(links, number, link)
        except FarptrError as error:
            raise Broken(f"{link.name}: {error!r}\n{self.history()}") from error
        if links is self.up and number in self.cut:
            assert len(self.broker.roster.live) == before

    def _post(self, deliveries: list[Any]) -> None:
        assert not any(d.destination in self.cut for d in deliveries), "the broker talks to somebody it has given up"
        super()._post(deliveries)

    def put(self, deliveries: list[Any]) -> None:
        super().put([d for d in deliveries if not self._severed(d.destination)])

    def _severed(self, number: int) -> bool:
        """Whether nothing reaches this client any more, unless it resumes."""
        session: Any = self.sessions.get(number)
        return session is not None and session.link.connection.severed

    def _turn(self, core: WorkerCore, message: Frames) -> None:
        had = core.duplicates
        super()._turn(core, message)
        header, body, _ = envelope_of(message)
        if header.kind == Kind.COMMAND and core.duplicates == had:
            for command in bodies.loads_as(tuple, body):
                key = (core.number, header.root, command[0], header.hop, command[1])
                if key in self._run_once:
                    raise Broken(f"command {command} of {header.root} was run twice at {core.number}")
                self._run_once.add(key)

    # ------------------------------------------------------------ faults

    def strike(self, fault: Fault) -> None:
        """Let something break, if there is something left to break."""
        what, _, role = fault.kind.partition("_")
        if role == "broker":
            self.struck += 1
            self.kill_broker()
            return
        found = self._live(role)
        if found:
            number = found[fault.which % len(found)]
            self.struck += 1
            self.record.note(fault.kind, number)
            getattr(self, f"_{what}")(number, fault.how)

    def _live(self, role: str) -> list[int]:
        if role == "worker":
            return [core.number for core in self.workers.values()]
        return [n for n in self.sessions if n not in self.cut and not self.sessions[n].closed]

    def _kill(self, number: int, how: int) -> None:
        """A process ends at once; the broker notices sooner or later."""
        queue = self.up[number].queue
        for _ in range(self.rng.randint(0, len(queue))):
            queue.pop()
        del self.down[number]
        self.stopped.pop(number, None)
        if number in self.sessions:
            connection: Any = self.sessions.pop(number).link.connection
            connection.killed = True
            connection.inbox.clear()
        else:
            self._bury(number)
            del self.by_number[number]
        self._later(NOTICED_AFTER[how % len(NOTICED_AFTER)], lambda: self._notice(number, how))

    def _bury(self, number: int) -> None:
        core = self.by_number[number]
        name = self._gone[number] = next(name for name, c in self.workers.items() if c is core)
        del self.workers[name]

    def _notice(self, number: int, how: int) -> None:
        if self.broker_gone:
            return
        self._post(self.broker.lose(number, "it was killed by signal 9 (SIGKILL)", -9))
        self.broker.check()
        if not self._unread:
            self.up.pop(number, None)
        self._perhaps_restart(number, how)

    def _perhaps_restart(self, number: int, how: int) -> None:
        after = RESTARTED_AFTER[how // 7 % len(RESTARTED_AFTER)]
        name = self._gone.get(number)
        if name and after is not None:
            self._later(after, lambda: self._restart(name))

    def _restart(self, name: str) -> None:
        if not self.broker_gone and self.broker.roster.worker(name) is None:
            self.record.note("restart", self.add_worker(name).number)

    def _cut(self, number: int, how: int) -> None:
        """What is on its way is lost. The broker gives up a worker at once, a client if that is not back in time."""
        for queue in (self.up[number].queue, self.down[number].queue):
            for _ in range(self.rng.randint(0, len(queue))):
                queue.pop()
        if number in self.by_number:
            self._bury(number)
            self._give_up(number)
            self._perhaps_restart(number, how)
            return
        connection: Any = self.sessions[number].link.connection
        connection.severed, connection.noticed_at = True, self.steps + NOTICED_AFTER[how % len(NOTICED_AFTER)]
        lease = LEASES[how // 5 % len(LEASES)]
        if lease is not None:
            self._later(lease, lambda: self._expire(number))

    def _expire(self, number: int) -> None:
        connection: Any = self.sessions[number].link.connection if number in self.sessions else None
        if connection is not None and connection.severed and not self.broker_gone:
            self.record.note("expired", number)
            self._give_up(number)

    def _give_up(self, number: int) -> None:
        deliveries = self.broker.lose(number, "its connection was cut")
        self.cut.add(number)
        self._post(deliveries)
        self.broker.check()

    def _stop(self, number: int, how: int) -> None:
        """A party neither gets nor gives anything for a while."""
        self.stopped[number] = self.clock.now_s + STOPPED_S[how % len(STOPPED_S)]
        steps = STOPPED_STEPS[how // 3 % len(STOPPED_STEPS)]
        at = self.steps + steps

        def go_on() -> None:
            if self.steps >= at:  # not because nothing else could happen
                self.stopped.pop(number, None)

        self._later(steps, go_on)

    def _close(self, number: int, how: int) -> None:
        """A client leaves in good order, when its call is over."""
        next(actor for actor in self.actors if actor.number == number).leaving = True

    def kill_broker(self) -> None:
        """The broker's process ends; what it had sent may have come."""
        self.record.note("kill_broker", 0)
        self.broker_gone = True
        for number, session in self.sessions.items():
            queue = self.down[number].queue
            for _ in range(self.rng.randint(0, len(queue))):
                self._arrive(session, queue.popleft())

    # ------------------------------------------------------------ the end

    def finish(self) -> None:
        """``World.finish`` for those who live."""
        self.calm()
        for number in [number for number, session in self.sessions.items() if session.closed]:
            self._expire(number)  # its goodbye was lost with its connection
        for number in self.cut:
            self.by_number.pop(number, None)
            self.sessions.pop(number, None)
            del self.up[number], self.down[number]
        if not any(not s.closed for s in self.sessions.values()):
            self.add_client()
        self._quiesce()
        self._let_go_of_kept()
        super().finish()
