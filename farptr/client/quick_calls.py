"""A short path for operations of any number of operands and results on one worker: torch's kernels.

Law
    It does what ``SessionCore.call`` would do for pointers that own data which is there together, or nothing and gives
    None. What it need not look at, ``client.quick`` says. It never waits for the operation, in sync mode neither.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from farptr.client.batches import BATCH_COMMANDS, MANY_CREATES
from farptr.client.graph import Node
from farptr.client.lines import LINES
from farptr.protocol.commands import CALL
from farptr.protocol.ids import NAME_SHIFT

if TYPE_CHECKING:
    from farptr.client.pointer import Pointer


def issue(
    operation: str,
    args: tuple[Any, ...],
    kwargs: dict[str, Any] | None,
    handles: Sequence[Pointer],
    count: int | None,
) -> list[Node] | None:
    """The results (none: the first operand is changed), for a caller two frames up; arguments are as they travel.

    They must be short, and hold no arrays.
    """
    session = handles[0]._session
    worker = handles[0]._node.worker
    for handle in handles:
        node = handle._node
        if node.target is not None or node.worker != worker or node.fault or not node.claims:
            return None
        if handle._session is not session:
            return None
    link, core = session.link, session.core
    with link.mutex:
        if core.parties.lost or not link.usable or core.order.busy:
            return None
        if link.turns is not None:
            link.turns.check()
        batches = core.batches
        batch = batches.open.get(worker) or batches.batch(worker)
        number = core.commands = core.commands + 1
        made: list[Node] = []
        result: Any = None
        if count is None:
            core.reports.watch(number, handles[0]._node)
        else:
            ids = core.ids
            for _ in range(count):
                name = worker << NAME_SHIFT | (ids.drawn.pop() if ids.drawn else ids.next())
                node = Node(name, worker, None)
                node.claims = node.received = 1
                batch.creates.append(name)
                made.append(node)
            result = made[0].name if count == 1 else tuple([node.name for node in made])
        commands = batch.commands
        commands.append((number, CALL, result, operation, args, kwargs))
        frame = sys._getframe(2)
        session.lines.ring[number % LINES] = (frame.f_code, frame.f_lasti)
        if len(commands) >= BATCH_COMMANDS or len(batch.creates) >= MANY_CREATES:
            session.admit()
            core.out.flush()
        if batches.ready or session.timer.parked:
            try:
                session.issued(number)
            except BaseException:
                for node in made:
                    core.drop(node)  # they get to nobody
                raise
        return made
