"""The broker's process: it serves until it is told to stop, or its supervisor is gone."""

from __future__ import annotations

import gc
import signal
import socket
from collections.abc import Callable
from types import FrameType
from typing import Any

from farptr.broker.shell import Broker
from farptr.transport.recycling import recycle

GC_THRESHOLD = 50_000
"""What lives here is tuples and dictionaries without cycles; looking for some every few envelopes is wasted."""


class _Stop(Exception):
    """The run ends."""


def serve(
    address: str,
    *,
    run: str,
    seed: int | None = None,
    control: socket.socket | None = None,
    cleanup: Callable[[], None] = lambda: None,
    ready: Callable[[str], None] = lambda _: None,
    bind: str | None = None,
    keys: str | None = None,
    journal: tuple[str, dict[str, Any]] | None = None,
    clock: dict[str, Any] | None = None,
) -> None:
    """Run a broker until it is told to stop or its supervisor is gone.

    Args:
        address: to bind.
        run: name of the run, for messages.
        seed: of object ids; None draws one.
        control: JSON lines to and from the supervisor; its end means that the supervisor is dead.
        cleanup: removes what a dead supervisor would have removed.
        ready: called once the address is bound, for a broker that has no supervisor to tell, with what ``bind`` became.
        bind: where to listen for other machines too, ``tcp://…``.
        keys: directory of the ring (``farptr.keys.ring``) of who may come from there.
        journal: the folder for a journal, and what its manifest is to say of the run besides.
        clock: of a run whose time is modelled (``farptr.broker.timed``).
    """
    recycle()
    broker = Broker(address, run=run, seed=seed, control=control, bind=bind, keys=keys, journal=journal, clock=clock)

    def stop(_: int, struck: FrameType | None) -> None:
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):  # a second one must not interrupt the closing
            signal.signal(number, signal.SIG_IGN)
        broker.stopping = True
        # Elsewhere it is amid an envelope, which is finished: what the sockets have counted is in the journal then.
        if struck and struck.f_code is Broker.loop.__code__:
            raise _Stop

    signal.signal(signal.SIGTERM, stop)
    if control is None:  # under a supervisor a Ctrl-C is none of its business
        signal.signal(signal.SIGINT, stop)
        if signal.getsignal(signal.SIGHUP) is signal.SIG_DFL:  # a terminal is closed; nohup ignores that
            signal.signal(signal.SIGHUP, stop)
    gc.set_threshold(GC_THRESHOLD)
    orphaned = False
    try:
        ready(broker.bound)
        broker.loop()
    except _Stop:
        pass
    except EOFError:
        orphaned = True
    finally:
        broker.close()
    if orphaned:  # only now: closing unlinks the socket, whose path may be another run's once this one's is gone
        cleanup()
