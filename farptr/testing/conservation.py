"""Whether every byte that passed a run is accounted for: by the broker's tally, its sockets, and those of the parties.

Law
    Each party counts at its own socket. Asked twice, with the broker asked in between, a party's first answer says all
    that it had been handed, its second all that it had sent: both are what the broker counted. While others talk the
    numbers move, so it is asked again; what is not accounted for stays so.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from farptr.protocol.errors import FarptrError

if TYPE_CHECKING:
    from farptr.client.run import Run

PATIENCE_S = 2.0


def faults(run: Run) -> list[str]:
    """What is not accounted for, in words; empty when all is, or when the run was started without a tally.

    Commands that the run issued must be done. Raises what ``run.sync()`` does.
    """
    deadline_s = time.monotonic() + PATIENCE_S
    while True:
        found = _once(run)
        if not found or time.monotonic() > deadline_s:
            return found


def _once(run: Run) -> list[str]:
    session = run._session
    connection: Any = session.link.connection
    workers = {worker.number: worker for worker in run.workers}
    first = {number: _of(worker) for number, worker in workers.items()}
    mine_in = connection.in_bytes
    counted = session.ask_broker("sockets", settled=True)
    if counted is None:
        return []
    mine = (connection.out_bytes, mine_in)
    second = {number: _of(worker) for number, worker in workers.items()}
    told = {n: (second[n][1], first[n][0]) for n in workers if first[n] and second[n]}
    told[session.core.number] = mine
    found = list(counted["faults"])
    for number, (sent, handed) in told.items():
        at_broker = tuple(counted["parties"].get(number, ()))
        if at_broker and at_broker != (sent, handed):
            name = session.core.names.get(number, str(number))
            found.append(f"{name} sent {sent} bytes and was handed {handed}, the broker counts {at_broker}")
    return found


def _of(worker: Any) -> tuple[int, ...]:
    """What a worker's socket has given and taken; empty when it cannot say."""
    try:
        return tuple(worker._list("sockets").value)
    except FarptrError:
        return ()
