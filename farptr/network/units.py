"""Quantities with their units: ``"50 ms"``, ``"10 Mbit/s"``, ``"1 %"``. A number alone says nothing.

Law
    What is read is finite and not negative, or a BadNetwork says what was wrong.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping

from farptr.protocol.errors import BadNetwork

_TIMES = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1.0, "min": 60.0, "h": 3600.0}
_RATES = {
    "bit/s": 1 / 8, "kbit/s": 1e3 / 8, "Mbit/s": 1e6 / 8, "Gbit/s": 1e9 / 8,
    "B/s": 1.0, "kB/s": 1e3, "MB/s": 1e6, "GB/s": 1e9,
}  # fmt: skip
_SHARES = {"%": 0.01}
_PLAIN = ((_TIMES, "s"), (_RATES, "B/s"), (_SHARES, "%"))
_LONGEST_S = 1e9
_SLOWEST_BYTES_S = 1 / 8
_QUANTITY = re.compile(r"\s*([-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)\s*([^\d\s.]\S*)?\s*")


def time_s(text: object, what: str = "a time") -> float:
    """Seconds: ``"50 ms"``, ``"2s"``, ``"1.5 min"``."""
    return _read(text, what, _TIMES, _LONGEST_S)


def rate_bytes_s(text: object, what: str = "a bandwidth") -> float:
    """Bytes a second: ``"10 Mbit/s"``, ``"1 MB/s"``. Not 0: nothing would ever come through (a partition says that)."""
    found = _read(text, what, _RATES, math.inf)
    if not found:
        raise BadNetwork(f"{what} of {text!r}: nothing would come through", hint="sim.net.partition cuts a link")
    if found < _SLOWEST_BYTES_S:
        raise BadNetwork(f"{what} of {text!r} is less than a model can mean", hint="1 bit/s is the least")
    return found


def share(text: object, what: str = "a share") -> float:
    """A share of 1: ``"1 %"`` is 0.01; 100 % at most."""
    return _read(text, what, _SHARES, 1.0)


def said(value: float, unit: str) -> str:
    """Seconds, bytes a second or a share in this unit; in a plainer one, where only that is read back exactly."""
    units, plain = next(row for row in _PLAIN if unit in row[0])
    nice = f"{value / units[unit]:g}"
    return f"{nice} {unit}" if float(nice) * units[unit] == value else f"{value / units[plain]!r} {plain}"


def _read(text: object, what: str, units: Mapping[str, float], most: float) -> float:
    known = ", ".join(units)
    match = _QUANTITY.fullmatch(text) if isinstance(text, str) else None
    if match is None or match[2] is None:
        raise BadNetwork(f"{what} of {text!r} has no unit", hint=f"write a number and one of {known}")
    if match[2] not in units:
        raise BadNetwork(f"{what} of {text!r} has an unknown unit {match[2]!r}", hint=f"units: {known}")
    found = float(match[1]) * units[match[2]]
    if found < 0:
        raise BadNetwork(f"{what} of {text!r} is negative")
    if not math.isfinite(found) or found > most:
        raise BadNetwork(f"{what} of {text!r} is more than a model can mean")
    return found
