"""Rounds: contestants take turns, so that a noisy machine is noisy for all of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import NamedTuple

from farptr.bench.contestants import Contestant, Failed
from farptr.bench.peers import OURS
from farptr.bench.steps import NOT_ASKED, Sizes
from farptr.bench.works import WORKS, names_of

START_S, ROUND_S = 90.0, 60.0
"""How long a contestant may take to start, and for one round of a work."""

Tell = Callable[[str], None]


class Found(NamedTuple):
    """What was found for one figure of one contestant: a value of each round, or the reason why there is none."""

    values: list[float]
    why: str = ""


Table = dict[str, dict[str, dict[str, Found]]]
"""Work, figure, contestant."""


def measure(names: Sequence[str], works: Sequence[str], sizes: Sizes, tell: Tell) -> Table:
    """All works on all contestants; whatever fails is reported in its place, and nothing is left behind."""
    table: Table = {work: {figure: {} for figure in names_of(work, sizes)} for work in works}
    fresh = [work for work in works if WORKS[work].fresh]
    for work in fresh:
        taking_part = [name for name in names if not WORKS[work].ours_only or name == OURS]
        for number, name in _turns(taking_part, _rounds(work, sizes)):
            tell(f"{work} round {number + 1}: {name}")
            _note(table[work], name, _fresh(name, work, sizes))
        for name in set(names) - set(taking_part):
            _note(table[work], name, NOT_ASKED)
    kept = [work for work in works if work not in fresh]
    if kept:
        with _stalls(sizes, tell) as stalls:
            for work in kept:
                for number, name in _turns(names, _rounds(work, sizes)):
                    tell(f"{work} round {number + 1}: {name}")
                    _note(table[work], name, stalls.ask(name, work, sizes))
    return table


def _rounds(work: str, sizes: Sizes) -> int:
    return min(sizes.rounds, WORKS[work].rounds or sizes.rounds)


def _turns(names: Sequence[str], rounds: int) -> Iterator[tuple[int, str]]:
    """Everybody once in each round, there and back again: nobody always follows the same one."""
    for number in range(rounds):
        for name in names if number % 2 == 0 else reversed(names):
            yield number, name


def _note(figures: dict[str, dict[str, Found]], name: str, found: dict[str, float | str] | str) -> None:
    """Add one round. Who has failed in a work has no figures there: half of the rounds are no median."""
    for figure, of in figures.items():
        value = found if isinstance(found, str) else found.get(figure, "not measured")
        before = of.get(name, Found([]))
        if before.why:
            continue
        of[name] = Found([], value) if isinstance(value, str) else Found([*before.values, value])


def _fresh(name: str, work: str, sizes: Sizes) -> dict[str, float | str] | str:
    contestant = Contestant(name)
    well = False
    try:
        found = contestant.ask(work, sizes, START_S)
        well = True
    except Failed as failed:
        return f"failed: {failed.message}"
    finally:
        contestant.end(patient=well)
    return found


class _Stalls:
    """The contestants that are up. One that failed is ended, and started once more for the next work."""

    def __init__(self, sizes: Sizes, tell: Tell) -> None:
        self._sizes, self._tell = sizes, tell
        self._up: dict[str, Contestant] = {}
        self._out: dict[tuple[str, str], str] = {}

    def ask(self, name: str, work: str, sizes: Sizes) -> dict[str, float | str] | str:
        """One round; who has failed in this work is not asked again for it."""
        if (name, work) in self._out:
            return self._out[name, work]
        try:
            return self._contestant(name).ask(work, sizes, ROUND_S)
        except Failed as failed:
            self._tell(f"{name} failed in {work}: {failed.message}")
            self._out[name, work] = f"failed: {failed.message}"
            if name in self._up:
                self._up.pop(name).end(patient=False)
            return self._out[name, work]
        except BaseException:
            self.end(patient=False)
            raise

    def _contestant(self, name: str) -> Contestant:
        if name not in self._up:
            self._tell(f"starting {name}")
            self._up[name] = Contestant(name)
            self._up[name].ask("start", self._sizes, START_S)
        return self._up[name]

    def end(self, *, patient: bool = True) -> None:
        """End them all."""
        while self._up:
            _, contestant = self._up.popitem()
            contestant.end(patient=patient)


@contextmanager
def _stalls(sizes: Sizes, tell: Tell) -> Iterator[_Stalls]:
    stalls = _Stalls(sizes, tell)
    try:
        yield stalls
    finally:
        stalls.end()
