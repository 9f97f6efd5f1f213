"""Operations on pointers, issued: where the operands are, what is changed, what is made."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from farptr.protocol.errors import UnsupportedOperation, UsageError

if TYPE_CHECKING:
    from farptr.client.graph import Node
    from farptr.client.session import Session

NOTHING: Mapping[str, Any] = {}


class Operand:
    """The root of what can be an operand that is not here: a pointer, or several used as one."""

    __slots__ = ()

    if TYPE_CHECKING:
        _session: Session

        def use(self) -> Node: ...


def pointers_among(values: Any) -> Iterator[Any]:
    """Every pointer among arguments, in lists and tuples too."""
    for value in values:
        if isinstance(value, Operand):
            yield value
        elif type(value) in (list, tuple):
            yield from pointers_among(value)
        elif type(value) is slice:
            yield from pointers_among((value.start, value.stop, value.step))


def call(
    operation: str,
    args: Sequence[Any],
    kwargs: Mapping[str, Any] = NOTHING,
    count: int = 1,
    *,
    out: Sequence[Any] = (),
    as_tuple: bool = False,
) -> Any:
    """Run an operation where its pointers' data is: a pointer to the result there, or a tuple of pointers."""
    if out:
        change(operation, args, {**kwargs, "out": out[0] if len(out) == 1 else tuple(out)}, targets=out)
        return out[0] if len(out) == 1 else tuple(out)
    operands = [*pointers_among(args), *(pointers_among(kwargs.values()) if kwargs else ())]
    session = operands[0]._session
    with session.command() as core:
        nodes = core.call(operation, args, kwargs, _nodes(session, operands), count, _node_of)
        made = [maker(session, node) for node in nodes]
    session.settle_if_sync(made)
    return made[0] if count == 1 and not as_tuple else tuple(made)


def change(
    operation: str, args: Sequence[Any], kwargs: Mapping[str, Any] = NOTHING, *, targets: Sequence[Any] = ()
) -> None:
    """Run an in-place operation on the first pointer."""
    found = [*targets, *pointers_among(args), *(pointers_among(kwargs.values()) if kwargs else ())]
    operands = list({id(pointer): pointer for pointer in found}.values())
    session = operands[0]._session
    with session.command() as core:
        core.call(operation, args, kwargs, _nodes(session, operands), None, _node_of)
    session.settle_if_sync()


def _nodes(session: Session, operands: Sequence[Operand]) -> list[Node]:
    if any(p._session is not session for p in operands):
        raise UsageError("the operands belong to different runs", hint="get() one of them and send it to the other run")
    return [p.use() for p in operands]


def _node_of(value: Any) -> Node | None:
    return value._node if isinstance(value, Operand) else None  # type: ignore[attr-defined]


def targets_of(kwargs: dict[str, Any]) -> tuple[Any, ...]:
    """The targets of ``out=``, taken out of the arguments; they must be pointers."""
    out = kwargs.pop("out", None)
    if out is None:
        return ()
    targets = out if isinstance(out, tuple) else (out,)
    if all(target is None for target in targets):
        return ()
    if any(target is None for target in targets):
        raise UnsupportedOperation(
            "out= needs a pointer for each result, or for none", hint="leave it out, or give a pointer for each"
        )
    if not all(isinstance(target, Operand) for target in targets):
        raise UnsupportedOperation(
            "out= must be a pointer here: the result is on a worker",
            hint="leave it out, and get() the result; instead of x += p: x = x + p",
        )
    return targets


def parameters(function: Any) -> tuple[str, ...]:
    """The names of what a Python function takes by place; none of a function in C."""
    code = getattr(getattr(function, "_implementation", function), "__code__", None)
    return code.co_varnames[: code.co_argcount] if code else ()


def without_out(args: tuple[Any, ...], kwargs: dict[str, Any], names: Sequence[str]) -> tuple[Any, ...]:
    """Arguments without an ``out`` that was given by place: it, and what follows, is put among the named ones."""
    if len(args) < 2 or "out" not in names[: len(args)]:
        return args
    at = names.index("out")
    kwargs.update(zip(names[at:], args[at:], strict=False))
    return args[:at]


def _nobody(session: Session, node: Node) -> Any:
    raise AssertionError("nobody has said how pointers are made")


maker: Callable[[Session, Node], Any] = _nobody
"""Makes a pointer to a new node; ``numpy_face.made_by`` says how."""
