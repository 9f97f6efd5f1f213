"""A client's way to a broker that may be gone or cut off, from a process that may be killed; and its clock."""

from __future__ import annotations

from typing import TYPE_CHECKING

from farptr.protocol import body as bodies
from farptr.protocol.commands import Envelope
from farptr.protocol.errors import BrokerLost
from farptr.protocol.header import read
from tests.sim.world import SimConnection

if TYPE_CHECKING:
    from tests.sim.faults import FaultyWorld


class Killed(BaseException):
    """This client's process is gone: nothing of its program goes on."""


class Clock:
    """Stands for the module ``time`` where a client waits."""

    def __init__(self) -> None:
        self.now_s = 0.0

    def monotonic(self) -> float:
        return self.now_s


class FaultyConnection(SimConnection):
    """A client's way to a broker that may be gone, from a process that may be."""

    _world: FaultyWorld
    killed = False
    severed = False
    noticed_at = 0
    """Deliveries before it notices that it is cut, if nothing else makes it."""

    @property
    def cut(self) -> bool:
        return self.severed and self._world.steps >= self.noticed_at and not self._world.broker_gone

    @cut.setter
    def cut(self, value: bool) -> None:
        self.severed = value

    def again(self, number: int) -> int:
        self._go_on()
        self.check()
        world = self._world
        for queue in (world.up[number].queue, world.down[number].queue, self.inbox):
            queue.clear()
        hello = {"resume": number, "received": self.received, "pid": 0, "host": "world"}
        _, (welcome, *left) = world.broker.resume(hello)
        self.severed = False
        world.put(left)
        return int(bodies.loads_as(dict, welcome.frame[read(welcome.frame)[1] :])["newest"])

    def _go_on(self) -> None:
        if self.killed:
            raise Killed

    def send(self, envelope: Envelope) -> None:
        self._go_on()
        if not self._world.broker_gone and not self.severed:
            super().send(envelope)
            self._go_on()

    def receive(self) -> Envelope | None:
        self._go_on()
        return super().receive()

    def wait(self, timeout_s: float) -> None:
        world = self._world
        while not self.inbox and not world.broker_gone and not self.cut:
            self._go_on()
            world.let_others_act()
            if not self.inbox and not world.step():
                self._go_on()
                self.noticed_at = 0
                if self.cut:
                    return
                world.pass_time(timeout_s)
                return
        self._go_on()

    def check(self) -> None:
        if self._world.broker_gone:
            raise BrokerLost("the broker of run 'world' is gone, and the run with it")
