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

import copy
from collections.abc import Callable, Sequence
from typing import Any, NoReturn

import torch
from torch.utils._pytree import tree_leaves, tree_map

from farptr.client.graph import Node
from farptr.client.pointer import Pointer, make
from farptr.client.quick_calls import issue
from farptr.protocol import torch_bytes
from farptr.protocol.errors import ImplicitFetch, NotSerializable, UsageError
from farptr.protocol.values import LIST, LITERAL, PLAIN_KINDS, TUPLE, encode_argument
from farptr.syft.commands import plain_wire
from farptr.syft.exceptions import PureFrameworkTensorFoundError
from farptr.syft.far_shapes import Kernel, Spec, kernel_of, kernels, spec_of
from farptr.syft.pointer_tensor import PointerTensor, made


class FarTensor(torch.Tensor):
    """A tensor whose values are on a worker; made by ``far``. ``near(t)`` fetches them."""

    _handle: Pointer
    """Shared by tensors that are the same values."""
    _spec: Spec

    __torch_function__ = torch._C._disabled_torch_function_impl

    @classmethod
    def __torch_dispatch__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kernel = kernels.get(id(func)) or kernel_of(func)
        if kernel.special is not None:
            return kernel.special(*args, **kwargs or {})
        handles: list[Pointer] = []
        key: list[Any] = []
        wires = []
        named = None
        try:
            for value in args:
                kind = type(value)
                if kind is FarTensor:
                    handle = value._handle
                    handles.append(handle)
                    key.append(value._spec)
                    wires.append(handle._node.name)
                elif kind is float:
                    key.append(kind)
                    wires.append((LITERAL, value))
                else:
                    wires.append(_wire(value, kind, handles, key))
            if kwargs:
                named = {n: _wire(value, type(value), handles, key) for n, value in kwargs.items() if value is not None}
                key += named
        except PureFrameworkTensorFoundError as error:
            return _beside_local(func, args, kwargs or {}, error)
        found = tuple(key)
        outcome = kernel.outcomes.get(found) or kernel.ask(found, FarTensor, args, kwargs or {})
        made = outcome.made
        nodes = issue(kernel.name, tuple(wires), named, handles, made) if len(key) < _SHORT else None
        if nodes is None:
            nodes = _issue_anyhow(kernel, args, kwargs or {}, handles, made)
        session = handles[0]._session
        if outcome.gives is Spec and made:
            return wrapped(make(session, nodes[0]), outcome.specs[0])
        if made is None:
            changed = outcome.changed
            return kwargs[changed] if isinstance(changed, str) else args[changed]
        there = iter(nodes)
        several = [None if spec is None else wrapped(make(session, next(there)), spec) for spec in outcome.specs]
        return several[0] if outcome.gives is Spec else outcome.gives(several)

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

    @property
    def data(self) -> Any:
        """The same values, without a graph. What it is set to, a far tensor, this tensor has from then on."""
        return _data.__get__(self)

    @data.setter
    def data(self, other: Any) -> None:
        if isinstance(other, torch.Tensor) and type(other) is not FarTensor:
            raise _is_local(other)
        _data.__set__(self, other)  # what torch knows of it: shape, dtype
        self._handle, self._spec = other._handle, other._spec

    def __farptr__(self) -> Any:
        return self._handle

    __farptr_made__ = staticmethod(made)

    def numpy(self, *_: Any, **__: Any) -> NoReturn:
        """Refused: it would fetch."""
        raise ImplicitFetch("the values of a far tensor are on its worker", hint="near(t) fetches them")

    tolist = __array__ = numpy
    # torch reads these from memory, without asking: there is none, and the process would end.
    apply_ = share_memory_ = __dlpack__ = __dlpack_device__ = numpy

    def __format__(self, spec: str) -> str:
        """As a number, of one without dimensions, which asks for its value; without ``spec`` its ``repr``."""
        return format(self.item(), spec) if spec and not self.dim() else object.__format__(self, spec)

    def __reduce_ex__(self, protocol: Any) -> NoReturn:
        raise NotSerializable("a far tensor cannot be pickled", hint="near(t) fetches it")

    def __deepcopy__(self, memo: Any) -> Any:
        """One of its own on the same worker, with a gradient of its own. As in torch, not of what was computed."""
        if not self.is_leaf:
            raise RuntimeError("deepcopy of a far tensor that was computed: t.detach().clone() copies its values")
        if id(self) not in memo:
            new = self.detach().clone().requires_grad_(self.requires_grad)
            memo[id(self)] = (
                torch.nn.Parameter(new, self.requires_grad) if isinstance(self, torch.nn.Parameter) else new
            )
            if self.grad is not None:
                memo[id(self)].grad = copy.deepcopy(self.grad, memo)
        return memo[id(self)]


def wrapped(handle: Pointer, spec: Any, requires_grad: bool = False) -> Any:
    """The one factory of far tensors; ``spec`` is a Spec."""
    tensor: Any = _make(FarTensor, spec.shape, strides=spec.stride, dtype=spec.dtype, requires_grad=requires_grad)
    tensor._handle, tensor._spec = handle, spec
    return tensor


_make = torch.Tensor._make_wrapper_subclass
_data: Any = torch.Tensor.data


def _is_local(value: Any) -> PureFrameworkTensorFoundError:
    return PureFrameworkTensorFoundError(
        f"a local tensor of shape {tuple(value.shape)} stands beside one that is on a worker",
        hint="far(tensor, worker) puts it there",
    )


# ---------------------------------------------------------------- kernels

_SHORT = 64
"""Calls with more to say than this many values go by the long way."""
_FIXED = frozenset({int, bool, str, type(None), torch.dtype, torch.layout, torch.memory_format, torch.device})
"""Types of arguments that may decide what the results are like."""


def _no_name(value: Any) -> None:
    return None


def _wire(value: Any, kind: type, handles: list[Pointer], key: list[Any]) -> Any:
    """What stands for an argument on the way; notes its handles, and in the key what may decide what comes of the call.

    Raises PureFrameworkTensorFoundError, UnsupportedValue.
    """
    if kind in _FIXED:
        key += (kind, value)
        return (LITERAL, value if kind in PLAIN_KINDS else plain_wire(value))
    if kind is FarTensor:
        handles.append(value._handle)
        key.append(value._spec)
        return value._handle._node.name
    if kind is list or kind is tuple:
        key += (kind, len(value), *[part for part in value if type(part) is float])
        return (LIST if kind is list else TUPLE, tuple([_wire(part, type(part), handles, key) for part in value]))
    if kind is float:
        key.append(kind)
        return (LITERAL, value)
    if isinstance(value, torch.Tensor):
        raise _is_local(value)
    key.append(value)
    return encode_argument(plain_wire(value), _no_name, [])


def _issue_anyhow(
    kernel: Kernel, args: Any, kwargs: dict[str, Any], handles: Sequence[Pointer], count: int | None
) -> list[Node]:
    """What the short path does not do: chains, long lists, workers that are gone, what has failed."""
    session = handles[0]._session
    if any(handle._session is not session for handle in handles):
        raise UsageError("the operands belong to different runs", hint="near(t), then far(t, worker) of that run")
    args, kwargs = tree_map(_lowered, (tuple(args), kwargs))
    plain = {name: value for name, value in kwargs.items() if value is not None}
    with session.command() as core:
        nodes: list[Node] = core.call(kernel.name, args, plain, [handle.use() for handle in handles], count, _node_of)
    return nodes


def _lowered(value: Any) -> Any:
    return value._handle if type(value) is FarTensor else plain_wire(value)


def _node_of(value: Any) -> Node | None:
    return value._node if type(value) is Pointer else None


# ---------------------------------------------------------------- beside local tensors


def _beside_local(func: Any, args: Any, kwargs: dict[str, Any], error: PureFrameworkTensorFoundError) -> Any:
    """A call with local tensors: one without dimensions is a number, and is sent; so is what ``copy_`` puts there.

    Raises the error for any other, and for one that would be changed.
    """
    beside = next(value._handle for value in tree_leaves((args, kwargs)) if type(value) is FarTensor)
    any_shape = func is torch.ops.aten.copy_.default
    given = dict(zip([argument.name for argument in func._schema.arguments], args, strict=False)) | kwargs
    written = [given.get(a.name) for a in func._schema.arguments if a.alias_info is not None and a.alias_info.is_write]
    if any(type(value) is not FarTensor for value in tree_leaves(written)):
        raise error

    def sent(value: Any) -> Any:
        if type(value) is FarTensor or not isinstance(value, torch.Tensor):
            return value
        if type(value) is PointerTensor or (value.dim() and not any_shape):
            raise error
        return put(value, beside)

    args, kwargs = tree_map(sent, (tuple(args), kwargs))
    return FarTensor.__torch_dispatch__(func, (), args, kwargs)


def put(value: Any, beside: Pointer) -> Any:
    """A local tensor's value, sent to where a pointer points: a far tensor, without a graph. Waits for nothing."""
    session, plain = beside._session, value.detach().contiguous()
    with session.command() as core:
        node = core.send(beside._node.worker, core.ids.next(), True, torch_bytes.marked(plain))
    return wrapped(make(session, node), spec_of(plain))


# ---------------------------------------------------------------- what is no kernel


def _alias(tensor: Any) -> Any:
    """The same values under another tensor: no command is needed."""
    return wrapped(tensor._handle, tensor._spec)


def _item(tensor: Any) -> Any:
    return tensor._handle._value()


def _compared(compare: Callable[..., bool]) -> Callable[..., bool]:
    """A question about the values of two, which pointers to them have answered."""

    def answer(first: Any, second: Any, *more: Any, **named: Any) -> bool:
        local = [value for value in (first, second) if type(value) is not FarTensor]
        if local:
            raise _is_local(local[0])
        return compare(first.pointer, second.pointer, *more, **named)

    return answer


_SPECIAL: dict[str, Callable[..., Any]] = {
    "detach": _alias, "alias": _alias, "_local_scalar_dense": _item,
    "equal": _compared(torch.equal), "allclose": _compared(torch.allclose),
}  # fmt: skip
for _special, _does in _SPECIAL.items():
    kernel_of(getattr(torch.ops.aten, _special).default).special = _does
