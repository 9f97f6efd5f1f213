"""What work takes under a virtual clock.

| written | a turn (what an envelope has a worker do) takes |
|---|---|
| ``"5 ms"`` | always that |
| ``{"operation": "1 ms", "matmul": "20 ms"}`` | what stands by an operation's name, else ``operation``; ``turn`` once |
| ``{"fn:train": "20 s"}`` | the same for a function on a worker |
| ``"2 GFLOP/s"`` | its floating-point operations (``flops``) at that speed |
| ``{"worker": {"julie": …}, "else": …}`` | what stands by the worker's name, else by ``else`` |
| ``{"measured": "costs.json"}`` | what it took when it was measured: a first run writes the file, others replay it |

Laws
    What a turn costs depends on its commands and on the shapes of arrays; on the real clock only where it is measured.
    A table names operations that there are: a misspelt one would cost nothing, and nobody would notice.
"""

from __future__ import annotations

import json
import math
import os
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

from farptr.clock.named import known_as, unknown
from farptr.network.units import time_s
from farptr.protocol.errors import BadClock
from farptr.protocol.names import did_you_mean

Plain = dict[str, Any]
FREE: Plain = {"turn": 0.0}
"""Work takes no time: only the network does."""
_RATE = re.compile(r"\s*(\d+\.?\d*(?:[eE][-+]?\d+)?)\s*([kMGT]?)FLOP/s\s*")
_SCALES = {"": 1.0, "k": 1e3, "M": 1e6, "G": 1e9, "T": 1e12}
OPERATION, TURN, FLOPS = "operation", "turn", "flops"
_FORMAT = 1


def costs_of(given: Any) -> Plain:
    """What a user wrote, in plain values: seconds, and FLOP/s; raises BadClock, BadNetwork (a time without a unit)."""
    if given is None:
        return FREE
    if isinstance(given, Mapping) and "measured" in given:
        if set(given) != {"measured"} or not isinstance(given["measured"], str | os.PathLike):
            raise BadClock(f"{dict(given)!r}: `measured` stands alone, with the name of a file")
        path = Path(given["measured"]).absolute()
        if not os.access(path.parent, os.W_OK):
            raise BadClock(f"no measured costs can be written to {path}", hint="name a file in a folder that is there")
        Record(path)  # raises here, and not in the broker
        return {"measured": str(path)}
    if isinstance(given, Mapping) and "worker" in given:
        if set(given) - {"worker", "else"} or not isinstance(given["worker"], Mapping):
            raise BadClock(f"{dict(given)!r}: beside `worker`, which is a table by name, there can only be `else`")
        by_name = {str(name): _table_of(cost) for name, cost in given["worker"].items()}
        return {"worker": by_name, "else": _table_of(given.get("else"))}
    return _table_of(given)


def _table_of(given: Any) -> Plain:
    if given is None:
        return FREE
    if isinstance(given, str):
        match = _RATE.fullmatch(given)
        if match is None:
            return {TURN: time_s(given, "a cost")}
        rate = float(match[1]) * _SCALES[match[2]]
        if not 0 < rate < math.inf:
            raise BadClock(f"a speed of {given!r}: no work would ever be done")
        return {FLOPS: rate}
    if not isinstance(given, Mapping) or not all(isinstance(name, str) for name in given):
        raise BadClock(
            f"{given!r} is no cost", hint='a time ("5 ms"), a speed ("2 GFLOP/s"), or a table of times by operation'
        )
    found = {name: time_s(cost, f"the cost of {name}") for name, cost in given.items()}
    _check_names(given)
    return found


def _check_names(names: Collection[str]) -> None:
    for name in names:
        known = () if name in (OPERATION, TURN) else unknown(name)
        if known:
            near = did_you_mean(name, (OPERATION, TURN, *known))
            raise BadClock(
                f"a cost of {name!r}: there is no such operation",
                hint=near if near.startswith("did") else "a name as in docs/semantics.md, or as torch has it",
            )


def for_worker(costs: Plain, name: str) -> Plain:
    """What holds for one worker."""
    if "worker" not in costs:
        return costs
    found: Plain = costs["worker"].get(name, costs["else"])
    return found


def constant_s(costs: Plain) -> float | None:
    """What each turn costs, where that depends on nothing; None where the worker has to tell."""
    return costs[TURN] if set(costs) == {TURN} else None


class Meter:
    """Adds up what a turn costs, at the worker."""

    def __init__(self, costs: Plain) -> None:
        self._costs = costs
        self._turn_s: float = costs.get(TURN, 0.0)
        self._each_s: float = costs.get(OPERATION, 0.0)
        self._rate = costs.get(FLOPS)
        self._spent_s: float = self._turn_s

    @property
    def by_speed(self) -> bool:
        """Whether it counts floating-point operations."""
        return self._rate is not None

    def spend(self, flops: float) -> None:
        """So many were carried out."""
        if self._rate is not None:
            self._spent_s += flops / self._rate

    def note(self, operation: str, operands: Sequence[Any], made: Any) -> None:
        """One operation was carried out."""
        if self._rate is not None:
            self.spend(flops(operation, operands, made))
        else:
            cost_s = self._costs.get(known_as(operation))
            self._spent_s += self._each_s if cost_s is None else cost_s

    def wrapped(self, run: Callable[..., Any]) -> Callable[..., Any]:
        """A function that runs operations, and then notes them here; what fails is noted, too."""

        def noted(operation: str, operands: Sequence[Any], *more: Any) -> Any:
            made = None
            try:
                made = run(operation, operands, *more)
            finally:
                self.note(operation, operands, made)
            return made

        return noted

    def take_ns(self) -> int:
        """What the turn that ends now cost; the next one begins."""
        spent_s, self._spent_s = self._spent_s, self._turn_s
        return round(spent_s * 1e9)


def flops(operation: str, operands: Sequence[Any], made: Any) -> float:
    """About how many floating-point operations one takes: 2·m·n·k for products, else one for each element."""
    sizes = [getattr(value, "size", 1) for value in operands]
    results = made if isinstance(made, list) else [made]
    made_size = sum(getattr(value, "size", 1) for value in results)
    name = known_as(operation).rpartition(".")[2]
    if name in _PRODUCTS and len(operands) >= 2:
        shape = getattr(operands[0], "shape", ())
        return 2.0 * made_size * (shape[-1] if shape else 1)
    if name in _CONTRACTIONS and len(operands) >= 2:
        return 2.0 * math.sqrt(sizes[0] * sizes[1] * made_size)  # of m·k, k·n and m·n elements
    if name in _MOVES:
        return 0.0
    return float(max([made_size, *sizes]))


_PRODUCTS = frozenset({"matmul", "dot", "inner", "matvec", "vecmat", "vecdot"})
"""The last axis of the first operand is summed over."""
_CONTRACTIONS = frozenset({"vdot", "tensordot"})
"""Any axes are."""
_MOVES = frozenset(
    {
        "T",
        "mT",
        "reshape",
        "transpose",
        "permute_dims",
        "matrix_transpose",
        "ravel",
        "[]",
        "view",
        "swapaxes",
        "squeeze",
    }
)
"""What makes views computes nothing."""


class Record:
    """Costs that were measured: for each worker, those of its turns in order."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)
        self.replays = self.path.exists()
        """Whether they are taken from the file; else they are written to it."""
        self.turns: dict[str, list[float]] = {}
        self._at: dict[str, int] = {}
        if self.replays:
            self._read()

    def _read(self) -> None:
        try:
            found = json.loads(self.path.read_text(encoding="utf-8"))
            if found["format"] != _FORMAT:
                raise ValueError("another format")
            self.turns = {str(name): [float(cost) for cost in costs] for name, costs in found["turns"].items()}
            if any(not 0 <= cost < math.inf for costs in self.turns.values() for cost in costs):
                raise ValueError("a cost below zero")
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise BadClock(
                f"{self.path} holds no measured costs: {error}", hint="remove it, and the next run measures anew"
            ) from None

    def next_s(self, worker: str) -> float | None:
        """What the next turn of that worker costs, beyond the file's end their mean. None: it is measured."""
        if not self.replays:
            return None
        costs = self.turns.get(worker, [])
        at = self._at.get(worker, 0)
        self._at[worker] = at + 1
        return costs[at] if at < len(costs) else sum(costs) / len(costs) if costs else 0.0

    def add(self, worker: str, cost_s: float) -> None:
        """A turn was measured."""
        if not self.replays:
            self.turns.setdefault(worker, []).append(cost_s)

    def write(self) -> None:
        """Keep what was measured; raises OSError."""
        if self.replays or not self.turns:
            return
        text = json.dumps({"format": _FORMAT, "unit": "s", "turns": self.turns})
        fresh = self.path.with_name(f".{self.path.name}.new")
        fresh.write_text(text + "\n", encoding="utf-8")
        fresh.replace(self.path)
