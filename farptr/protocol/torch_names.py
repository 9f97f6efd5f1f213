"""The operations of torch on the wire, as tables. Client and worker read the same rows; neither needs torch for that.

An operation's name is where torch has it: ``torch.add``, ``torch.Tensor.add_``, ``torch.nn.functional.relu``,
``torch.Tensor.T.__get__``. What workers run are the functions and methods that torch lets others override, but for
those that begin with an underscore; the operators among these are in OPERATORS. ``no_grad:`` before a name says that
the caller records no graph. A text that begins ``torch.`` stands for a dtype, a layout or a memory format.

To add an operation that torch does not list, put it in UNLISTED, or in MAKERS (``worker.remote.torch.zeros``).
"""

from __future__ import annotations

NAMESPACE = "torch."
KERNELS = "aten."
"""What stands below torch's functions: ``aten.add.Tensor``, with the overload. No graph is recorded for these."""
NO_GRAD = "no_grad:"

_BINARY = """
    add sub mul truediv floordiv mod pow matmul and or xor lshift rshift
    """.split()

OPERATORS = frozenset(
    [f"__{way}{name}__" for name in _BINARY for way in ("", "r", "i")]
    + [f"__{name}__" for name in "eq ne lt le gt ge neg pos abs invert getitem setitem div rdiv idiv".split()]
    + [f"__{name}__" for name in "get set".split()]
)
"""The names with underscores that are operations."""

ATTRIBUTES = frozenset("T mT H mH real imag grad data requires_grad".split())
"""The attributes of a tensor that are operations."""

MAKERS = frozenset(
    """
    arange as_tensor empty eye full linspace logspace manual_seed normal ones rand randint randn randperm scalar_tensor
    tensor tril_indices triu_indices zeros
    """.split()
)
"""Functions below ``torch`` that make tensors from plain values."""

METHODS = frozenset(
    """
    new_empty new_full new_ones new_tensor new_zeros to_sparse_bsc to_sparse_bsr to_sparse_csc to_sparse_csr unflatten
    """.split()
)
"""Methods of a tensor that torch does not list as such, though it lets others override them."""

UNLISTED = frozenset(
    "fill rand_like randint_like randn_like vander nn.functional.hardsigmoid nn.functional.hardswish".split()
)
"""Functions below ``torch`` that it does not list either."""

INITIALISERS = frozenset("constant_ kaiming_uniform_ normal_ uniform_".split())
"""Functions below ``torch.nn.init``; the others are made of operations."""

IN_PLACE = frozenset(
    {"__setitem__", "__set__", "backward", "retain_grad", "torch.autograd.backward", "torch.manual_seed"}
)
"""What gives nothing back, besides names that end in an underscore and operators such as ``__iadd__``."""

KERNELS_WITH_UNDERSCORES = frozenset(
    """
    _softmax _safe_softmax _softmax_backward_data _log_softmax _log_softmax_backward_data _to_copy _unsafe_view
    _adaptive_avg_pool2d _adaptive_avg_pool2d_backward _native_batch_norm_legit _native_batch_norm_legit_functional
    _euclidean_dist _cdist_forward _cdist_backward _prelu_kernel _prelu_kernel_backward __lshift__ __rshift__
    __ilshift__ __irshift__
    """.split()
)
"""Those that begin with an underscore and are run; among the others some check no bounds."""
NO_KERNELS = frozenset(
    """
    from_file set_ resize_ resize_as_ record_stream data _local_scalar_dense rename rename_ set_data mkldnn_rnn_layer
    """.split()
)
"""Those that touch files or memory of others, or give no tensor, or fewer where nobody asks for gradients."""


def is_kernel(name: str) -> bool:
    """Whether workers run a kernel of that name, which has the overload."""
    prefix, _, rest = name.partition(".")
    kernel, *overload = rest.split(".")
    allowed = not kernel.startswith("_") or kernel in KERNELS_WITH_UNDERSCORES
    return prefix + "." == KERNELS and len(overload) == 1 and allowed and kernel not in NO_KERNELS


FACTS = "facts"
"""A question about a tensor: (shape, stride, dtype, layout, device, requires_grad, is_leaf, has a gradient)."""


def is_of_torch(name: str) -> bool:
    """Whether an operation is torch's."""
    return name.removeprefix(NO_GRAD).startswith((NAMESPACE, KERNELS))


def last_of(name: str) -> str:
    """The last part of a name, without what ``no_grad`` says."""
    return name.rpartition(".")[2]


_AS_PEOPLE_SAY = {
    "truediv": "div", "rdiv": "div", "idiv": "div", "floordiv": "floor_divide", "mod": "remainder",
    "getitem": "[]", "setitem": "[]",
}  # fmt: skip


def known_as(name: str) -> str:
    """What people call it: ``add`` for ``torch.Tensor.__iadd__``, ``torch.Tensor.add_`` and ``aten.add.Tensor``."""
    parts = name.removeprefix(NO_GRAD).split(".")
    before = name.removeprefix(NO_GRAD).startswith(KERNELS) or parts[-1] in ("__get__", "__set__")
    last = parts[-2] if before else parts[-1]
    if not last.startswith("__"):
        return last.removesuffix("_")
    last = last.strip("_")
    last = last[1:] if last[0] in "ri" and last[1:] in _BINARY else last
    return _AS_PEOPLE_SAY.get(last, last)


def is_in_place(name: str) -> bool:
    """Whether an operation changes its first argument and gives that back, or nothing."""
    last = last_of(name)
    if last in IN_PLACE or name in IN_PLACE:
        return True
    if last.startswith("__"):
        return last.startswith("__i") and last not in ("__invert__",)
    return last.endswith("_")


def gives_nothing(name: str) -> bool:
    """Whether an operation in place gives nothing back, not even its first argument."""
    return last_of(name) in IN_PLACE or name in IN_PLACE
