"""The worker's process: a blocking loop around ``WorkerCore``."""

from __future__ import annotations

import contextlib
import gc
import logging
import os
import signal
import threading
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from farptr.protocol import body as bodies
from farptr.protocol.authority import Allowed, allowed_of
from farptr.protocol.commands import Envelope
from farptr.protocol.errors import ProtocolError, refusal
from farptr.protocol.functions import OFF
from farptr.protocol.header import Header, Kind
from farptr.protocol.ids import IdBlock
from farptr.transport.dealer import Dealer
from farptr.transport.ends import cut_off
from farptr.transport.recycling import recycle
from farptr.worker import limits
from farptr.worker.core import WorkerCore
from farptr.worker.failures import Stopped
from farptr.worker.interrupts import listen
from farptr.worker.load import load_arrays
from farptr.worker.telling import Telling

log = logging.getLogger("farptr.worker")

GC_THRESHOLD = 50_000
"""Stored objects have no cycles; looking for some every few commands is wasted."""
END_S = 2.0
"""A worker whose run is over may finish what it does for this long."""
CUT_S = 0.3
"""One whose connection was cut, for so long: nobody gets what it finds, and its callers wait for its end."""

COMMAND, FREE = int(Kind.COMMAND), int(Kind.FREE)


def serve(
    name: str,
    address: str,
    *,
    load: str | None = None,
    functions: str = OFF,
    lifeline: int | None = None,
    memory_limit_bytes: int | None = None,
    key: str | None = None,
    allow: str | None = None,
) -> None:
    """Run a worker until it is told to stop, its broker is gone, or its lifeline breaks.

    Args:
        name: the worker's name in the run.
        address: of the broker.
        load: file with the worker's own arrays (``.npz`` or ``.npy``).
        functions: whether it runs cells (``protocol.functions``).
        lifeline: file descriptor that reads end-of-file when the process that started this one is gone.
        memory_limit_bytes: what it may take beyond what it has once it has registered (``limits``).
        key: file to join a broker on another machine with.
        allow: which clients may do what to it (``protocol.authority``); None for everybody everything.

    Raises:
        FarptrError: the worker could not load its data or register.
    """
    allowed = None if allow is None else allowed_of(allow)
    if memory_limit_bytes:
        limits.prepare()
    else:
        recycle()
    listen()
    arrays = load_arrays(Path(load)) if load else {}
    # Shared memory is mapped, not held; the bound on what is mapped cannot tell.
    pool_bytes = 0 if memory_limit_bytes else None
    dealer = Dealer(address, {"role": "worker", "name": name, "data": sorted(arrays)}, pool_bytes=pool_bytes, key=key)
    signal.signal(signal.SIGTERM, _stop)
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, _stop)  # KeyboardInterrupt would look like an error of the cell that runs
    if lifeline is None and signal.getsignal(signal.SIGHUP) is signal.SIG_DFL:
        signal.signal(signal.SIGHUP, _stop)  # by hand: its terminal is closed; nohup ignores that
    gc.set_threshold(GC_THRESHOLD)
    try:
        _end_with(dealer, [] if lifeline is None else [lifeline])  # in here: the end may come before it returns
        _loop(dealer, arrays, functions, allowed, limits.Memory(memory_limit_bytes) if memory_limit_bytes else None)
    except (Stopped, KeyboardInterrupt):
        if dealer.cut and not (dealer.far and dealer.has_ended()):
            raise cut_off() from None
        if not _over.is_set():  # a run that ends is told of by its broker, if anybody
            with contextlib.suppress(Exception):
                _say_bye(dealer)
    finally:
        dealer.close(linger_s=0.1)


_over = threading.Event()
"""The run is over: its broker or its supervisor is gone."""


def _stop(*_: Any) -> None:
    raise Stopped


def _end_with(dealer: Dealer, fds: list[int]) -> None:
    """End this process soon after its connection is gone or one of the descriptors is readable, whatever it does."""

    def watch() -> None:
        if not dealer.watch(fds):
            return  # it ends by itself
        _over.set()
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGTERM)
        patience_s, what = (CUT_S, "the connection was cut") if dealer.cut else (END_S, "the run was over")
        time.sleep(patience_s)
        log.warning("still busy %g s after %s: leaving it undone", patience_s, what)
        os._exit(1)

    threading.Thread(target=watch, daemon=True, name="farptr-end").start()


def _say_bye(dealer: Dealer) -> None:
    dealer.send(Envelope(Header(Kind.BYE, epoch=dealer.welcome["epoch"])))


def _turn_within(memory: limits.Memory, core: WorkerCore, envelope: Envelope) -> list[Envelope]:
    with memory:
        return core.turn(envelope)


def _loop(
    dealer: Dealer, arrays: dict[str, Any], functions: str, allowed: Allowed | None, memory: limits.Memory | None
) -> None:
    welcome = dealer.welcome
    ids = IdBlock(welcome["seed"], welcome["block"])
    admit = memory.admit if memory is not None else None
    core = WorkerCore(
        number=welcome["number"],
        epoch=welcome["epoch"],
        ids=ids,
        functions=functions,
        admit=admit,
        near=welcome["near"],
        allowed=allowed,
        tell=Telling(dealer.send, quiet="clock" in welcome),
    )
    for row in welcome["roster"]:
        core.know(row)
    core.load(arrays)
    core.sockets = lambda: (dealer.in_bytes, dealer.out_bytes)
    own = f", own data: {', '.join(sorted(arrays))}" if arrays else ""
    log.info("joined run %s as party %d%s", welcome["run"], welcome["number"], own)
    turn: Callable[[Envelope], list[Envelope]] = core.turn if memory is None else partial(_turn_within, memory, core)
    if "clock" in welcome:
        from farptr.worker.costed import costed  # late: few runs have a clock of their own

        turn = costed(turn, welcome["clock"])
    envelope: Envelope | None
    answer: Envelope | None
    while not dealer.over:
        envelope = dealer.next()
        kind = envelope.header.kind
        if kind in (COMMAND, FREE):
            if core.ids.low() and (question := core.ask_for_ids()) is not None:
                dealer.send(question)
            for answer in turn(envelope):
                dealer.send(answer)
            envelope = answer = None  # what they hold is given back before the next one comes
        elif kind == Kind.ROSTER:
            core.news(bodies.loads_as(dict, envelope.body))
        elif kind == Kind.TOLD:
            core.told(envelope)
        elif kind == Kind.BYE:
            _over.set()
            return
        elif kind == Kind.REFUSED:
            raise refusal(bodies.loads_as(dict, envelope.body))
        else:
            raise ProtocolError(f"the broker sent a {Kind(kind).name} to a worker")
