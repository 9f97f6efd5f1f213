"""What turns cost under a virtual clock, as a worker tells the broker: ``received`` in a turn's last header, in ns."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from farptr.clock.costs import Meter
from farptr.protocol.commands import Envelope
from farptr.worker import execute

Turn = Callable[[Envelope], list[Envelope]]


def costed(turn: Turn, clock: dict[str, Any]) -> Turn:
    """The same turn, which says what it cost."""
    costs = clock["costs"]
    if "measured" in costs:
        return _measured(turn) if costs["measured"] else turn
    meter = Meter(costs)
    execute.carry_out_by(meter.wrapped)
    meter.take_ns()

    def told(envelope: Envelope) -> list[Envelope]:
        return _with_cost(turn(envelope), meter.take_ns())

    return told


def _measured(turn: Turn) -> Turn:
    def told(envelope: Envelope) -> list[Envelope]:
        began_ns = time.thread_time_ns()
        sent = turn(envelope)
        return _with_cost(sent, time.thread_time_ns() - began_ns)

    return told


def _with_cost(sent: list[Envelope], cost_ns: int) -> list[Envelope]:
    if sent:
        header, body, buffers = sent[-1]
        sent[-1] = Envelope(header._replace(received=cost_ns), body, buffers)
    return sent
