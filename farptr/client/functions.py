"""Functions that run on workers: ``julie.run(f, p)``, ``p.apply(f)``, ``@fp.remote``; and results taken apart.

Laws
    1. A call makes one object, under an id that is chosen here, whatever the function returns: nothing waits. What has
       parts is taken apart by indexing, iteration or ``unpack``, each part under an id of its own.
    2. It runs where its pointers' data is, those in its closure included, in program order, like any operation.
    3. A function to be called often is sent to a worker once (``teach``), before the first call of it there.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from farptr.client.faces import bare, dressed
from farptr.client.operands import common_path
from farptr.client.pointer import Pointer, make
from farptr.client.shipping import Shipped, carried, name_of, operands_in, shipped
from farptr.protocol import values
from farptr.protocol.commands import FUNCTION
from farptr.protocol.errors import NotCollocated, UsageError
from farptr.protocol.functions import CALLED, KEPT, as_it_is

if TYPE_CHECKING:
    from farptr.client.core import SessionCore
    from farptr.client.graph import Node, Path
    from farptr.client.workers import Worker


class RemoteFunction:
    """A function that runs where its arguments are, made by ``fp.remote``; ``f.__wrapped__`` is the function."""

    def __init__(self, function: Callable[..., Any]) -> None:
        if not callable(function):
            raise UsageError(f"{function!r} is no function", hint="@fp.remote stands above a def")
        functools.update_wrapper(self, function)
        self.__wrapped__ = function
        self._shipped: Shipped | None = None

    def __call__(self, *args: Any, **kwargs: Any) -> Pointer:
        """Run it where the data of its pointers is; a pointer to what it returns. See ``Worker.run``."""
        return run(None, self, args, kwargs)

    def __repr__(self) -> str:
        return f"<remote function {name_of(self.__wrapped__)}>"

    def __reduce__(self) -> Any:
        return as_it_is, (self.__wrapped__,)  # inside another function it is what it was

    @property
    def shipped(self) -> Shipped:
        """Its code, pickled when this is first asked for."""
        if self._shipped is None:
            self._shipped = shipped(self.__wrapped__)
        return self._shipped


def remote(function: Callable[..., Any]) -> RemoteFunction:
    """``@fp.remote``: a function to be called often. ``f(p)`` runs it where the data is, ``julie.run(f)`` on a worker.

    It is pickled at its first call and sent to each worker once; later calls name it by its digest. What it refers to
    is as it was at its first call; what it changes in its own globals and closure stays changed at that worker.
    """
    return RemoteFunction(function)


def run(worker: Worker | None, function: Any, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Pointer:
    """A call of a function: where its pointers lead, or (without any) at the worker."""
    given = [args, kwargs]
    parcel = function.shipped if isinstance(function, RemoteFunction) else shipped(function)
    args, kwargs = carried(bare(tuple(args)), parcel.name), carried(bare(dict(kwargs)), parcel.name)
    operands = [*operands_in(args), *operands_in(kwargs), *parcel.captured]
    if worker is None and not operands:
        raise UsageError(
            f"{parcel.name} was given no pointer, so nobody knows where to run it",
            hint=f"julie.run({parcel.name}, …) runs it on julie, {parcel.name}.__wrapped__(…) here",
        )
    session = operands[0]._session if worker is None else worker._session
    if any(p._session is not session for p in operands):
        raise UsageError("the operands belong to different runs", hint="get() one of them and send it to the other run")
    with session.command() as core:
        nodes = [p.use() for p in operands]
        path = common_path(nodes, core.parties) if nodes else (worker.number,)  # type: ignore[union-attr]
        if worker is not None:
            _check_place(core, worker, parcel.name, nodes, path)
        kept = isinstance(function, RemoteFunction) and path is not None
        if kept and path is not None:
            teach(core, path[-1], parcel)
        at = 0 if nodes or worker is None else worker.number
        (node,) = core.call(f"{CALLED}{parcel.name}", args, kwargs, nodes, 1, _node_of, at, parcel.wired(kept=kept))
        made = make(session, node)
    session.settle_if_sync([made])
    return dressed(made, given)  # type: ignore[no-any-return]


def _node_of(value: Any) -> Node | None:
    return value._node if isinstance(value, Pointer) else None


def _check_place(core: SessionCore, worker: Worker, name: str, nodes: Sequence[Node], path: Path | None) -> None:
    """Raise NotCollocated when it would run elsewhere, and by another way, than was said."""
    first, last = nodes[0].worker if nodes else worker.number, path[-1] if path else worker.number
    if worker.number not in (first, last):
        raise NotCollocated(
            f"{name} cannot run on {worker.name}: what it is given is on {core.parties.route(path)}",
            hint=f"move({worker.name}) brings it there; p.apply({name}) runs where p leads",
        )


def teach(core: SessionCore, worker: int, parcel: Shipped) -> None:
    """Have a worker keep a function, unless it does; both sides forget the oldest alike."""
    known = core.taught.setdefault(worker, {})
    if parcel.digest in known:
        return
    buffers: list[Any] = []
    wire = parcel.encoded(buffers)
    batch = core.out.open(worker, (worker,))
    batch.buffers = buffers
    batch.value_bytes += values.encoded_bytes(wire)
    core.tell(batch, (FUNCTION, parcel.digest, wire), (worker,))
    known[parcel.digest] = None
    if len(known) > KEPT:
        del known[next(iter(known))]
