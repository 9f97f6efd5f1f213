"""Functions of the standard that take a device: they make arrays there, or move them."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from inspect import Signature
from typing import Any

import numpy as np

from farptr.client.numpy_face import call, pointers_among
from farptr.client.pointer import Pointer
from farptr.protocol.errors import UsageError
from farptr.protocol.values import checked as checked_array
from farptr.xp import signatures
from farptr.xp.devices import Default, device_of, resolve, to_device
from farptr.xp.functions import named_as_in_the_standard, refuse_several, run
from farptr.xp.signatures import checked, with_device

_ASARRAY = signatures.signature_of("obj, /, *, dtype=None, device=None, copy=None")
_FROM_DLPACK = signatures.signature_of("x, /, *, device=None, copy=None")


def asarray(default: Default, obj: Any, dtype: Any = None, device: Any = None, copy: bool | None = None) -> Pointer:
    """Send an array, number or nested list to the device; a pointer goes there from its worker, or stays.

    A list that has pointers in it, at any depth, is put together where their data is, and treated like a pointer.
    ``copy=False`` forbids what only a copy can do; sending is one.
    """
    if isinstance(obj, Pointer):
        return _of_pointer(obj, dtype, device, copy)
    refuse_several((obj,))
    if copy is False:
        raise ValueError("what is sent to a worker, or put together there, is copied: copy=False cannot be")
    if type(obj) in (list, tuple) and next(pointers_among(obj), None) is not None:
        return _of_pointer(_stacked(obj), dtype, device, None)
    array = checked_array(np.asarray(obj, dtype=dtype))
    return resolve(device, default).place(array)


def _stacked(parts: Any) -> Any:
    """Nested lists that have pointers among their numbers, as one array where the pointers' data is."""
    if type(parts) not in (list, tuple) or next(pointers_among(parts), None) is None:
        return parts
    return run("stack", ([_stacked(part) for part in parts],), {})


def _of_pointer(pointer: Pointer, dtype: Any, device: Any, copy: bool | None) -> Pointer:
    here = device_of(pointer)
    there = resolve(device, lambda: here)
    if copy is False and (there != here or (dtype is not None and pointer.dtype != dtype)):
        raise ValueError("another device, or another dtype, takes a copy: copy=False cannot be")
    if dtype is not None:
        return to_device(run("astype", (pointer, dtype), {"copy": bool(copy)}), there)
    found = to_device(pointer, there)
    return call(".copy", (found,)) if copy and found is pointer else found


def from_dlpack(default: Default, x: Any, device: Any = None, copy: bool | None = None) -> Pointer:
    """A local array of any library goes to the device; a pointer is treated as by ``asarray``: nothing comes here."""
    if isinstance(x, Pointer):
        return asarray(default, x, device=device, copy=copy)
    return asarray(default, np.from_dlpack(x), device=device, copy=copy)


def _maker(name: str, signature: Signature) -> Callable[..., Any]:
    full = with_device(signature)

    def function(default: Default, /, *args: Any, **kwargs: Any) -> Pointer:
        bound = checked(name, full, args, kwargs)
        device = resolve(bound.arguments.pop("device", None), default)
        if next(pointers_among((*bound.args, *bound.kwargs.values())), None) is not None:
            raise UsageError(f"{name} takes plain numbers, not pointers", hint="int(p), float(p) fetch one element")
        return device.make(name, bound.args, _spelt(bound.kwargs))

    return named_as_in_the_standard(function, name, full)


def _spelt(kwargs: dict[str, Any]) -> dict[str, Any]:
    return {k: v for k, v in kwargs.items() if v is not None}


def _like(name: str, signature: Signature) -> Callable[..., Any]:
    """``zeros_like`` and its kind: where the data is, or elsewhere by its shape alone."""
    full = with_device(signature)

    def function(default: Default, /, *args: Any, **kwargs: Any) -> Pointer:
        bound = checked(name, full, args, kwargs)
        device = bound.arguments.pop("device", None)
        if not isinstance(bound.args[0], Pointer):
            raise UsageError(f"{name} takes a pointer", hint="xp.asarray(x, device=julie) sends an array")
        pointer, *fill = bound.args
        here = device_of(pointer) if device is not None else None
        there = resolve(device, lambda: device_of(pointer)) if device is not None else None
        if there is None or here is None or there == here:
            return run(name, bound.args, bound.kwargs)  # type: ignore[no-any-return]
        dtype = bound.kwargs.get("dtype") or pointer.dtype
        return there.make(name.removesuffix("_like"), (pointer.shape, *fill), {"dtype": dtype})

    return named_as_in_the_standard(function, name, full)


def _astype(default: Default, /, *args: Any, **kwargs: Any) -> Pointer:
    """``astype`` of the Array API standard, where the data is; with ``device``, moved there afterwards."""
    bound = checked("astype", _ASTYPE, args, kwargs)
    device = bound.arguments.pop("device", None)
    found = run("astype", bound.args, bound.kwargs)
    return to_device(found, device)


_ASTYPE = with_device(signatures.FUNCTIONS["astype"])

_TAKING_DEVICE: dict[str, tuple[Callable[..., Any], Signature]] = {
    "asarray": (asarray, _ASARRAY), "from_dlpack": (from_dlpack, _FROM_DLPACK), "astype": (_astype, _ASTYPE),
}  # fmt: skip
for _name, _row in signatures.MAKERS.items():
    _TAKING_DEVICE[_name] = (_maker(_name, _row), with_device(_row))
for _name in ("empty_like", "full_like", "ones_like", "zeros_like"):
    _row = signatures.FUNCTIONS[_name]
    _TAKING_DEVICE[_name] = (_like(_name, _row), with_device(_row))


def for_default(default: Default) -> dict[str, Callable[..., Any]]:
    """The functions, for namespaces with that default device."""
    return {name: _bound(name, function, row, default) for name, (function, row) in _TAKING_DEVICE.items()}


def _bound(name: str, function: Callable[..., Any], row: Signature, default: Default) -> Callable[..., Any]:
    bound: Any = partial(function, default)
    bound.__name__, bound.__doc__ = name.rpartition(".")[2], function.__doc__
    bound.__signature__ = row
    return bound  # type: ignore[no-any-return]
