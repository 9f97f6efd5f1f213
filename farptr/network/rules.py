"""Rules: what happens to single envelopes, whatever the links do.

Law
    The first rule that fits decides; one with ``times`` fits that often. Without one an envelope passes.
    There is no rule that could never decide, since another before it always does.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Mapping
from typing import Any, Self

from farptr.network.network import ANY, Pair, party_name
from farptr.network.units import time_s
from farptr.protocol.errors import BadNetwork

PASS, DELAY, DROP = "pass", "delay", "drop"
VERDICTS = (PASS, DELAY, DROP)
WHATS = ("sent", "pushed", "fetched")
"""From a client to a worker; from worker to worker; from a worker to a client."""


@dataclasses.dataclass(frozen=True)
class Rule:
    """Envelopes of one kind between two parties; ``"*"`` stands for any."""

    do: str
    source: str = ANY
    destination: str = ANY
    what: str = ANY
    delay: str = ""
    """How much, with a unit."""
    times: int | None = None
    """How often; None for always."""

    def __post_init__(self) -> None:
        party_name(self.source)
        party_name(self.destination)
        if self.do not in VERDICTS:
            raise BadNetwork(f"a rule cannot {self.do!r}", hint=f"it can {', '.join(VERDICTS)}")
        if self.what not in (*WHATS, ANY):
            raise BadNetwork(f"no envelope is {self.what!r}", hint=f"they are {', '.join(WHATS)}")
        if (self.do == DELAY) != bool(self.delay):
            raise BadNetwork("a rule that delays says by how much, and no other does", hint='do="delay", delay="1 s"')
        if self.delay:
            time_s(self.delay, "a delay")
        if self.times is not None and (not isinstance(self.times, int) or self.times < 1):
            raise BadNetwork(f"a rule for {self.times!r} times: at least once is meant")

    def fits(self, pair: Pair, what: str) -> bool:
        """Whether it is about that envelope."""
        return self.source in (ANY, pair[0]) and self.destination in (ANY, pair[1]) and self.what in (ANY, what)

    def covers(self, other: Rule) -> bool:
        """Whether it decides about all that the other means, and always."""
        pairs = zip(self._about(), other._about(), strict=True)
        return self.times is None and all(mine in (ANY, its) for mine, its in pairs)

    def _about(self) -> tuple[str, str, str]:
        return (self.source, self.destination, self.what)

    @classmethod
    def from_table(cls, table: Mapping[str, Any]) -> Self:
        """In plain values; raises BadNetwork."""
        try:
            return cls(**table)
        except TypeError as error:
            raise BadNetwork(f"a malformed rule: {error}") from None


class Rules:
    """All rules of a run, in order."""

    def __init__(self) -> None:
        self._rules: dict[int, Rule] = {}
        self._left: dict[int, int] = {}
        self._numbers = itertools.count(1)

    def add(self, rule: Rule) -> int:
        """One more, behind the others; its number. Raises BadNetwork for one that another contradicts for good."""
        for other in self._rules.values():
            if other.covers(rule):
                raise BadNetwork(
                    f"a rule for envelopes {_said(other)} says {other.do!r} already, and always: one for envelopes "
                    f"{_said(rule)} would never decide",
                    hint="take that one away first; the first rule that fits decides, so exceptions come before it",
                )
        number = next(self._numbers)
        self._rules[number] = rule
        if rule.times is not None:
            self._left[number] = rule.times
        return number

    def take(self, number: int) -> bool:
        """Take one away; whether it was still there."""
        self._left.pop(number, None)
        return self._rules.pop(number, None) is not None

    def verdict(self, pair: Pair, what: str) -> tuple[float, str]:
        """(seconds of delay, why it is dropped or nothing) for an envelope."""
        for number, rule in self._rules.items():
            if rule.fits(pair, what):
                if number in self._left:
                    self._left[number] -= 1
                    if not self._left[number]:
                        self.take(number)
                delay_s = time_s(rule.delay) if rule.delay else 0.0
                return delay_s, "a rule says so" if rule.do == DROP else ""
        return 0.0, ""

    def rows(self) -> list[tuple[int, dict[str, Any]]]:
        """(number, rule) in plain values."""
        return [(number, dataclasses.asdict(rule)) for number, rule in self._rules.items()]


def _said(rule: Rule) -> str:
    of = "" if rule.what == ANY else f"that are {rule.what} "
    return f"{of}from {rule.source} to {rule.destination}"
