"""A broker under a virtual clock: what would come and go at once waits in a ``Timeline`` for its time.

Laws
    What a worker sends in a turn is taken in at the turn's end, what a client sends at the time at which it runs.
    Beside the timeline goes only what is real: welcomes, news for workers, and that a process is stopped.
    Workers are admitted in the order in which they were asked for, however they come: numbers do not depend on it.
    The journal ends when its client is about to leave: what comes then depends on who is faster.
"""

from __future__ import annotations

import contextlib
import random
import struct
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from farptr.broker.roster import WORKER
from farptr.clock.costs import Record, constant_s, for_worker
from farptr.clock.settings import SEED, costs_in
from farptr.clock.timeline import Hand, Parcel, Take, Timeline
from farptr.protocol import body as bodies
from farptr.protocol.errors import BadClock, ProtocolError
from farptr.protocol.header import Flag, Kind, read

if TYPE_CHECKING:
    from farptr.broker.core import BrokerCore
    from farptr.broker.links import Links
    from farptr.broker.roster import Party
    from farptr.broker.telling import Delivery

_ASK, _IDLE, _ROSTER, _TOLD, _BYE = map(int, (Kind.ASK, Kind.IDLE, Kind.ROSTER, Kind.TOLD, Kind.BYE))
_DONE_FLAG, _FENCE_FLAG = Flag.DONE, Flag.FENCE
_KIND, _FLAGS, _RECEIVED = 3, struct.Struct("<4xH"), struct.Struct("<40xQ")
_LEAST_BYTES = 48
LONGEST_SLEEP_S = 1e9


def seeded(seed: int | None) -> tuple[int, int]:
    """The seed and the epoch of a run, as long in every run."""
    seed = SEED if seed is None else seed
    return seed, random.Random(f"epoch {seed}").getrandbits(55) | 1 << 55


class Timed:
    """The virtual clock of one broker.

    Args:
        core: what decides.
        clock: ``clock.settings.clock_of``'s, with ``workers``: the names of those that are to come, in order.
        take: takes an envelope of a party in, as it comes without a clock.
        hand: hands deliveries on, as without a clock.
        end_journal: writes its last word.
    """

    def __init__(
        self,
        core: BrokerCore,
        clock: dict[str, Any],
        *,
        take: Callable[[int, bytes, tuple[Any, ...]], None],
        hand: Callable[[list[Delivery]], None],
        end_journal: Callable[[], None],
    ) -> None:
        self._core, self._take, self._hand, self._end_journal = core, take, hand, end_journal
        self._kind, self._costs = clock["kind"], costs_in(clock)
        self._awaited: list[str] = list(clock.get("workers", ()))
        """Workers that are to be admitted before anybody else, in this order."""
        self._early: dict[str, Any] = {}
        self._record = Record(self._costs["measured"]) if "measured" in self._costs else None
        self._constants: dict[int, float | None] = {}
        self.timeline = Timeline(self._cost_of)
        self._links: Links | None = None
        core.clock = self.now_s
        self._beside = False
        """What leaves now leaves beside the timeline."""
        self._sleep_s = 0.0
        self._ends = False
        """The client is about to leave."""
        self._going = False

    def now_s(self) -> float:
        """Seconds since the run began."""
        return self.timeline.now_s

    def now_ns(self) -> int:
        """For the journal."""
        return round(self.timeline.now_s * 1e9)

    @property
    def links(self) -> Links | None:
        """The modelled network, once there is one."""
        return self._links

    @links.setter
    def links(self, links: Links) -> None:
        self._links, self.timeline.ways = links, self

    def next_s(self) -> float | None:
        """When something happens in the network next (``timeline.Ways``)."""
        return None if self._links is None else self._links.model.next_s()

    def advance(self) -> None:
        """Put what arrives in it now."""
        self._hand(self.hold([]))

    # ------------------------------------------------------------ who comes and goes

    def admissible(self, hello: dict[str, Any], waiting: Any) -> Iterable[Any]:
        """Who is to be admitted now, of those who have said hello: ``waiting`` as it was given, in order.

        Raises BadClock for a second client.
        """
        role, name = hello.get("role"), str(hello.get("name"))
        if role != WORKER:
            if any(party.role != WORKER for party in self._core.roster.live.values()):
                raise BadClock(
                    "a run under the virtual clock has one client", hint="close the other one, or take clock='wall'"
                )
        elif name in self._awaited and name not in self._early:
            self._early[name] = waiting
            if set(self._awaited) <= self._early.keys():
                yield from (self._early.pop(name) for name in self._awaited)
                self._awaited.clear()
            return
        yield waiting

    def welcomed(self, party: Party) -> dict[str, Any]:
        """A party takes part from now on; what its welcome says of the clock."""
        self.timeline.join(party.number, worker=party.role == WORKER)
        mine = {"measured": not self._record.replays} if self._record else for_worker(self._costs, party.name)
        return {"kind": self._kind, "costs": mine}

    def told(self, deliveries: list[Delivery]) -> None:
        """These were handed at once."""
        for delivery in deliveries:
            self.timeline.at_once(delivery.destination)

    def gone(self, number: int) -> None:
        """A party is gone."""
        left, watch = self.timeline.gone(number), self._core.watch
        for parcel in left if watch else ():
            if parcel.delivery.header is not None:
                watch.cut(parcel.delivery, "its destination is gone")  # type: ignore[union-attr]
        self._constants.pop(number, None)
        lost = self._core.roster.lost.get(number)
        if lost is not None and lost[0].role != WORKER:
            self._core.watch = None

    def _name(self, worker: int) -> str:
        return self._core.roster.live[worker].name

    def _cost_of(self, worker: int) -> float | None:
        if self._record:
            return self._record.next_s(self._name(worker))
        if worker not in self._constants:
            self._constants[worker] = constant_s(for_worker(self._costs, self._name(worker)))
        return self._constants[worker]

    # ------------------------------------------------------------ what comes

    def came(self, number: int, frame: bytes, buffers: tuple[Any, ...]) -> None:
        """An envelope has come from a party."""
        timeline = self.timeline
        if len(frame) < _LEAST_BYTES:
            self._take(number, frame, buffers)  # which refuses it
        elif timeline.works(number):
            done = bool(_FLAGS.unpack_from(frame)[0] & _DONE_FLAG)
            cost_s = _RECEIVED.unpack_from(frame)[0] / 1e9 if done else 0.0
            if frame[_KIND] == _BYE:
                self._take(number, frame, buffers)
            else:
                timeline.sent(number, (frame, buffers), done=done, cost_s=cost_s)
        elif frame[_KIND] == _IDLE:
            self._take(number, frame, buffers)
            timeline.waits(number, _RECEIVED.unpack_from(frame)[0])
        elif frame[_KIND] == _ASK:
            self._ask(number, frame, buffers)
        else:
            self._take(number, frame, buffers)
        self.go()

    def _ask(self, number: int, frame: bytes, buffers: tuple[Any, ...]) -> None:
        """A question about the run: ``sleep`` is answered later, ``progress`` and ``end`` by the real clock."""
        try:
            asked = bodies.loads_as(dict, frame[read(frame)[1] :])
            sleep_s = float(asked["s"]) if asked.get("what") == "sleep" else 0.0
        except (ProtocolError, KeyError, TypeError, ValueError):
            asked, sleep_s = {}, 0.0
        self._sleep_s = sleep_s if 0 <= sleep_s <= LONGEST_SLEEP_S else 0.0
        self._ends = asked.get("what") == "end"
        progress = asked.get("what") == "progress" and not _FLAGS.unpack_from(frame)[0] & _FENCE_FLAG
        self._beside = progress or self._ends
        try:
            self._take(number, frame, buffers)
        finally:
            self._beside, self._ends, self._sleep_s = False, False, 0.0

    # ------------------------------------------------------------ what leaves

    def hold(self, deliveries: list[Delivery]) -> list[Delivery]:
        """Deliveries, as the core decided them; those that leave beside the timeline."""
        if self._ends:
            self._end_journal()
        if self._links is not None:
            deliveries = self._links.hold(deliveries)
        now = []
        for delivery in deliveries:
            destination, kind = delivery.destination, delivery.frame[_KIND]
            if self._beside or (kind == _ROSTER and self._is_real(destination, delivery.frame)):
                self.timeline.at_once(destination)
                now.append(delivery)
            else:
                self.timeline.put(Parcel(destination, kind, delivery), self._sleep_s if kind == _TOLD else 0.0)
        return now

    def _is_real(self, destination: int, frame: bytes) -> bool:
        party = self._core.roster.live.get(destination)
        return party is None or party.role == WORKER or b"stalled" in frame

    # ------------------------------------------------------------ what is next

    def go(self) -> None:
        """Do all that can be done before somebody has to say something."""
        if self._going:
            return
        self._going = True
        try:
            while (step := self.timeline.step()) is not None:
                if type(step) is Hand:
                    self._hand([step.parcel.delivery])
                elif type(step) is Take:
                    if self._record and step.spent_s is not None:
                        self._record.add(self._name(step.worker), step.spent_s)
                    for frame, buffers in step.sent:
                        self._take(step.worker, frame, buffers)
        finally:
            self._going = False

    def close(self) -> None:
        """The run is over: keep what was measured. Whoever started it looks whether the file is there."""
        if self._record:
            with contextlib.suppress(OSError):
                self._record.write()
