"""Asking several workers at once.

Laws
    Every question leaves before any answer is awaited.
    Either every answer is returned, or none is left over: what came, or still comes, is given up.
    Each failure is told once, though several may come of one call.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from farptr.client.session import DEFAULT_TIMEOUT
from farptr.protocol.errors import FarptrError, WorkerLost

if TYPE_CHECKING:
    from farptr.client.answers import Answer
    from farptr.client.core import SessionCore
    from farptr.client.graph import Node
    from farptr.client.pointer import Pointer


def _value(pointer: Pointer, node: Node, answer: Answer) -> Any:
    return answer.value


def gather(
    pointers: Sequence[Pointer],
    ask: Callable[[SessionCore, Node], int],
    take: Callable[[Pointer, Node, Answer], Any] = _value,
    timeout: Any = DEFAULT_TIMEOUT,
    what: str = "the data",
) -> list[Any]:
    """Ask for each pointer, then wait for each; the answers in order.

    Args:
        pointers: of one session.
        ask: puts the question; gives the key to wait for.
        take: makes of an answer what is returned.
        timeout: seconds, for each wait.
        what: is asked for, for a message.

    Raises what failed first in the order of the pointers, with other workers' failures as notes.
    """
    session = pointers[0]._session
    keys: list[int] = []
    found: list[Any] = []
    failures: list[FarptrError] = []
    try:
        with session.command() as core:
            nodes = [p.use() for p in pointers]
            for node in nodes:
                keys.append(ask(core, node))  # noqa: PERF401  # one that raises must not lose those before it
        for pointer, node, key in zip(pointers, nodes, keys, strict=True):
            try:
                found.append(take(pointer, node, session.answer(key, timeout, _waiting_for(what, pointer))))
                if node.fault:
                    session.raise_fault(node)
            except FarptrError as error:
                failures.append(_one_workers(error))
        if failures:
            raise _together(failures)
    except BaseException:
        found.clear()
        with session.link.mutex:
            for key in keys:
                session.core.give_up(key)
        raise
    finally:
        del failures  # an error whose traceback leads to itself would keep the callers' frames, and what they own
    return found


def _waiting_for(what: str, pointer: Pointer) -> Callable[[], str]:
    return lambda: f"for {what} of {pointer._text()}"


def _one_workers(error: FarptrError) -> FarptrError:
    """The failure of one worker, which says nothing of the others; raises what concerns all of them."""
    if isinstance(error, WorkerLost) or getattr(error, "report", None) is not None:
        return error
    raise error


def _together(failures: Sequence[FarptrError]) -> FarptrError:
    """The first one, of its own type, with the others as notes."""
    first, *others = failures
    for other in others:
        first.add_note(f"and {other.message}")
    return first
