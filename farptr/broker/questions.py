"""What a party may ask about the run (ASK), and the broker's answers."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from farptr.broker.roster import CLIENT
from farptr.protocol.errors import ProtocolError

if TYPE_CHECKING:
    from farptr.broker.core import BrokerCore


def answer(core: BrokerCore, source: int, asked: dict[str, Any]) -> Any:
    """The answer to a party's question; raises ProtocolError for another question."""
    what = str(asked.get("what"))
    if what == "net" and core.network and core.roster.live[source].role == CLIENT:
        return core.network(asked, source)
    question = _QUESTIONS.get(what)
    if question is None:
        raise ProtocolError(f"there is no question {what!r}")
    return question(core, source)


def _progress(core: BrokerCore, source: int) -> dict[str, Any]:
    """How far a session's commands are, and what the workers have before them."""
    settling = core.settling
    session = settling.sessions[source]
    return {
        "done": session.done,
        "under_way": session.count,
        "waiting": len(session.input),
        "behind": settling.behind(source),
        "queues": {core.roster.live[w].name: len(q) for w, q in settling.turns.items() if q},
    }


def _rows(core: BrokerCore, _: int) -> list[tuple[int, int, int]]:
    """(name, holder, count) for every reference."""
    return [(name, holder, n) for name, rows in core.rows.snapshot().items() for holder, n in rows.items()]


_QUESTIONS: dict[str, Callable[[BrokerCore, int], Any]] = {
    "parties": lambda core, _: core.roster.rows(),
    "progress": _progress,
    "traffic": lambda core, _: core.traffic.rows(core.roster),
    "ids": lambda core, source: core.roster.block(source),
    "rows": _rows,
    "journal trouble": lambda core, _: core.watch.trouble if core.watch else "",
    "sockets": lambda core, _: core.sockets(),
    "clock": lambda core, _: core.clock(),
    "sleep": lambda core, _: core.clock(),
    "end": lambda core, _: core.clock(),
    "journal": lambda core, _: core.watch.state() if core.watch else None,
}
