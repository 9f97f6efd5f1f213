"""What clients called and what they got, what broke meanwhile, and whether that is one outcome for each call.

The checker replays each client's calls on boxes (``model`` explains them), without any code of farptr. It knows the
time of every call and of every loss. What a lost worker may have kept from happening is in *doubt* from the moment of
the loss on: what was read before that is exact; what is read later is one of the values that could be, or an error of
loss.
"""

from __future__ import annotations

import itertools
from typing import Any, NamedTuple

import numpy as np

INF = float("inf")


class Wrong(AssertionError):
    """An outcome that no history allows."""


class Failure(NamedTuple):
    """An error as a call raised it."""

    type: str
    kind: str = ""
    """Class name at the worker, for what was reported by one."""
    command: int = 0
    worker: int = 0
    """The lost worker's party number."""
    definite: bool = True
    text: str = ""


class Call:
    """One call of one client."""

    def __init__(self, client: int, kind: str, began: float, details: dict[str, Any]) -> None:
        self.client, self.kind, self.began, self.details = client, kind, began, details
        self.ended = INF
        self.outcome: Any = None
        """What it gave, a Failure, or (for sync) a list of those."""
        self.commands: tuple[int, int] = (0, 0)
        """Command numbers before and after."""

    def __getattr__(self, name: str) -> Any:
        try:
            return self.__dict__["details"][name]
        except KeyError:
            raise AttributeError(name) from None

    @property
    def failed(self) -> bool:
        return isinstance(self.outcome, Failure)

    def __str__(self) -> str:
        details = " ".join(f"{k}={v}" for k, v in self.details.items())
        when = f"{self.began:>5}-{self.ended:<5} me{self.client} #{self.commands[1]}"
        return f"{when} {self.kind} {details} => {self.outcome}"


class Event(NamedTuple):
    """Something broke, or came."""

    at: float
    kind: str
    number: int


class History:
    """Calls and events in one order."""

    def __init__(self) -> None:
        self._clock = itertools.count(1)
        self.calls: list[Call] = []
        self.events: list[Event] = []

    def note(self, kind: str, number: int) -> None:
        self.events.append(Event(next(self._clock), kind, number))

    def begin(self, client: int, kind: str, commands: int, **details: Any) -> Call:
        call = Call(client, kind, next(self._clock), details)
        call.commands = (commands, commands)
        self.calls.append(call)
        return call

    def end(self, call: Call, outcome: Any, commands: int) -> None:
        call.outcome, call.ended, call.commands = outcome, next(self._clock), (call.commands[0], commands)

    def first(self, *kinds: str, number: int = 0) -> float:
        """When the first event of these kinds was (of that party); infinity if there was none."""
        return min((e.at for e in self.events if e.kind in kinds and number in (0, e.number)), default=INF)

    def losses(self) -> dict[int, float]:
        """When each lost worker was lost."""
        return {e.number: e.at for e in self.events if e.kind in ("kill_worker", "cut_worker")}

    def __str__(self) -> str:
        lines: list[tuple[float, str]] = [(c.began, str(c)) for c in self.calls]
        lines += [(e.at, f"{e.at:>5} *** {e.kind} {e.number or ''}") for e in self.events]
        return "\n".join(text for _, text in sorted(lines))


def same(a: Any, b: Any) -> bool:
    both = isinstance(a, np.ndarray) and isinstance(b, np.ndarray)
    return both and a.dtype == b.dtype and a.shape == b.shape and bool((a == b).all())


def is_text(outcome: Any, text: str) -> bool:
    return isinstance(outcome, str) and outcome == text
