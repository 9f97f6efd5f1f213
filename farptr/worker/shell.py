"""The worker's process: a blocking loop around ``WorkerCore``."""

from __future__ import annotations

import contextlib
import gc
import logging
import signal
from pathlib import Path
from typing import Any

from farptr.protocol import body as bodies
from farptr.protocol.commands import Envelope
from farptr.protocol.header import Header, Kind
from farptr.protocol.ids import IdBlock
from farptr.transport.dealer import Dealer, refusal
from farptr.worker.core import WorkerCore
from farptr.worker.load import load_arrays

log = logging.getLogger("farptr.worker")

GC_THRESHOLD = 50_000
"""Stored objects have no cycles; looking for some every few commands is wasted."""
IDLE_S = 1.0
"""An idle worker looks around this often: a signal that comes just before a wait does not end it."""


class _Stop(Exception):
    """SIGTERM came."""


def serve(name: str, address: str, *, load: str | None = None, lifeline: int | None = None) -> None:
    """Run a worker until it is told to stop, its broker is gone, or its lifeline breaks.

    Args:
        name: the worker's name in the run.
        address: of the broker.
        load: file with the worker's own arrays (``.npz`` or ``.npy``).
        lifeline: file descriptor that reads end-of-file when the process that started this one is gone.

    Raises:
        FarptrError: the worker could not load its data or register.
    """
    arrays = load_arrays(Path(load)) if load else {}
    dealer = Dealer(address, {"role": "worker", "name": name, "data": sorted(arrays)})
    signal.signal(signal.SIGTERM, _stop)
    gc.set_threshold(GC_THRESHOLD)
    try:
        _loop(dealer, arrays, lifeline)
    except (_Stop, KeyboardInterrupt):
        with contextlib.suppress(Exception):
            _say_bye(dealer)
    finally:
        dealer.close(linger_s=0.1)


def _stop(*_: Any) -> None:
    raise _Stop


def _say_bye(dealer: Dealer) -> None:
    dealer.send(Envelope(Header(Kind.BYE, epoch=dealer.welcome["epoch"])))


def _ask_for_ids(core: WorkerCore) -> Envelope:
    body = bodies.dumps({"what": "ids"})
    return Envelope(Header(Kind.ASK, epoch=core.epoch, body_bytes=len(body)), body)


def _loop(dealer: Dealer, arrays: dict[str, Any], lifeline: int | None) -> None:
    welcome = dealer.welcome
    core = WorkerCore(number=welcome["number"], epoch=welcome["epoch"], ids=IdBlock(welcome["seed"], welcome["block"]))
    core.names.update({row[0]: row[1] for row in welcome["roster"]})
    core.load(arrays)
    own = f", own data: {', '.join(sorted(arrays))}" if arrays else ""
    log.info("joined run %s as party %d%s", welcome["run"], welcome["number"], own)
    if lifeline is not None:
        dealer.watch(lifeline)
    asked = False
    while not dealer.over:
        envelope = dealer.receive()
        if envelope is None:
            dealer.wait(IDLE_S)
        elif envelope.header.kind == Kind.ROSTER:
            core.news(bodies.loads_as(dict, envelope.body))
        elif envelope.header.kind == Kind.TOLD:
            core.ids.grant(bodies.loads_as(int, envelope.body))
            asked = False
        elif envelope.header.kind == Kind.REFUSED:
            raise refusal(bodies.loads_as(dict, envelope.body))
        else:
            if core.ids.low() and not asked:
                asked = True
                dealer.send(_ask_for_ids(core))
            for answer in core.turn(envelope):
                dealer.send(answer)
