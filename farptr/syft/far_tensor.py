"""FarTensor: a tensor of torch whose values are on a worker, and whose graph is here.

``far(model, julie)`` and ``far(data, julie)`` (``far_near``), and a training loop runs as it is written: autograd,
optimisers and hooks work as on local tensors, and what they call below themselves (``aten``) runs on the worker.

Laws
    What a shape tells is known here: it is worked out on torch's meta device, and asked of nobody. So a call whose
    shapes do not fit raises at its line, and nothing waits until a value is asked for.
    No value comes here but by ``near``, and, one element, by ``item()``, ``float()`` and their like.
    Kernels run in the order and with the arguments of local training, so results have the same bits.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NoReturn

import torch
from torch.utils._pytree import tree_map

from farptr.client.graph import Node
from farptr.client.pointer import Pointer, make
from farptr.client.quick_calls import issue
from farptr.protocol.errors import NotSerializable, UsageError
from farptr.protocol.values import LIST, LITERAL, PLAIN_KINDS, TUPLE, encode_argument
from farptr.syft.commands import plain_wire
from farptr.syft.exceptions import PureFrameworkTensorFoundError
from farptr.syft.far_shapes import Spec, number_of, outcome
from farptr.syft.pointer_tensor import PointerTensor, made


class FarTensor(torch.Tensor):
    """A tensor whose values are on a worker; made by ``far``. ``near(t)`` fetches them."""

    _handle: Pointer
    _spec: Spec
    _number: int
    """Of its spec."""

    __torch_function__ = torch._C._disabled_torch_function_impl

    @classmethod
    def __torch_dispatch__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return _dispatch(func, args, kwargs or {})

    def __new__(cls, *_: Any, **__: Any) -> FarTensor:
        """Refused."""
        raise UsageError("far tensors are not made by hand", hint="far(torch.ones(2), julie) gives one")

    @property
    def location(self) -> Any:
        """The worker that has the values."""
        return self.pointer.location

    @property
    def pointer(self) -> PointerTensor:
        """A pointer tensor to the same values, which knows nothing of the graph here."""
        return made(self._handle.clone())  # type: ignore[no-any-return]

    def __repr__(self, *_: Any, **__: Any) -> str:
        more = ", requires_grad=True" if self.requires_grad else ""
        return f"FarTensor({self._spec.shape}, {self._spec.dtype}, on {self._handle.location.name}{more})"

    def __reduce_ex__(self, protocol: Any) -> NoReturn:
        raise NotSerializable("a far tensor cannot be pickled or copied", hint="near(t) fetches it")

    def __deepcopy__(self, memo: Any) -> NoReturn:
        self.__reduce_ex__(5)


def wrapped(handle: Pointer, spec: Spec, requires_grad: bool = False) -> Any:
    """The one factory of far tensors."""
    tensor: Any = torch.Tensor._make_wrapper_subclass(
        FarTensor, spec.shape, strides=spec.stride, dtype=spec.dtype, requires_grad=requires_grad
    )
    tensor._handle, tensor._spec, tensor._number = handle, spec, number_of(spec)
    return tensor


# ---------------------------------------------------------------- kernels


def _no_name(value: Any) -> None:
    return None


_SHORT = 64
"""Longer lists go by the long way."""
_FIXED = frozenset({int, bool, str, type(None), torch.dtype, torch.layout, torch.memory_format, torch.device})
"""Types of arguments that may decide what the results are like."""


class _Given:
    """The arguments of one kernel as they travel, and the key to what comes of it."""

    __slots__ = ("args", "is_short", "key", "kwargs", "nodes", "session")

    def __init__(self, func: Any, args: Sequence[Any], kwargs: dict[str, Any]) -> None:
        self.nodes: list[Node] = []
        self.session: Any = None
        self.is_short = True
        self.key: list[Any] = [func]
        self.args = tuple([self._wire(value) for value in args])
        self.kwargs: dict[str, Any] | None = None
        if kwargs:
            self.key += kwargs
            self.kwargs = {name: self._wire(value) for name, value in kwargs.items() if value is not None}

    def _set_session(self, session: Any) -> None:
        if self.session is not None:
            raise UsageError(
                "the operands belong to different runs", hint="near(t), then far(t, worker) of the other run"
            )
        self.session = session

    def _wire(self, value: Any) -> Any:
        kind = type(value)
        if kind is FarTensor:
            handle = value._handle
            node = handle.use()
            if handle._session is not self.session:
                self._set_session(handle._session)
            self.nodes.append(node)
            self.key.append(value._number)
            return node.name
        if kind is float:
            self.key.append(float)
            return (LITERAL, value)
        if kind in _FIXED:
            self.key += (kind, value)
            return (LITERAL, value if kind in PLAIN_KINDS else plain_wire(value))
        if kind is list or kind is tuple:
            self.key += (kind, len(value), *(part for part in value if type(part) is float))
            self.is_short = self.is_short and len(value) <= _SHORT
            return (LIST if kind is list else TUPLE, tuple([self._wire(part) for part in value]))
        if isinstance(value, torch.Tensor):
            raise PureFrameworkTensorFoundError(
                f"a local tensor of shape {tuple(value.shape)} stands beside one that is on a worker",
                hint="far(tensor, worker) puts it there",
            )
        self.key.append(value)
        return encode_argument(plain_wire(value), _no_name, [])


def _dispatch(func: Any, args: Sequence[Any], kwargs: dict[str, Any]) -> Any:
    special = _SPECIAL.get(func)
    if special is not None:
        return special(*args, **kwargs)
    given = _Given(func, args, kwargs)
    changed, specs, made_there, gives = outcome(tuple(given.key), FarTensor, func, args, kwargs)
    count, nodes = made_there if changed is None else None, None
    if given.is_short:
        nodes = issue(given.session, str(func), given.args, given.kwargs, given.nodes, count)
    if nodes is None:
        nodes = _issue_anyhow(func, args, kwargs, given, count)
    if changed is not None:
        return kwargs[changed] if isinstance(changed, str) else args[changed]
    handles = iter([make(given.session, node) for node in nodes])
    results = [None if spec is None else wrapped(next(handles), spec) for spec in specs]
    return results[0] if gives is Spec else gives(results)


def _issue_anyhow(func: Any, args: Any, kwargs: dict[str, Any], given: _Given, count: int | None) -> list[Node]:
    """What the short path does not do: chains, long lists, workers that are gone."""
    args, kwargs = tree_map(_lowered, (tuple(args), kwargs))
    plain = {name: value for name, value in kwargs.items() if value is not None}
    with given.session.command() as core:
        nodes: list[Node] = core.call(str(func), args, plain, given.nodes, count, _node_of)
    return nodes


def _lowered(value: Any) -> Any:
    return value._handle if type(value) is FarTensor else plain_wire(value)


def _node_of(value: Any) -> Node | None:
    return value._node if type(value) is Pointer else None


# ---------------------------------------------------------------- what is no kernel


def _alias(tensor: Any) -> Any:
    """The same values under another tensor: no command is needed."""
    return wrapped(tensor._handle.clone(), tensor._spec)


def _item(tensor: Any) -> Any:
    return tensor._handle._value()


_SPECIAL: dict[Any, Any] = {
    torch.ops.aten.detach.default: _alias,
    torch.ops.aten.alias.default: _alias,
    torch.ops.aten._local_scalar_dense.default: _item,
}
