"""What turns cost under a virtual clock, as a worker tells the broker: ``received`` in a turn's last header, in ns."""

from __future__ import annotations

import contextlib
import importlib.util
import time
from collections.abc import Callable, Iterator
from typing import Any

from farptr.clock.costs import Meter
from farptr.protocol.commands import Envelope
from farptr.protocol.functions import CALLED
from farptr.protocol.torch_names import is_of_torch
from farptr.worker import execute, functions, tensors

Turn = Callable[[Envelope], list[Envelope]]


def costed(turn: Turn, clock: dict[str, Any]) -> Turn:
    """The same turn, which says what it cost."""
    costs = clock["costs"]
    if "measured" in costs:
        return _measured(turn) if costs["measured"] else turn
    meter = Meter(costs)
    functions.run_within(lambda name: _function(name, meter))
    execute.carry_out_by(lambda run: _counted_by_torch(run, meter) if meter.by_speed else meter.wrapped(run))
    meter.take_ns()

    def told(envelope: Envelope) -> list[Envelope]:
        return _with_cost(turn(envelope), meter.take_ns())

    return told


def _counted_by_torch(run: Callable[..., Any], meter: Meter) -> Callable[..., Any]:
    """Operations that are metered; torch counts what its own come to, gradients too."""
    metered = meter.wrapped(run)

    def counted(operation: str, *more: Any) -> Any:
        if not is_of_torch(operation):
            return metered(operation, *more)
        counting = tensors.theirs().counting()
        try:
            with counting:
                return run(operation, *more)
        finally:
            meter.spend(counting.flops)

    return counted


@contextlib.contextmanager
def _function(name: str, meter: Meter) -> Iterator[None]:
    """A function on this worker: one operation of its name; at a speed, the kernels of torch in it."""
    counting = _counting() if meter.by_speed else None
    try:
        with counting or contextlib.nullcontext():
            yield
    finally:
        if not meter.by_speed:
            meter.note(f"{CALLED}{name}", (), None)
        elif counting is not None:
            meter.spend(counting.flops)


def _counting() -> Any:
    # Whether it has been imported before must not matter: the first call costs what the second does.
    return tensors.theirs().counting() if importlib.util.find_spec("torch") else None


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
