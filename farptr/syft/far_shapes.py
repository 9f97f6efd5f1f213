"""What kernels give, from what they are given: shapes, strides and dtypes, without values.

Laws
    The meta device is asked once for each kernel and what its arguments are like; nobody else is.
    A plain float decides no shape, so it is no part of the question: an optimiser has another one in each step.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch.utils._pytree import tree_map_only

from farptr.protocol.errors import UnsupportedOperation


class Spec(NamedTuple):
    """What is known of a tensor whose values are elsewhere."""

    shape: tuple[int, ...]
    stride: tuple[int, ...]
    dtype: Any


class Outcome(NamedTuple):
    """What comes of a kernel."""

    changed: int | str | None
    """Place, or name, of the argument that it changes and gives back; None when it makes something."""
    specs: tuple[Spec | None, ...]
    """Of its results; None for one that is not there."""
    made: int
    """How many there are."""
    gives: type
    """Whether they are in a ``list`` or ``tuple``; ``Spec`` for the one result."""


_numbers: dict[Spec, int] = {}
_outcomes: dict[Any, Outcome] = {}
_AT_MOST = 4096


def number_of(spec: Spec) -> int:
    """A number that stands for it: quicker to look up by. Equal specs have equal numbers."""
    return _numbers.setdefault(spec, len(_numbers))


def spec_of(tensor: Any) -> Spec:
    """What a tensor is like."""
    return Spec(tuple(tensor.shape), tuple(tensor.stride()), tensor.dtype)


def outcome(key: Any, kind: type, func: Any, args: Sequence[Any], kwargs: dict[str, Any]) -> Outcome:
    """What comes of a kernel on tensors of that kind, which have a ``_spec``; raises what the kernel raises.

    ``key`` stands for the kernel and what its arguments are like.
    """
    found = _outcomes.get(key)
    if found is None:
        if len(_outcomes) >= _AT_MOST:
            _outcomes.clear()
        found = _outcomes[key] = _ask_meta(kind, func, args, kwargs)
    return found


def _ask_meta(kind: type, func: Any, args: Sequence[Any], kwargs: dict[str, Any]) -> Outcome:
    def like(tensor: Any) -> Any:
        shape, stride, dtype = tensor._spec
        return torch.empty_strided(shape, stride, dtype=dtype, device="meta")

    like_args, like_kwargs = tree_map_only(kind, like, (tuple(args), kwargs))
    if "device" in like_kwargs:
        like_kwargs["device"] = torch.device("meta")
    try:
        found = func(*like_args, **like_kwargs)
    except NotImplementedError as error:
        raise UnsupportedOperation(
            f"{func} has results whose shape its values decide", hint="t.pointer is a pointer that has it"
        ) from error
    results = list(found) if isinstance(found, list | tuple) else [found]
    specs = tuple([None if r is None else spec_of(r) for r in results])
    changed = _changed(func)
    if changed is not None:
        target = args[changed] if isinstance(changed, int) else kwargs[changed]
        if specs[0] != target._spec:
            raise UnsupportedOperation(f"{func} changes the shape of a far tensor in place", hint="use the other form")
    returns = func._schema.returns
    in_list = bool(returns) and str(returns[0].type).startswith("List")
    gives = list if in_list else tuple if len(returns) > 1 else Spec
    return Outcome(changed, specs, sum(spec is not None for spec in specs), gives)


def _changed(func: Any) -> int | str | None:
    """The argument that a kernel changes and gives back."""
    written = [
        (place, argument.name)
        for place, argument in enumerate(func._schema.arguments)
        if argument.alias_info is not None and argument.alias_info.is_write
    ]
    if written and func._schema.name.endswith("_") and written[0][0] == 0:
        return 0
    return "out" if [name for _, name in written] == ["out"] else None
