"""FarTensor: a tensor of torch whose values are on a worker, and whose graph is here.

``far(model, julie)`` and ``far(data, julie)``, and a training loop runs as it is written: autograd, optimisers and
hooks work as on local tensors, and what they call below themselves (``aten``) runs on the worker.

Laws
    What a shape tells is known here: it is worked out on torch's meta device, and asked of nobody. So a call whose
    shapes do not fit raises at its line, and nothing waits until a value is asked for.
    No value comes here but by ``near``, and, one element, by ``item()``, ``float()`` and their like.
    Kernels run in the order and with the arguments of local training, so results have the same bits.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NoReturn

import torch
from torch.utils._pytree import tree_map_only

from farptr.client.pointer import Pointer, make
from farptr.protocol.errors import NotSerializable, UnsupportedOperation, UsageError
from farptr.syft.commands import plain_wire
from farptr.syft.exceptions import PureFrameworkTensorFoundError
from farptr.syft.facts import facts_of, without_values
from farptr.syft.pointer_tensor import PointerTensor, made

Spec = tuple[tuple[int, ...], tuple[int, ...], Any]
"""(shape, stride, dtype)."""


class FarTensor(torch.Tensor):
    """A tensor whose values are on a worker; made by ``far``. ``near(t)`` fetches them."""

    _handle: Pointer
    _spec: Spec

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
        shape, _stride, dtype = self._spec
        more = ", requires_grad=True" if self.requires_grad else ""
        return f"FarTensor({tuple(shape)}, {dtype}, on {self._handle.location.name}{more})"

    def __reduce_ex__(self, protocol: Any) -> NoReturn:
        raise NotSerializable("a far tensor cannot be pickled or copied", hint="near(t) fetches it")

    def __deepcopy__(self, memo: Any) -> NoReturn:
        self.__reduce_ex__(5)


def _wrapped(handle: Pointer, spec: Spec, requires_grad: bool = False) -> Any:
    shape, stride, dtype = spec
    tensor: Any = torch.Tensor._make_wrapper_subclass(
        FarTensor, shape, strides=stride, dtype=dtype, requires_grad=requires_grad
    )
    tensor._handle, tensor._spec = handle, spec
    return tensor


# ---------------------------------------------------------------- kernels


def _dispatch(func: Any, args: Sequence[Any], kwargs: dict[str, Any]) -> Any:
    special = _SPECIAL.get(func)
    if special is not None:
        return special(*args, **kwargs)
    given = _Given(args, kwargs)
    target, specs = _outcome(func, given, args, kwargs)
    session = given.handles[0]._session
    count = None if target is not None else sum(spec is not None for spec in specs)
    with session.command() as core:
        nodes = core.call(str(func), given.args, given.kwargs, [h.use() for h in given.handles], count, _node_of)
        handles = iter([make(session, node) for node in nodes])
    if target is not None:
        return target
    results = [None if spec is None else _wrapped(next(handles), spec) for spec in specs]
    return tuple(results) if len(func._schema.returns) > 1 else _only(func, results)


def _only(func: Any, results: list[Any]) -> Any:
    """The one result, which may be a list of tensors."""
    returns = func._schema.returns
    return results if returns and str(returns[0].type).startswith("List") else results[0]


def _node_of(value: Any) -> Any:
    return value._node if type(value) is Pointer else None


class _Given:
    """The arguments of one kernel as they travel, and what follows from their shapes."""

    def __init__(self, args: Sequence[Any], kwargs: dict[str, Any]) -> None:
        self.handles: list[Pointer] = []
        self.args = [self._lowered(value) for value in args]
        self.kwargs = {name: self._lowered(value) for name, value in kwargs.items() if value is not None}

    def _lowered(self, value: Any) -> Any:
        kind = type(value)
        if kind is FarTensor:
            self.handles.append(value._handle)
            return value._handle
        if kind is int or kind is float or kind is bool or value is None:
            return value
        if kind is list or kind is tuple:
            return kind([self._lowered(part) for part in value])
        if isinstance(value, torch.Tensor):
            raise PureFrameworkTensorFoundError(
                f"a local tensor of shape {tuple(value.shape)} stands beside one that is on a worker",
                hint="far(tensor, worker) puts it there",
            )
        return plain_wire(value)


_known: dict[Any, tuple[int | None, list[Spec | None]]] = {}
"""Kernel, shapes and arguments to what comes of them: what the meta device has said already."""
_KNOWN_AT_MOST = 4096


def _outcome(func: Any, given: _Given, args: Sequence[Any], kwargs: dict[str, Any]) -> tuple[Any, list[Spec | None]]:
    """(the argument that is changed, if one is, and what the results are like)."""
    key = (func, _key(args), _key(tuple(kwargs.items())))
    found = _known.get(key)
    if found is None:
        found = _ask_meta(func, args, kwargs)
        if len(_known) >= _KNOWN_AT_MOST:
            _known.clear()
        _known[key] = found
    place, specs = found
    if place is None:
        return None, specs
    target = args[place]
    changed = specs[0]
    if changed is not None and changed != target._spec:
        raise UnsupportedOperation(f"{func} changes the shape of a far tensor in place", hint="use the other form")
    return target, specs


def _key(values: Any) -> Any:
    return tuple(
        [v._spec if type(v) is FarTensor else _key(v) if type(v) in (list, tuple) else (type(v), v) for v in values]
    )


def _ask_meta(func: Any, args: Sequence[Any], kwargs: dict[str, Any]) -> tuple[int | None, list[Spec | None]]:
    def like(tensor: Any) -> Any:
        shape, stride, dtype = tensor._spec
        return torch.empty_strided(shape, stride, dtype=dtype, device="meta")

    args, kwargs = tree_map_only(FarTensor, like, (tuple(args), kwargs))
    if "device" in kwargs:
        kwargs["device"] = torch.device("meta")
    try:
        found = func(*args, **kwargs)
    except NotImplementedError as error:
        raise UnsupportedOperation(
            f"{func} has results whose shape its values decide", hint="t.pointer is a pointer that has it"
        ) from error
    results = list(found) if isinstance(found, list | tuple) else [found]
    return _changed(func), [None if r is None else (tuple(r.shape), tuple(r.stride()), r.dtype) for r in results]


def _changed(func: Any) -> int | None:
    """Place of the argument that a kernel changes and gives back."""
    arguments = func._schema.arguments
    written = [i for i, a in enumerate(arguments) if a.alias_info is not None and a.alias_info.is_write]
    in_place = func._schema.name.endswith("_") and written[:1] == [0]
    return 0 if in_place else None


# ---------------------------------------------------------------- what is no kernel


def _alias(tensor: Any) -> Any:
    """The same values under another tensor: no command is needed."""
    return _wrapped(tensor._handle.clone(), tensor._spec)


def _item(tensor: Any) -> Any:
    return tensor._handle._value()


_SPECIAL: dict[Any, Any] = {
    torch.ops.aten.detach.default: _alias,
    torch.ops.aten.alias.default: _alias,
    torch.ops.aten._local_scalar_dense.default: _item,
}

# ---------------------------------------------------------------- there and back


def far(what: Any, worker: Any) -> Any:
    """A tensor, or a module's parameters and buffers, on a worker.

    Args:
        what: a tensor, which stays as it is: a FarTensor comes back; a pointer tensor to data; or a module, which
            gets parameters of its own there (make its optimiser afterwards) and is returned.
        worker: where to.
    """
    if isinstance(what, torch.nn.Module):
        return _replace(what, lambda tensor: far(tensor, worker))
    return _far_tensor(what, worker)


def _replace(module: Any, other: Callable[[Any], Any]) -> Any:
    """Give a module other parameters and buffers; what it has under several names it has again so."""
    done: dict[int, Any] = {}
    for part, store, name, tensor in _members(module):
        if id(tensor) not in done:
            new = other(tensor)
            done[id(tensor)] = torch.nn.Parameter(new, tensor.requires_grad) if store is part._parameters else new
        store[name] = done[id(tensor)]
    return module


def _far_tensor(tensor: Any, worker: Any) -> Any:
    if isinstance(tensor, PointerTensor):
        handle = tensor._plain("far").clone()
        like = without_values(facts_of(handle))
        return _wrapped(handle, (tuple(like.shape), tuple(like.stride()), like.dtype))
    plain = tensor.detach().contiguous()
    pointer = plain.send(worker)
    spec = (tuple(plain.shape), tuple(plain.stride()), plain.dtype)
    return _wrapped(pointer._handle, spec, requires_grad=tensor.requires_grad)


def near(what: Any) -> Any:
    """The values of a far tensor, as a local one; of a module its parameters and buffers, which it gets back.

    The worker keeps them for as long as something refers to them.
    """
    if isinstance(what, torch.nn.Module):
        return _replace(what, near)
    if not isinstance(what, FarTensor):
        raise UsageError(f"a {type(what).__name__} is no far tensor", hint="far(tensor, worker) gives one")
    value = what._handle.get_copy(all=True)
    return value.detach().requires_grad_(what.requires_grad) if what.is_leaf else value.detach()


def _members(module: Any) -> list[tuple[Any, Any, str, Any]]:
    """(module, dictionary, name, tensor) of every parameter and buffer below it."""
    return [
        (part, store, name, tensor)
        for part in module.modules()
        for store in (part._parameters, part._buffers)
        for name, tensor in store.items()
        if tensor is not None
    ]


__all__ = ["FarTensor", "far", "near"]
