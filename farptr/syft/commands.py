"""torch's functions on pointers: what ``__torch_function__`` gets becomes a command, a question or a refusal.

Laws
    What is called runs where the data is, or raises. Nothing is computed on what a pointer is made of here.
    A local tensor beside a pointer raises, in either order; numbers, dtypes and their like travel.
    Whether a graph is recorded is decided here, by ``torch.no_grad()``, and told with each command.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, NoReturn

import numpy as np
import torch
from torch.overrides import resolve_name

from farptr.client import multi
from farptr.client.multi import MultiPointer
from farptr.client.pointer import Pointer, make
from farptr.client.spread import Spread
from farptr.protocol import torch_names as table
from farptr.protocol.errors import ImplicitFetch, UnsupportedOperation, UnsupportedValue, UsageError
from farptr.syft import arity, facts
from farptr.syft.exceptions import PureFrameworkTensorFoundError, RemoteObjectFoundError

Handle = Pointer | MultiPointer

# ---------------------------------------------------------------- names

_ALIKE = "torch._has_compatible_shallow_copy_type"
"""What modules ask before they give a parameter other values: ``model.double()``."""

_names: dict[Any, str] = {
    torch.autograd.grad: "torch.autograd.grad",
    torch.autograd.backward: "torch.autograd.backward",
    torch._has_compatible_shallow_copy_type: _ALIKE,
    **{getattr(torch.nn.init, name): f"torch.nn.init.{name}" for name in table.INITIALISERS},
}


def name_of(func: Any) -> str:
    """Where torch has a function; raises UnsupportedOperation for one that it does not list."""
    name = _names.get(func)
    if name is None:
        name = resolve_name(func)
        if name is None:
            raise UnsupportedOperation(
                f"{getattr(func, '__qualname__', func)} is not among the functions that pointers have",
                hint="get() first",
            )
        _names[func] = name
    return name


# ---------------------------------------------------------------- arguments

_TORCHS = (torch.dtype, torch.layout, torch.memory_format)


def plain_wire(value: Any) -> Any:
    """What stands for an argument that is no tensor."""
    if isinstance(value, _TORCHS):
        return str(value)
    if isinstance(value, torch.device):
        return _checked_device(value)
    if isinstance(value, str) and value.startswith(table.NAMESPACE):
        raise UnsupportedValue(f"the text {value!r} would be taken for a name of torch's")
    if isinstance(value, torch.Size):
        return tuple(value)
    return value


def _checked_device(device: torch.device) -> str:
    if device.type != "cpu":
        raise UnsupportedValue(f"workers compute on the CPU, not on {device}", hint="leave device= out")
    return "cpu"


class Arguments:
    """The arguments of one call with handles in place of pointers; what stands for attributes is made for the call."""

    def __init__(self, args: Sequence[Any], kwargs: dict[str, Any]) -> None:
        self._first_is_local = _first_is_local((*args, *kwargs.values()))
        self.args = [self._lowered(value) for value in args]
        self.kwargs = {name: self._lowered(value) for name, value in kwargs.items()}
        self.handles: list[Handle] = list(_handles((*self.args, *self.kwargs.values())))

    def _lowered(self, value: Any) -> Any:
        if isinstance(value, torch.Tensor):
            handle = getattr(value, "_handle", None)
            if handle is None:
                raise self._beside_local(value)
            return attribute(handle, value._attr) if value._attr else handle
        if isinstance(value, np.ndarray):
            raise self._beside_local(value)
        kind = type(value)
        if kind is list or kind is tuple:
            return kind([self._lowered(part) for part in value])
        if kind is slice:
            return slice(*[self._lowered(part) for part in (value.start, value.stop, value.step)])
        return plain_wire(value)

    def _beside_local(self, value: Any) -> PureFrameworkTensorFoundError:
        kind = RemoteObjectFoundError if self._first_is_local else PureFrameworkTensorFoundError
        return kind(
            f"a local {type(value).__name__} of shape {tuple(value.shape)} stands beside a pointer",
            hint="call .get() on the pointer, or .send(…) on the local tensor",
        )


def _leaves(values: Any) -> Iterator[Any]:
    for value in values:
        if type(value) in (list, tuple):
            yield from _leaves(value)
        else:
            yield value


def _first_is_local(values: Any) -> bool:
    first = next((v for v in _leaves(values) if isinstance(v, torch.Tensor | np.ndarray)), None)
    return not hasattr(first, "_handle")


def _handles(values: Any) -> Iterator[Handle]:
    for value in values:
        kind = type(value)
        if kind is Pointer or kind is MultiPointer:
            yield value
        elif kind is list or kind is tuple:
            yield from _handles(value)
        elif kind is slice:
            yield from _handles((value.start, value.stop, value.step))


def attribute(handle: Handle, name: str) -> Handle:
    """A handle of an attribute's value, which the worker keeps for as long as this handle lives."""
    return issue(_graph(f"torch.Tensor.{name}.__get__"), (handle,), {}, [handle], 1)[0]  # type: ignore[no-any-return]


# ---------------------------------------------------------------- commands


def _graph(name: str) -> str:
    return name if torch.is_grad_enabled() else table.NO_GRAD + name


def _node_of(value: Any) -> Any:
    return value._node if type(value) is Pointer else None


def issue(operation: str, args: Any, kwargs: Any, handles: Sequence[Handle], count: int | None) -> Any:
    """Run an operation where its pointers' data is: handles of its results (none: in place)."""
    several = next((h for h in handles if type(h) is MultiPointer), None)
    if several is not None:
        found = Spread(handles, multi.made).run(
            lambda *a, **k: tuple(issue(operation, a, k, list(_handles((*a, *k.values()))), count)), args, kwargs
        )
        return list(found)
    session = handles[0]._session
    if any(h._session is not session for h in handles):
        raise UsageError("the operands belong to different runs", hint="get() one of them and send it to the other run")
    with session.command() as core:
        nodes = core.call(operation, args, kwargs, [h.use() for h in handles], count, _node_of)
        made = [make(session, node) for node in nodes]
    session.settle_if_sync(made)
    return made


def _operate(name: str, func: Any, args: Sequence[Any], kwargs: dict[str, Any]) -> Any:
    out = kwargs.get("out")
    given = Arguments(args, kwargs)
    if not given.handles:
        raise UnsupportedOperation(f"{name} has no pointer among its arguments")
    if out is not None or table.is_in_place(name):
        issue(_graph(name), given.args, given.kwargs, given.handles, None)
        return out if out is not None else None if table.gives_nothing(name) else next(iter((*args, *kwargs.values())))
    count, as_tuple = arity.count_of(name, func, given.args, given.kwargs)
    made = [_wrapped(h) for h in issue(_graph(name), given.args, given.kwargs, given.handles, count)]
    return arity.as_torch_gives(name, tuple(made)) if as_tuple or count != 1 else made[0]


def wrapped_by(make: Callable[[Any], Any]) -> None:
    """Tell this module how pointer tensors are made: it stands below theirs."""
    global _wrapped
    _wrapped = make


_wrapped: Callable[[Any], Any]

# ---------------------------------------------------------------- answers


def _value(name: str, func: Any, args: Sequence[Any], kwargs: dict[str, Any]) -> Any:
    """A truth value of several operands, at once."""
    given = Arguments(args, kwargs)
    (result,) = issue(_graph(name), given.args, given.kwargs, given.handles, 1)
    if type(result) is MultiPointer:
        return all(bool(pointer) for pointer in result.pointers)
    return bool(result)


def _number(kind: type) -> Callable[..., Any]:
    """One element, because its caller needs it."""

    def answer(name: str, func: Any, args: Sequence[Any], kwargs: dict[str, Any]) -> Any:
        return kind(Arguments(args, kwargs).handles[0]._value())

    return answer


def _index(name: str, func: Any, args: Sequence[Any], kwargs: dict[str, Any]) -> int:
    return Arguments(args, kwargs).handles[0].__index__()


def _about(name: str, func: Any, args: Sequence[Any], kwargs: dict[str, Any]) -> Any:
    """What follows from shapes, dtypes and strides."""
    given = Arguments(args, kwargs)
    like = [facts.without_values(facts.facts_of(v)) if isinstance(v, Handle) else v for v in given.args]
    return func(*like, **kwargs)


def _told(name: str, func: Any, args: Sequence[Any], kwargs: dict[str, Any]) -> Any:
    return facts.TOLD[name](facts.facts_of(Arguments(args, kwargs).handles[0]))


def _grad(name: str, func: Any, args: Sequence[Any], kwargs: dict[str, Any]) -> Any:
    """A pointer to the gradient; None when there is none."""
    pointer = args[0]
    told = facts.facts_of(Arguments(args, kwargs).handles[0])
    return pointer._to_attribute("grad") if told.has_grad else None


def _data(name: str, func: Any, args: Sequence[Any], kwargs: dict[str, Any]) -> Any:
    return args[0]._to_attribute("data")


def _detach(name: str, func: Any, args: Sequence[Any], kwargs: dict[str, Any]) -> Any:
    """Attributes have no graph: what ``detach`` gives is what it got."""
    return args[0] if args[0]._attr else _operate(name, func, args, kwargs)


def _type(name: str, func: Any, args: Sequence[Any], kwargs: dict[str, Any]) -> Any:
    """The name of its type, without arguments."""
    if len(args) > 1 or kwargs:
        return _operate(name, func, args, kwargs)
    told = facts.facts_of(Arguments(args, kwargs).handles[0])
    return torch.empty(0, dtype=getattr(torch, told.dtype)).type()


def _would_fetch(name: str, func: Any, args: Sequence[Any], kwargs: dict[str, Any]) -> NoReturn:
    last = table.last_of(name)
    raise ImplicitFetch(f"{last}() would fetch the data of a pointer", hint="call .get() first: .get() fetches")


Handler = Callable[[str, Any, Sequence[Any], dict[str, Any]], Any]

HANDLERS: dict[str, Handler] = (
    dict.fromkeys(facts.BY_SHAPE, _about)
    | dict.fromkeys(facts.TOLD, _told)
    | dict.fromkeys(("torch.equal", "torch.allclose", "torch.Tensor.equal", "torch.Tensor.allclose"), _value)
    | dict.fromkeys(("torch.is_nonzero", "torch.Tensor.is_nonzero", "torch.Tensor.__bool__"), _number(bool))
    | dict.fromkeys(
        [f"torch.Tensor.{name}" for name in "item tolist numpy __array__ data_ptr storage untyped_storage".split()],
        _would_fetch,
    )
    | {
        _ALIKE: lambda name, func, args, kwargs: all(hasattr(value, "_handle") for value in args),
        "torch.Tensor.__float__": _number(float),
        "torch.Tensor.__int__": _number(int),
        "torch.Tensor.__complex__": _number(complex),
        "torch.Tensor.__index__": _index,
        "torch.Tensor.grad.__get__": _grad,
        "torch.Tensor.data.__get__": _data,
        "torch.Tensor.detach": _detach,
        "torch.Tensor.type": _type,
    }
)
"""What is no plain operation."""


def run(func: Any, args: Sequence[Any], kwargs: dict[str, Any]) -> Any:
    """What a call of torch on pointers gives; raises what the worker raises, and UnsupportedOperation."""
    name = name_of(func)
    return HANDLERS.get(name, _operate)(name, func, args, kwargs)
