"""Making MultiPointers: of pointers that are there, and by sending one thing to several workers."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from farptr.client import tensor as tensors
from farptr.client.multi import MultiPointer, made
from farptr.client.pointer import Pointer
from farptr.client.workers import Worker
from farptr.protocol.errors import UsageError


def combine_pointers(*pointers: Any) -> MultiPointer:
    """One MultiPointer of pointers, in this order; it holds these handles themselves.

    Args:
        pointers: pointers, of different workers or of one, MultiPointers (taken apart), or lists or tuples of them.

    Raises UsageError for anything else, for none, for one handle twice, and for pointers of different runs;
    PointerSpent for one that was used up.
    """
    flat = list(_flat(pointers))
    if not flat:
        raise UsageError("combine_pointers() needs a pointer", hint="fp.combine_pointers(p, q)")
    if len({id(p) for p in flat}) < len(flat):
        raise UsageError("one pointer is named twice", hint="clone() makes a second handle")
    if any(p._session is not flat[0]._session for p in flat):
        raise UsageError("these pointers belong to different runs", hint="get() one and send it to the other run")
    for pointer in flat:
        pointer.use()
    return made(flat)


def _flat(values: Iterable[Any]) -> Iterable[Pointer]:
    for value in values:
        if isinstance(value, Pointer):
            yield value
        elif isinstance(value, MultiPointer):
            yield from value.pointers
        elif isinstance(value, list | tuple):
            yield from _flat(value)
        else:
            raise UsageError(f"a {type(value).__name__} is no pointer", hint="x.send(julie) gives one")


def send_to_each(value: Any, workers: Sequence[Any], *, garbage_collect_data: bool) -> MultiPointer:
    """Send a tensor or a pointer to every one of these workers; raises before anything leaves when one is gone."""
    _check_workers(workers)
    # A pointer that is sent stops owning: a second handle keeps its object until every worker has its reference.
    keeper = value.clone() if isinstance(value, Pointer) else None
    try:
        return made([w.receive(value, garbage_collect_data=garbage_collect_data) for w in workers])
    except BaseException:
        if keeper is not None and keeper._owns and not value._owns:
            value._owns, keeper._owns = True, False
        raise


def _check_workers(workers: Sequence[Any]) -> None:
    for worker in workers:
        if not isinstance(tensors.place(worker), Worker):
            raise UsageError(f"{worker!r} is no worker to point at", hint="send to workers: x.send(julie, toby)")
    if not workers:
        raise UsageError("send() needs a worker", hint="mp.send(julie)")
    if len(set(workers)) < len(workers):
        names = ", ".join(w.name for w in workers)
        raise UsageError(f"one worker is named twice: {names}", hint="clone() makes a second handle, copy() an object")
    if any(w._session is not workers[0]._session for w in workers):
        raise UsageError("these workers belong to different runs", hint="send to those of one run")
    with workers[0]._session.command() as core:
        for worker in workers:
            core.parties.check_alive((worker.number,))
