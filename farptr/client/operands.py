"""What an operation is called with: where its operands are, and how its arguments travel."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from farptr.client.graph import Node, Path, path_of
from farptr.client.parties import Parties
from farptr.protocol import values
from farptr.protocol.body import MAX_BODY_BYTES
from farptr.protocol.errors import MessageTooLarge, NotCollocated

_NAME_BYTES = 16
"""What the name of a result takes at most."""

Wired = tuple[tuple[Any, ...], dict[str, Any] | None, list[Any]]
"""(arguments, keyword arguments or None, buffers)."""
Wiring = Callable[[Sequence[Any], Mapping[str, Any], Callable[[Any], Node | None]], Wired]
"""``wired``, or what does the same for arguments of another kind."""


def common_path(operands: Sequence[Node], parties: Parties) -> Path | None:
    """The path to the data of all operands, None when one of them leads who knows where; raises NotCollocated."""
    worker = operands[0].worker
    if all(n.target is None and n.worker == worker for n in operands):
        return (worker,)
    paths = [path_of(n) for n in operands]
    known = [p for p in paths if p is not None]
    if any(p != known[0] for p in known) or any(n.worker != worker for n in operands):
        pairs = zip(operands, paths, strict=True)
        who = "; ".join(f"{parties.called(n)} has its data on {parties.route(p)}" for n, p in pairs)
        raise NotCollocated(f"the operands are in different places: {who}", hint="move() one of them first")
    return known[0] if len(known) == len(paths) else None


def wired(args: Sequence[Any], kwargs: Mapping[str, Any], node_of: Callable[[Any], Node | None]) -> Wired:
    """Arguments in their wire form; ``node_of`` gives the node of a pointer, None for anything else."""
    buffers: list[Any] = []

    def name_of(value: Any) -> int | None:
        node = node_of(value)
        return None if node is None else node.name

    wire_args = tuple([values.encode_argument(a, name_of, buffers) for a in args])
    wire_kwargs = {k: values.encode_argument(v, name_of, buffers) for k, v in kwargs.items()} or None
    return wire_args, wire_kwargs, buffers


def weight(operation: str, wires: Iterable[Any], results: int) -> int:
    """What a command adds to a body; raises MessageTooLarge for one that no body can hold."""
    total = sum([values.weight(wire) for wire in wires]) + _NAME_BYTES * results
    if total > MAX_BODY_BYTES // 2:
        raise MessageTooLarge(
            f"the arguments of {operation} take about {total} bytes, over the limit of {MAX_BODY_BYTES // 2}",
            hint="pass long lists as arrays: np.asarray(x)",
            size=total,
            limit=MAX_BODY_BYTES // 2,
        )
    return total
