"""A session of a run: all that a client is made of, put together."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from farptr.client import interrupts, opened
from farptr.client.core import SessionCore
from farptr.client.run import Run
from farptr.client.session import Session
from farptr.client.turns import Turns
from farptr.launch.start import Running
from farptr.transport.dealer import Dealer

SYNC_VARIABLE = "FARPTR_SYNC"


@interrupts.guarded
def join(
    address: str,
    *,
    sync: bool | None,
    timeout: float | None,
    running: Running | None,
    name: str,
    key: str | os.PathLike[str] | None = None,
) -> Run:
    """The run at this address; ``running`` if this process has started it. Raises as ``connect`` does."""
    dealer = Dealer(address, {"role": "client", "name": "me"}, key=key)
    welcome = dealer.welcome
    core = SessionCore(number=welcome["number"], epoch=welcome["epoch"], seed=welcome["seed"], block=welcome["block"])
    synchronous = os.environ.get(SYNC_VARIABLE, "") not in ("", "0") if sync is None else sync
    modelled = "clock" in welcome
    session = Session(core, dealer, sync=synchronous, timeout_s=timeout, timer=not modelled)
    if modelled:
        session.link.turns = Turns(session.link)
    interrupts.opened(session)
    directory = None if dealer.far else Path(address.removeprefix("ipc://")).parent
    run = Run(session, welcome["roster"], running, name=name, directory=directory)
    for tell in opened.observers:
        tell(run)
    if "IPython" in sys.modules:
        from farptr.notebook.interrupts import guard

        guard()
    return run
