"""The operators' short path: one result, of pointers that own data which is there together, or with a number.

Laws
    1. It does what ``SessionCore.call`` would do, or nothing and gives None.
    2. What it need not look at: who owns both operands is never in doubt (``places``), and nothing is stored under an
       id that was used before. Dead handles are accounted for when a batch is full: no command here depends on that.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from farptr.client.batches import BATCH_COMMANDS
from farptr.client.graph import Node, Path
from farptr.client.lines import LINES
from farptr.protocol.commands import CALL
from farptr.protocol.ids import NAME_SHIFT
from farptr.protocol.values import NUMBER_BYTES

if TYPE_CHECKING:
    from farptr.client.session import Session


def operate(
    session: Session, operation: str, args: tuple[Any, ...], one: Node, other: Node, settles: bool = False
) -> Node | None:
    """The result of an operation on these nodes, for a caller two frames up; ``args`` are as they travel.

    Who ``settles`` sees to sync mode itself; nobody else gets anything in it.
    """
    worker, path = one.worker, None
    if one.target is not None:
        path = way_of(one, other)
        if path is None:
            return None
    elif other.target is not None:
        return None
    link = session.link
    with link.mutex:
        core = session.core
        if (session.sync_mode and not settles) or core.parties.lost or not link.usable:
            return None
        if link.turns is not None:
            link.turns.check()
        batches = core.batches
        number = core.commands + 1
        if path is None:
            if core.order.busy:
                return None
        else:
            if not core.order.follows(path, number):
                return None
            if len(batches.open) > 1 or worker not in batches.open:
                batches.flush_others(worker)
        batch = batches.open.get(worker) or batches.batch(worker)
        core.commands = number
        drawn = core.ids.drawn
        name = worker << NAME_SHIFT | (drawn.pop() if drawn else core.ids.next())
        batch.creates.append(name)
        commands = batch.commands
        commands.append((number, CALL, name, operation, args, None))
        if type(args[-1]) is tuple:
            batch.value_bytes += NUMBER_BYTES
        frame = sys._getframe(2)
        session.lines.ring[number % LINES] = (frame.f_code, frame.f_lasti)
        if len(commands) >= BATCH_COMMANDS:
            session.admit()
            core.out.flush()
        node = Node(name, worker, None if path is None else _mirrored(path))
        node.claims = node.received = 1
        if batches.ready or session.timer.parked:
            try:
                session.issued(number)
            except BaseException:
                core.drop(node)  # it gets to nobody
                raise
        return node


def way_of(one: Node, other: Node) -> Path | None:
    """The workers along two chains, if they are known and the same, and no two neighbours are."""
    worker, a, b = one.worker, one.target, other.target
    path = [worker]
    while a is not None and b is not None:
        here = a.worker
        if here != b.worker or here == worker or not here:  # 0 stands for UNKNOWN
            return None
        path.append(here)
        worker, a, b = here, a.target, b.target
    return tuple(path) if a is b else None


def _mirrored(path: Path) -> Node | None:
    end = None
    for worker in path[:0:-1]:
        end = Node(0, worker, end)
    return end
