"""The dtypes that travel, and their codes (docs/protocol.md, "Body").

Law
    A code is what ``dtype.str`` writes for a dtype that travels; any other text, or other thing, is a ProtocolError.
"""

from __future__ import annotations

import re
from typing import Any

import numpy as np

from farptr.protocol.errors import ProtocolError, UnsupportedValue

KINDS = frozenset("biufcmMSU")
_CODE = re.compile(r"[<>|][biufcSU][1-9][0-9]{0,8}|[<>][mM]8(\[(|[1-9][0-9]{0,8})[a-zA-Zμ]{1,7}\])?")
"""As ``dtype.str`` writes it. Elements have a size: of 'S0' NumPy makes arrays of one byte each, and leaves them unset.
"""
_dtypes: dict[str, np.dtype[Any]] = {}
"""Codes that were seen and are legal; NumPy takes microseconds to parse one."""
_DTYPES_KEPT = 256


def check_dtype(dtype: np.dtype[Any]) -> None:
    """Raise UnsupportedValue for a dtype that does not travel."""
    if dtype.kind not in KINDS or dtype.fields is not None or not (dtype.itemsize and _CODE.fullmatch(dtype.str)):
        raise UnsupportedValue(
            f"an array of dtype {dtype} cannot be sent",
            hint="numbers, booleans, dates and fixed-width strings travel; convert it with astype() first",
        )


def dtype_of(code: Any) -> np.dtype[Any]:
    """The dtype of that code; raises ProtocolError for all but those that travel."""
    if type(code) is not str:
        raise ProtocolError("an array with a malformed dtype")
    found = _dtypes.get(code)
    if found is not None:
        return found
    if not _CODE.fullmatch(code):
        raise ProtocolError(f"an array of dtype {code[:40]!r}")
    try:
        dtype = np.dtype(code)
        check_dtype(dtype)
    except (TypeError, ValueError, OverflowError, UnsupportedValue):
        raise ProtocolError(f"an array of dtype {code!r}") from None
    if dtype.str != code:
        raise ProtocolError(f"an array of dtype {code!r}, which is {dtype.str!r}")
    if len(_dtypes) < _DTYPES_KEPT:
        _dtypes[code] = dtype
    return dtype
