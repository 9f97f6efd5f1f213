"""What kernels give, from what they are given: shapes, strides and dtypes, without values.

Laws
    The meta device is asked once for each kernel and what its arguments are like; nobody else is.
    A plain float decides no shape, so it is no part of the question: an optimiser has another one in each step.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import torch
from torch.utils._pytree import tree_map_only

from farptr.protocol.errors import UnsupportedOperation
from farptr.protocol.torch_names import is_kernel


class Spec:
    """What is known of a tensor whose values are elsewhere. There is one object for all that are alike."""

    __slots__ = ("dtype", "shape", "stride")

    def __init__(self, shape: tuple[int, ...], stride: tuple[int, ...], dtype: Any) -> None:
        self.shape, self.stride, self.dtype = shape, stride, dtype


_specs: dict[Any, Spec] = {}


def spec_of(tensor: Any) -> Spec:
    """What a tensor is like."""
    key = (tuple(tensor.shape), tuple(tensor.stride()), tensor.dtype)
    found = _specs.get(key)
    if found is None:
        found = _specs[key] = Spec(*key)
    return found


class Outcome(NamedTuple):
    """What comes of a kernel."""

    changed: int | str | None
    """Place, or name, of the argument that it changes and gives back; None when it makes something."""
    specs: tuple[Spec | None, ...]
    """Of its results; None for one that is not there."""
    made: int | None
    """How many there are; None when it makes nothing."""
    gives: type
    """Whether they are in a ``list`` or ``tuple``; ``Spec`` for the one result."""


class Kernel:
    """One of torch's, and what is known of it."""

    __slots__ = ("func", "name", "outcomes", "special")

    def __init__(self, func: Any) -> None:
        self.func = func
        self.name = str(func)
        self.outcomes: dict[Any, Outcome] = {}
        """By what its arguments are like."""
        self.special: Callable[..., Any] | None = None
        """What is done instead of a command."""

    def ask(self, key: Any, kind: type, args: Sequence[Any], kwargs: dict[str, Any]) -> Outcome:
        """What comes of it on tensors of that kind, which have a ``_spec``; raises what it raises itself.

        ``key`` stands for what the arguments are like.
        """
        if len(self.outcomes) >= _AT_MOST:
            self.outcomes.clear()
        found = self.outcomes[key] = _outcome(kind, self.func, args, kwargs)
        return found


_AT_MOST = 1024
"""Outcomes that are remembered of one kernel."""
kernels: dict[int, Kernel] = {}
"""By the identity of torch's own: their hash is made in Python."""


def kernel_of(func: Any) -> Kernel:
    """What is known of a kernel."""
    return kernels.setdefault(id(func), Kernel(func))


_HINTS = {
    "_foreach_": "foreach=False goes",
    "mkldnn_rnn": "inside `with torch.backends.mkldnn.flags(enabled=False):` it is made of kernels that are",
    "transpose_.": "use the other form; torch's recurrent layers do it for batch_first=True",
    "_scaled_dot_product_": "inside `with torch.nn.attention.sdpa_kernel(torch.nn.attention.SDPBackend.MATH):` it goes",
    "_transformer_encoder_layer_fwd": "after torch.backends.mha.set_fastpath_enabled(False) it is made of others",
    "_native_multi_head_attention": "after torch.backends.mha.set_fastpath_enabled(False) it is made of others",
}
"""What goes in place of a kernel that is not run, by a part of its name."""


def _hint(func: Any, otherwise: str) -> str:
    return next((hint for part, hint in _HINTS.items() if part in str(func)), otherwise)


def _outcome(kind: type, func: Any, args: Sequence[Any], kwargs: dict[str, Any]) -> Outcome:
    if not is_kernel(str(func)):
        raise UnsupportedOperation(f"{func} is not run on workers", hint=_hint(func, "near(t) fetches the values"))

    def like(tensor: Any) -> Any:
        spec = tensor._spec
        return torch.empty_strided(spec.shape, spec.stride, dtype=spec.dtype, device="meta")

    like_args, like_kwargs = tree_map_only(kind, like, (tuple(args), kwargs))
    if "device" in like_kwargs:
        like_kwargs["device"] = torch.device("meta")
    try:
        found = func(*like_args, **like_kwargs)
    except NotImplementedError as error:
        raise UnsupportedOperation(
            f"what {func} gives cannot be told without values", hint="t.pointer is a pointer tensor that has it"
        ) from error
    results = list(found) if isinstance(found, list | tuple) else [found]
    if not all(r is None or isinstance(r, torch.Tensor) for r in results):
        raise UnsupportedOperation(f"{func} gives no tensor", hint="near(t) fetches the values")
    specs = tuple([None if r is None else spec_of(r) for r in results])
    changed = _changed(func)
    if changed is not None:
        target = args[changed] if isinstance(changed, int) else kwargs[changed]
        if specs[0] is not target._spec:
            raise UnsupportedOperation(
                f"{func} changes the shape of a far tensor in place", hint=_hint(func, "use the other form")
            )
    returns = func._schema.returns
    in_list = bool(returns) and str(returns[0].type).startswith("List")
    gives = list if in_list else tuple if len(returns) > 1 else Spec
    made = None if changed is not None else sum(spec is not None for spec in specs)
    return Outcome(changed, specs, made, gives)


def _changed(func: Any) -> int | str | None:
    """The argument that a kernel changes and gives back."""
    written = [
        (place, argument)
        for place, argument in enumerate(func._schema.arguments)
        if argument.alias_info is not None and argument.alias_info.is_write
    ]
    if written and func._schema.name.endswith("_") and written[0][0] == 0:
        return 0
    out = [argument.name for _, argument in written if argument.kwarg_only]
    if len(out) > 1:
        raise UnsupportedOperation(f"{func} has {len(out)} tensors for out=", hint="it gives as many without it")
    return out[0] if out else None
