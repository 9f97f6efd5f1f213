"""A short path for operations of any number of operands and results on one worker: torch's kernels.

Law
    It does what ``SessionCore.call`` would do for pointers that own data which is there together, or nothing and gives
    None. What it need not look at, ``client.quick`` says. It never waits for the operation, in sync mode neither.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from farptr.client.graph import Node
from farptr.client.lines import LINES
from farptr.protocol.commands import CALL
from farptr.protocol.ids import NAME_SHIFT

if TYPE_CHECKING:
    from farptr.client.session import Session


def issue(
    session: Session,
    operation: str,
    args: tuple[Any, ...],
    kwargs: dict[str, Any] | None,
    nodes: Sequence[Node],
    count: int | None,
) -> list[Node] | None:
    """The results (none: the first node is changed), for a caller two frames up; arguments are as they travel.

    They must be short, and hold no arrays.
    """
    worker = nodes[0].worker
    for node in nodes:
        if node.target is not None or node.worker != worker or node.fault or not node.claims:
            return None
    with session.link.mutex:
        core = session.core
        if core.parties.lost or not session.link.usable or core.order.busy:
            return None
        batches = core.batches
        batch = batches.open.get(worker) or batches.batch(worker)
        number = core.commands = core.commands + 1
        made: list[Node] = []
        result: Any = None
        if count is None:
            core.reports.watch(number, nodes[0])
        else:
            ids = core.ids
            for _ in range(count):
                name = worker << NAME_SHIFT | (ids.drawn.pop() if ids.drawn else ids.next())
                node = Node(name, worker, None)
                node.claims = node.received = 1
                batch.creates.append(name)
                made.append(node)
            result = made[0].name if count == 1 else tuple([node.name for node in made])
        batch.commands.append((number, CALL, result, operation, args, kwargs))
        frame = sys._getframe(2)
        session.lines.ring[number % LINES] = (frame.f_code, frame.f_lasti)
        if batch.full():
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
