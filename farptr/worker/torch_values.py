"""torch on a worker: tensors in its store, and operations by their names (``protocol.torch_names``).

Laws
    What runs is what torch lets others override, and the few names of the tables; nothing with an underscore in front.
    An argument is a plain value, a tensor or array of this store, or a text that names a dtype, a layout and such.
    A result is a tensor, several, or one number or truth value.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from operator import attrgetter, index
from typing import Any

import numpy as np
import torch
from torch.overrides import get_overridable_functions, resolve_name

from farptr.protocol import marked, torch_bytes
from farptr.protocol import torch_names as table
from farptr.protocol.errors import UnsupportedOperation
from farptr.worker import tensors

tensors.KINDS.update({torch.Tensor, torch.nn.Parameter})

# ---------------------------------------------------------------- values


def decoded(value: marked.Marked) -> Any:
    """The tensor that came."""
    return torch_bytes.tensor_of(value)


def encoded(value: Any, one: Callable[[Any], tuple[Any, ...]]) -> tuple[Any, ...]:
    """The wire form of a tensor; ``one`` takes in an array."""
    return marked.encode(torch_bytes.marked(value), one)


def code_of(value: Any) -> str:
    """The dtype code of its carrier; raises UnsupportedValue."""
    return marked.CARRIERS[torch_bytes.mark_of(value)]


def text_of(value: Any) -> str:
    """As torch prints it, without ``tensor(`` and what stands behind the values."""
    text = str(value.detach()).removeprefix("tensor(")
    return text[: text.rindex("]") + 1] if "]" in text else text.rstrip(")")


def copy(value: Any) -> Any:
    """A tensor of its own with the same values: a leaf that requires a gradient if the original does."""
    return value.detach().clone().requires_grad_(value.requires_grad)


def ask(value: Any, question: str) -> Any:
    """A plain answer about a tensor; raises UnsupportedOperation for what is no question."""
    if type(value) is np.ndarray:
        value = torch.from_numpy(value)
    answer = _ANSWERS.get(question)
    if answer is None:
        raise UnsupportedOperation(f"there is no question {question!r} to a tensor of torch")
    return answer(value)


def _facts(value: Any) -> Any:
    return (
        tuple(value.shape),
        tuple(value.stride()) if value.layout == torch.strided else (),
        str(value.dtype).removeprefix(table.NAMESPACE),
        str(value.layout).removeprefix(table.NAMESPACE),
        str(value.device),
        bool(value.requires_grad),
        bool(value.is_leaf),
        bool((value.is_leaf or value.retains_grad) and value.grad is not None),
    )


def _item(value: Any) -> Any:
    if value.numel() != 1:
        raise RuntimeError(f"a tensor of shape {tuple(value.shape)} has no single value")
    found = value.item()
    return ("complex", found.real, found.imag) if isinstance(found, complex) else found


_ANSWERS: Mapping[str, Callable[[Any], Any]] = {
    table.FACTS: _facts, "item": _item, "index": index, "len": len,
    "shape": lambda v: tuple(v.shape), "ndim": lambda v: v.dim(),
    "size": lambda v: v.numel(), "dtype": code_of, "itemsize": lambda v: v.element_size(),
    "rows": len, "nbytes": lambda v: v.numel() * v.element_size(),
    "strides": lambda v: tuple(n * v.element_size() for n in v.stride()),
}  # fmt: skip

# ---------------------------------------------------------------- operations


_OURS: dict[str, Callable[..., Any]] = {
    "torch.farptr.copy": copy,
    "torch.autograd.grad": torch.autograd.grad,
    "torch.autograd.backward": torch.autograd.backward,
}


def _is_operation(name: str) -> bool:
    *path, last = name.split(".")
    if last in ("__get__", "__set__"):
        return path[-1] in table.ATTRIBUTES
    if any(part.startswith("_") for part in path):
        return False
    return not last.startswith("_") or last in table.OPERATORS


def _overridable() -> dict[str, Any]:
    """Every operation that torch lets others override, by name."""
    names = {}
    for functions in get_overridable_functions().values():
        for function in functions:
            name = resolve_name(function)
            if name is not None and _is_operation(name):
                names[name] = function
    for attribute in table.ATTRIBUTES:
        member = getattr(torch.Tensor, attribute)
        names[f"torch.Tensor.{attribute}.__get__"] = member.__get__
        names[f"torch.Tensor.{attribute}.__set__"] = member.__set__
    return names


_known: dict[str, Any] = {}


def function(operation: str) -> Callable[..., Any] | None:
    """What a wire name stands for; None when there is none."""
    name = operation.removeprefix(table.NO_GRAD)
    if name.startswith(table.KERNELS):
        return _kernel(name)
    if not _known:
        _known.update(_overridable() | _OURS)
        _known.update({f"torch.{maker}": getattr(torch, maker) for maker in table.MAKERS})
        _known.update({f"torch.{name}": attrgetter(name)(torch) for name in table.UNLISTED})
        _known.update({f"torch.Tensor.{method}": getattr(torch.Tensor, method) for method in table.METHODS})
        _known.update({f"torch.nn.init.{name}": getattr(torch.nn.init, name) for name in table.INITIALISERS})
    found = _known.get(name) or _in_place_form(name)
    return None if found is None else _called(found, recorded=name == operation)


def _kernel(name: str) -> Callable[..., Any] | None:
    """``aten.add.Tensor``: a kernel by its name and overload; its results without those that are not there."""
    if not table.is_kernel(name):
        return None
    _, kernel, overload = name.split(".")
    found = getattr(getattr(torch.ops.aten, kernel, None), overload, None)
    # What has no kernel is of TorchScript's interpreter: lists, texts, files, modes of this process.
    if not isinstance(found, torch._ops.OpOverload) or not torch._C._dispatch_has_kernel(found.name()):
        return None

    def run(*args: Any, **kwargs: Any) -> Any:
        args = tuple([a if type(a) in _PLAIN or type(a) in tensors.KINDS else _meant(a) for a in args])
        if kwargs:
            kwargs = {name: _meant(value) for name, value in kwargs.items()}
        recorded = torch.is_grad_enabled()
        torch._C._set_grad_enabled(False)  # torch.no_grad() takes longer than many a kernel
        try:
            value = found(*args, **kwargs)
        finally:
            torch._C._set_grad_enabled(recorded)
        return _there(value)

    return run


def _in_place_form(name: str) -> Any:
    """``torch.relu_``: functions whose plain form is an operation; torch does not list them."""
    if not name.endswith("_") or name.endswith("__") or name[:-1] not in _known:
        return None
    found: Any = torch
    for part in name.split(".")[1:]:
        found = getattr(found, part, None)
    return found if callable(found) else None


_PLAIN = frozenset({int, float, bool, type(None)})


def _called(found: Callable[..., Any], *, recorded: bool) -> Callable[..., Any]:
    def run(*args: Any, **kwargs: Any) -> Any:
        args = tuple([a if type(a) in _PLAIN or type(a) in tensors.KINDS else _meant(a) for a in args])
        if kwargs:
            kwargs = {name: _meant(value) for name, value in kwargs.items()}
        if recorded:
            return _there(found(*args, **kwargs))
        with torch.no_grad():
            return _there(found(*args, **kwargs))

    return run


def _there(value: Any) -> Any:
    """Results without those that are not there."""
    return tuple([v for v in value if v is not None]) if type(value) is tuple else value


_TYPES = (torch.dtype, torch.layout, torch.memory_format)


def _meant(value: Any) -> Any:
    """An argument with what its texts stand for."""
    kind = type(value)
    if kind is np.ndarray:  # data that the worker loaded itself: the same memory
        return torch.from_numpy(value)
    if kind is str and value.startswith(table.NAMESPACE):
        found = getattr(torch, value.removeprefix(table.NAMESPACE), None)
        if not isinstance(found, _TYPES):
            raise UnsupportedOperation(f"there is no dtype, layout or memory format {value}")
        return found
    if kind is list or kind is tuple:
        return kind(map(_meant, value))
    return value


# ---------------------------------------------------------------- what it comes to


def counting() -> Any:
    """A context whose ``flops`` are, at its end, those of the kernels that ran within."""
    from torch.utils._python_dispatch import TorchDispatchMode  # late: few runs count
    from torch.utils._pytree import tree_leaves
    from torch.utils.flop_counter import flop_registry

    aten = torch.ops.aten
    on_cpu = {  # torch's table has the GPU's alone
        aten._scaled_dot_product_flash_attention_for_cpu: aten._scaled_dot_product_flash_attention,
        aten._scaled_dot_product_flash_attention_for_cpu_backward: aten._scaled_dot_product_flash_attention_backward,
    }
    nothing = {aten._unsafe_view, aten.empty, aten.empty_like, aten.empty_strided}

    class Counting(TorchDispatchMode):  # type: ignore[misc]
        """torch's formulas for products, convolutions, attention; else one for each element; nothing for views."""

        flops = 0.0

        def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            kwargs = kwargs or {}
            made = func(*args, **kwargs)
            formula = flop_registry.get(on_cpu.get(func.overloadpacket, func.overloadpacket))
            if formula is not None:
                self.flops += formula(*args, **kwargs, out_val=made)
            elif not (func.is_view or func.overloadpacket in nothing):
                leaves = tree_leaves((args, kwargs, made))
                self.flops += max([v.numel() for v in leaves if isinstance(v, torch.Tensor)], default=0)
            return made

    return Counting()
