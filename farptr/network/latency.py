"""How long a message is under way: a constant, or a distribution.

| written | drawn |
|---|---|
| ``50ms`` | always that |
| ``uniform(10ms, 50ms)`` | between the two |
| ``normal(50ms, 5ms)`` | mean and standard deviation; below 0 counts as 0 |
| ``exponential(50ms)`` | mean |
| ``lognormal(50ms, 0.5)`` | median, and the standard deviation of the logarithm |
| ``times(20ms, 30ms)`` | one after the other, again from the start |
| ``trace(FILE)`` | the same, from the lines of a file |

Law
    A file is read where ``trace`` was written, and travels as its ``times``: brokers read no file that a client names.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from farptr.network.units import time_s
from farptr.protocol.errors import BadNetwork

if TYPE_CHECKING:
    from random import Random

_CALL = re.compile(r"\s*([a-z]+)\s*\((.*)\)\s*")
_READS_A_FILE = re.compile(r"\s*trace\s*\(")
_MAX_TIMES = 10_000


class Latency(NamedTuple):
    """A distribution of seconds."""

    text: str
    """As it was written."""
    kind: str
    values: tuple[float, ...]

    def draw(self, rng: Random, count: int) -> float:
        """Seconds for the message of that number; a constant and ``times`` ask nothing of ``rng``."""
        return max(0.0, _DRAW[self.kind](self.values, rng, count))

    @property
    def typical_s(self) -> float:
        """The mean; the median of a lognormal."""
        return _TYPICAL[self.kind](self.values)


_DRAW: dict[str, Callable[[tuple[float, ...], Random, int], float]] = {
    "constant": lambda v, rng, n: v[0],
    "uniform": lambda v, rng, n: rng.uniform(v[0], v[1]),
    "normal": lambda v, rng, n: rng.gauss(v[0], v[1]),
    "exponential": lambda v, rng, n: rng.expovariate(1 / v[0]) if v[0] else 0.0,
    "lognormal": lambda v, rng, n: v[0] * math.exp(rng.gauss(0.0, v[1])),
    "times": lambda v, rng, n: v[n % len(v)],
}
_TYPICAL: dict[str, Callable[[tuple[float, ...]], float]] = {
    "uniform": lambda v: (v[0] + v[1]) / 2,
    "times": lambda v: sum(v) / len(v),
} | dict.fromkeys(("constant", "normal", "exponential", "lognormal"), lambda v: v[0])
_ARGUMENTS = {"uniform": "tt", "normal": "tt", "exponential": "t", "lognormal": "tn"}
NONE = Latency("0s", "constant", (0.0,))


def latency(text: object) -> Latency:
    """What a user wrote; raises BadNetwork."""
    match = _CALL.fullmatch(text) if isinstance(text, str) else None
    if match is None:
        return Latency(str(text), "constant", (time_s(text, "a latency"),))
    kind, inside = match[1], match[2].strip()
    if kind == "trace":
        return _times(_lines_of(inside), f"the trace {inside!r}")
    if kind == "times":
        return _times(inside.split(","), "`times`")
    wanted = _ARGUMENTS.get(kind)
    if wanted is None:
        known = ", ".join((*_ARGUMENTS, "times", "trace"))
        raise BadNetwork(f"{kind!r} is no distribution of latency", hint=f"a time, or one of {known}")
    words = [word.strip() for word in inside.split(",")]
    if len(words) != len(wanted) or not all(words):
        raise BadNetwork(f"{kind} takes {len(wanted)} values, not {inside!r}")
    values = tuple([
        time_s(word, f"{kind}'s value") if sort == "t" else _number(word, kind)
        for word, sort in zip(words, wanted, strict=True)
    ])  # fmt: skip
    if kind == "uniform" and values[0] > values[1]:
        raise BadNetwork(f"{text}: from more to less")
    return Latency(str(text), kind, values)


def _number(word: str, kind: str) -> float:
    try:
        value = float(word)
    except ValueError:
        value = math.nan
    if not 0 <= value <= 10:
        raise BadNetwork(f"{kind}'s second value is a plain number between 0 and 10, not {word!r}")
    return value


def reads_a_file(plain: object) -> bool:
    """Whether something in plain values has a ``trace`` in it."""
    left = [plain]
    while left:
        one = left.pop()
        if isinstance(one, str) and _READS_A_FILE.match(one):
            return True
        if isinstance(one, Mapping | list | tuple):
            left += one.values() if isinstance(one, Mapping) else one
    return False


def short(text: str) -> str:
    """A description for people: of many times only the first ones."""
    return text if len(text) <= 60 else f"{text[:40].rpartition(',')[0] or text[:40]}, …)"


def _times(words: Sequence[str], what: str) -> Latency:
    if not 0 < len(words) <= _MAX_TIMES:
        raise BadNetwork(f"{what} has {len(words)} times; from 1 to {_MAX_TIMES:,} are meant")
    values = tuple(time_s(word, f"a time of {what}") for word in words)
    return Latency(f"times({', '.join(f'{value!r} s' for value in values)})", "times", values)


def _lines_of(name: str) -> list[str]:
    try:
        lines = Path(name).read_text(encoding="utf-8").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise BadNetwork(f"the trace {name!r} cannot be read: {error}") from None
    return [line for line in map(str.strip, lines) if line and not line.startswith("#")]
