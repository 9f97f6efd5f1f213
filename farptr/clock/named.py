"""Operations by the names that people know them by, for tables of costs.

On the wire ``p @ q`` is ``matmul``, ``p.sum()`` is ``.sum``, ``np.dot(p, q)`` is ``np:dot``, ``p += q`` is ``=add``;
and torch's have the place where torch has them. A table says ``matmul``, ``sum``, ``dot``, ``add``; and ``fn:train``
for a function of the program's that is called ``train``.
"""

from __future__ import annotations

import importlib
import importlib.util
from functools import cache
from operator import attrgetter

from farptr.protocol import operations as table
from farptr.protocol import standard, torch_names
from farptr.protocol.functions import is_call

_ALIKE = {"eq": "equal", "ne": "not_equal"}
_TORCH_PLACES = ("", "Tensor", "nn.functional", "linalg", "fft", "special", "autograd", "nn.init", "ops.aten")


def known_as(operation: str) -> str:
    """``dot`` for ``np:dot``, ``.dot`` and ``torch.Tensor.dot``; ``add`` for ``=add`` and ``torch.Tensor.__iadd__``."""
    if is_call(operation):
        return operation
    if torch_names.is_of_torch(operation):
        return torch_names.known_as(operation)
    short = operation.rpartition(":")[2].strip("=.") or operation
    return _ALIKE.get(short, short)


def unknown(name: str) -> frozenset[str]:
    """Nothing if there is an operation of that name; else those of NumPy and the Array API standard.

    torch is looked into only where it is installed and the others do not know the name; that imports it.
    """
    known = _of_arrays()
    return frozenset() if name in known or is_call(name) or _torch_has(name) else known


@cache
def _of_arrays() -> frozenset[str]:
    methods = (*table.UFUNC_METHODS, "at")
    return frozenset(
        {
            *table.UFUNCS, *(f"{ufunc}.{method}" for ufunc in table.UFUNCS for method in methods),
            *table.UFUNC_FUNCTIONS.values(), *table.FUNCTIONS, *table.IN_PLACE_FUNCTIONS,
            *table.METHODS, *table.INPLACE_METHODS, *table.ATTRIBUTES, *table.ATTRIBUTES_SET,
            *standard.FUNCTIONS, *standard.MAKERS, "[]", "flat[]",
        }
    )  # fmt: skip


def _torch_has(name: str) -> bool:
    if not name.isidentifier() or name.startswith("_") or importlib.util.find_spec("torch") is None:
        return False
    torch = importlib.import_module("torch")
    places = [attrgetter(place)(torch) if place else torch for place in _TORCH_PLACES]
    return any(callable(getattr(place, name, None)) for place in places) or name in torch_names.ATTRIBUTES
