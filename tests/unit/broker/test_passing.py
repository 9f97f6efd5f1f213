"""The hook of ``farptr.broker.passing``: a watch is told of each envelope once when it comes, and once of its end."""

from __future__ import annotations

from typing import Any

from farptr.broker.core import BrokerCore
from farptr.broker.telling import Delivery
from farptr.protocol.header import Flag, Header, Kind, encode, read

EPOCH = 7


class Noted:
    """A watch that keeps what it is told."""

    trouble = ""

    def __init__(self) -> None:
        self.events: list[tuple[Any, ...]] = []

    def joined(self, party: tuple[Any, ...], wire_bytes: int) -> None:
        self.events.append(("joined", party[0]))

    def left(self, number: int, why: str) -> None:
        self.events.append(("left", number))

    def came(self, source: int, header: Header, frame: bytes, buffers: tuple[Any, ...]) -> None:
        self.events.append(("came", source, header.sequence))

    def handed(self, delivery: Delivery) -> None:
        self.events.append(("handed", delivery.source))

    def dropped(self, source: int, header: Header, wire_bytes: int, why: str) -> None:
        self.events.append(("dropped", source, header.sequence, why))

    def state(self) -> dict[str, Any]:
        return {}

    def cut(self, delivery: Delivery, why: str) -> None:
        self.events.append(("cut", delivery.source))


def _broker() -> tuple[BrokerCore, Noted, int, int]:
    core = BrokerCore(run="r", epoch=EPOCH, seed=1)
    core.watch = noted = Noted()
    me, _ = core.register({"role": "client", "name": "", "pid": 1, "host": "h"})
    julie, _ = core.register({"role": "worker", "name": "julie", "pid": 2, "host": "h"})
    return core, noted, me.number, julie.number


def _command(source: int, to: int, sequence: int, flags: int = 0) -> bytes:
    return (
        encode(Header(Kind.COMMAND, flags, epoch=EPOCH, destination=to, root=source, sequence=sequence, body_bytes=1))
        + b"x"
    )


def test_a_delivery_says_whose_words_it_carries() -> None:
    core, noted, me, julie = _broker()
    (delivery,) = core.receive(me, _command(me, julie, 1))
    assert (delivery.source, delivery.destination) == (me, julie)
    assert delivery.header is not None
    assert read(delivery.frame)[0].source == me
    assert noted.events == [("came", me, 1)]


def test_what_goes_nowhere_is_told() -> None:
    core, noted, me, julie = _broker()
    core.receive(me, _command(me, julie, 1))
    core.receive(me, _command(me, julie, 1))
    assert noted.events[-1] == ("dropped", me, 1, "it came before")
    core.receive(me, _command(me, julie, 2, Flag.FENCE))  # waits for the first
    core.lose(me, "it left")
    assert noted.events[-2:] == [("dropped", me, 2, "its sender is gone"), ("left", me)]


def test_what_is_for_the_dead_is_told() -> None:
    core, noted, me, julie = _broker()
    core.lose(julie, "killed")
    core.receive(me, _command(me, julie, 1))
    assert noted.events[-1] == ("dropped", me, 1, "its destination is gone")
