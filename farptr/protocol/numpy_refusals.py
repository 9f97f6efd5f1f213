"""What NumPy lets an array have and pointers do not, each with the reason and the way around it.

Reasons follow the name in a message: "np.apply_along_axis takes a function …".
"""

from __future__ import annotations

from typing import NamedTuple


class Reason(NamedTuple):
    """Why not, and what to do instead."""

    why: str
    hint: str


TAKES_A_FUNCTION = Reason(
    "takes a function, and functions do not travel with an operation",
    "use operations of whole arrays, p.apply(f) where functions are on, or get() first",
)
READS_A_FILE = Reason(
    "reads a file, and where that lies would be anybody's guess",
    "a worker loads data of its own: fp.up({'julie': 'x.npz'})",
)
STRUCTURED = Reason("works on structured dtypes, which do not travel", "send each field as an array of its own")
GIVES_OBJECTS = Reason("gives an array of objects, which does not travel", "get() first")
NEEDS_THE_VALUES = Reason("would fetch the values", ".get() fetches; or with fp.implicit_fetch('allow'):")

FETCHING = ("array2string", "array_repr", "array_str", "save", "savetxt", "savez", "savez_compressed")
"""Functions that need the values here: they run under ``implicit_fetch("allow")``."""

FUNCTIONS: dict[str, Reason] = (
    dict.fromkeys(("apply_along_axis", "apply_over_axes", "fromfunction"), TAKES_A_FUNCTION)
    | dict.fromkeys(("fromfile", "genfromtxt", "loadtxt"), READS_A_FILE)
    | dict.fromkeys(("char.rsplit", "char.split", "char.splitlines"), GIVES_OBJECTS)
    | dict.fromkeys(FETCHING, NEEDS_THE_VALUES)
)
"""By the path below ``numpy``."""
MODULES = {"numpy.lib.recfunctions": STRUCTURED}
"""By the module, where it is the same for every function there."""

_PART = Reason("is a part of a function of np.strings", "call that function: it runs where the data is")
_NO_UFUNC = Reason("is not public", "call the function of that name: it runs where the data is")
UFUNCS: dict[str, Reason] = dict.fromkeys(
    """
    _center _expandtabs _expandtabs_length _ljust _partition _partition_index _replace _rjust _rpartition
    _rpartition_index _zfill
    """.split(),
    _PART,
) | dict.fromkeys(("_ones_like", "real", "imag"), _NO_UFUNC)

_ADDRESS = Reason("is an address in another process", "p.get() brings the data here")
_MACHINERY = Reason("belongs to how ndarrays are made", "p.get() is an ndarray")
_WRITES = Reason("would fetch the data and write it", "p.get() fetches it")
_OLD = Reason("went from ndarrays with NumPy 2", "np.ptp(p), p[...] = value or p.view(dtype)")

ATTRIBUTES: dict[str, Reason] = (
    dict.fromkeys(("__array_interface__", "__array_struct__", "__buffer__", "ctypes", "data"), _ADDRESS)
    | dict.fromkeys(
        (
            "__array_finalize__", "__array_prepare__", "__array_wrap__", "__class_getitem__", "__setstate__",
            "_set_dtype", "_set_shape",
        ),
        _MACHINERY,
    )
    | dict.fromkeys(("dump", "dumps", "tofile"), _WRITES)
    | dict.fromkeys(("itemset", "newbyteorder", "ptp", "tostring"), _OLD)
    | {
        "__delitem__": Reason("is refused by ndarrays too", "np.delete(p, index)"),
        "base": Reason("is an object of the worker's", "np.shares_memory(p, q) tells of views"),
        "resize": Reason("would take memory from under other views", "np.resize(p, shape) makes a new array"),
        "setflags": Reason("is about one array object in another process", "p.copy() can be written to"),
    }
)  # fmt: skip
"""Attributes and methods of ndarrays."""
