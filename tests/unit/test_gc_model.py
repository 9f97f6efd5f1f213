"""The reference counting protocol, checked exhaustively on small configurations; four broken variants of it must fail.

One object at its owner, some holders, the broker between them; every link is a FIFO. The model knows only what
design.md says of lifetimes: rows are counted where a reference is sequenced, RELEASE carries how many came, FREE
carries how often the object was exported, and a closed session is not read any more. Every interleaving is tried.
What holds:

    safety    a live holder that has a reference, or to whom one is under way, finds the object
    no leak   when nothing is under way and nobody has a reference, the object and its rows are gone
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import pytest

CORRECT = "correct"
MUTANTS = [
    "the receiver registers itself",
    "RELEASE without a count",
    "FREE without exports",
    "a closed session is read",
]
REGISTERS, NO_COUNT, NO_EXPORTS, STILL_READ = MUTANTS

Queue = tuple[tuple[str, int], ...]
"""(message, number) on a link."""


@dataclass(frozen=True, slots=True)
class Holder:
    """One session that can hold references, its row at the broker, and the two links between them."""

    has: bool = False
    came: int = 0
    """References that arrived since it had none."""
    dead: bool = False
    closed: bool = False
    """The broker knows."""
    row: int = 0
    up: Queue = ()
    down: Queue = ()


@dataclass(frozen=True, slots=True)
class State:
    holders: tuple[Holder, ...]
    stored: bool = True
    exported: int = 1
    """As the owner counts it."""
    counted: int = 1
    """Exports that the broker has sequenced."""
    owner_up: Queue = ()
    owner_down: Queue = ()
    copies: int = 0
    """How many more times a holder may copy, the owner hand out, a holder die, a holder use it."""
    handouts: int = 0
    deaths: int = 0
    uses: int = 0

    def but(self, at: int, **changes: Any) -> State:
        """The same with one holder changed."""
        return replace(
            self, holders=(*self.holders[:at], replace(self.holders[at], **changes), *self.holders[at + 1 :])
        )


Move = tuple[str, State]
_HAND_OUT, _DIE = "hand out", "dies"


class Broken(Exception):
    """The protocol does not hold; the steps that lead there."""


class Protocol:
    """What can happen next in a state, in one variant of the protocol."""

    def __init__(self, variant: str = CORRECT) -> None:
        self.variant = variant

    def moves(self, state: State) -> Iterator[Move]:
        for at, holder in enumerate(state.holders):
            if not holder.dead:
                yield from self._acts(state, at, holder)
            elif not holder.closed:
                yield f"the broker closes {at}", self._close(state, at, holder)
            if holder.up and (not holder.closed or self.variant == STILL_READ):
                yield f"the broker takes {holder.up[0]} of {at}", self._take(state, at, holder)
        if state.handouts and state.stored:
            for at in range(len(state.holders)):
                up = (*state.owner_up, ("reference", at))
                changed = replace(state, exported=state.exported + 1, handouts=state.handouts - 1, owner_up=up)
                yield f"{_HAND_OUT} to {at}", changed
        if state.owner_up:
            yield "the broker takes a handed out reference", self._take_handed_out(state)
        if state.owner_down:
            yield f"the owner takes {state.owner_down[0]}", self._owner_takes(state)

    # ------------------------------------------------------------ holders

    def _acts(self, state: State, at: int, holder: Holder) -> Iterator[Move]:
        if holder.has and state.copies:
            for other in range(len(state.holders)):
                if other != at:
                    spent = replace(state, copies=state.copies - 1)
                    yield f"{at} copies to {other}", spent.but(at, up=(*holder.up, ("copy", other)))
        if holder.has and state.uses:
            yield f"{at} uses", replace(state, uses=state.uses - 1).but(at, up=(*holder.up, ("use", at)))
        if holder.has:
            release = ("release", holder.came)
            yield f"{at} drops", state.but(at, has=False, came=0, up=(*holder.up, release))
        if holder.down:
            up = (*holder.up, ("register", at)) if self.variant == REGISTERS else holder.up
            yield f"{at} receives", state.but(at, has=True, came=holder.came + 1, up=up, down=holder.down[1:])
        if state.deaths:
            yield f"{at} {_DIE}", replace(state, deaths=state.deaths - 1).but(at, has=False, came=0, dead=True)

    # ------------------------------------------------------------ the broker

    def _close(self, state: State, at: int, holder: Holder) -> State:
        up = holder.up if self.variant == STILL_READ else ()
        return self._freed_after(state, state.but(at, closed=True, row=0, up=up, down=()))

    def _freed_after(self, before: State, after: State) -> State:
        """FREE, in the step that takes the last row away."""
        if any(h.row for h in before.holders) and not any(h.row for h in after.holders):
            return replace(after, owner_down=(*after.owner_down, ("free", after.counted)))
        return after

    def _take(self, state: State, at: int, holder: Holder) -> State:
        (what, number), rest = holder.up[0], holder.up[1:]
        state = state.but(at, up=rest)
        if what == "copy":
            return state if state.holders[number].closed else self._hand_on(state, number)
        if what == "use":
            return replace(state, owner_down=(*state.owner_down, ("use", at)))
        if what == "register":
            return state.but(at, row=holder.row + 1)
        left = 0 if self.variant == NO_COUNT else max(0, holder.row - number)
        return self._freed_after(state, state.but(at, row=left))

    def _hand_on(self, state: State, at: int) -> State:
        holder = state.holders[at]
        row = holder.row + (self.variant != REGISTERS)
        return state.but(at, row=row, down=(*holder.down, ("reference", at)))

    def _take_handed_out(self, state: State) -> State:
        at = state.owner_up[0][1]
        state = replace(state, owner_up=state.owner_up[1:], counted=state.counted + 1)
        if not state.holders[at].closed:
            return self._hand_on(state, at)
        if any(h.row for h in state.holders):
            return state
        return replace(state, owner_down=(*state.owner_down, ("free", state.counted)))

    # ------------------------------------------------------------ the owner

    def _owner_takes(self, state: State) -> State:
        (what, number), rest = state.owner_down[0], state.owner_down[1:]
        state = replace(state, owner_down=rest)
        if what == "use":
            if not state.stored and not state.holders[number].dead:
                raise Broken(f"{number} uses what is gone")
            return state
        freed = number >= state.exported or self.variant == NO_EXPORTS
        return replace(state, stored=state.stored and not freed)


def violated(state: State) -> str:
    """The law of safety that a state breaks, if it does."""
    for at, holder in enumerate(state.holders):
        if not state.stored and not (holder.dead or holder.closed) and (holder.has or holder.down):
            return f"{at} has a reference, or is about to get one, to what is gone"
    return ""


def leaked(state: State, moves: list[Move]) -> bool:
    """Whether something is left although only what need not happen can happen."""
    quiet = all(_HAND_OUT in name or _DIE in name for name, _ in moves)
    nobody = not any(h.has or h.row for h in state.holders)
    return quiet and not any(h.has for h in state.holders) and (state.stored or not nobody)


def explore(variant: str = CORRECT, holders: int = 3, **budgets: int) -> int:
    """Try everything; the number of states. Raises Broken with the shortest way to what is wrong."""
    protocol = Protocol(variant)
    first = State((Holder(has=True, came=1, row=1), *(Holder() for _ in range(holders - 1))), **budgets)
    came_from: dict[State, tuple[State, str] | None] = {first: None}
    frontier = [first]
    while frontier:
        following: list[State] = []
        for state in frontier:
            try:
                moves = list(protocol.moves(state))
            except Broken as error:
                raise Broken(f"{error}: {_way(came_from, state)}") from None
            if leaked(state, moves):
                raise Broken(f"it is never freed: {_way(came_from, state)}")
            for name, after in moves:
                if after in came_from:
                    continue
                came_from[after] = (state, name)
                if what := violated(after):
                    raise Broken(f"{what}: {_way(came_from, after)}")
                following.append(after)
        frontier = following
    return len(came_from)


def _way(came_from: dict[State, tuple[State, str] | None], state: State) -> str:
    names: list[str] = []
    while (step := came_from[state]) is not None:
        state, name = step
        names.append(name)
    return "; ".join(reversed(names))


@pytest.mark.parametrize(
    ("holders", "budgets"),
    [
        (3, {"copies": 2, "handouts": 1, "deaths": 1, "uses": 1}),
        (2, {"copies": 2, "handouts": 1, "deaths": 2, "uses": 1}),
        (2, {"copies": 2, "handouts": 2, "deaths": 1}),
        (2, {"copies": 3, "handouts": 2}),
    ],
)
def test_the_protocol_holds(holders, budgets):
    assert explore(holders=holders, **budgets) > 500


@pytest.mark.parametrize("variant", MUTANTS)
def test_broken_variants_fail(variant):
    with pytest.raises(Broken):
        explore(variant, 3, copies=2, handouts=1, deaths=1, uses=1)


def test_what_goes_wrong_is_told_step_by_step():
    with pytest.raises(Broken, match="0 copies to 1; 0 drops"):
        explore(REGISTERS, 2, copies=1)


def test_a_leak_is_noticed(monkeypatch):
    monkeypatch.setattr(Protocol, "_freed_after", lambda self, before, after: after)
    with pytest.raises(Broken, match="never freed: 0 drops"):
        explore(holders=2)
