"""What is under way, and what has to wait for it.

Laws
    1. A session is settled when every envelope that was routed to a worker on its behalf has its DONE.
    2. An envelope with FENCE waits at the head of its client's input until the session is settled; what stands behind
       it waits with it. Envelopes from workers never wait, nor do questions about the run (ASK) without FENCE.
    3. With ALL it waits for every session, but only for what was under way when its turn came, and what follows from
       that: each ALL begins a new *phase*, and what a worker sends belongs to the phase of its turn. So nobody waits
       for what others issue later, and others do not wait for it.
"""

from __future__ import annotations

from collections import Counter, deque
from typing import Any, NamedTuple

from farptr.protocol.header import Flag, Header, Kind, Ones

_ASK, _CANCEL, _IDLE = int(Kind.ASK), int(Kind.CANCEL), int(Kind.IDLE)
_BULK = frozenset({int(Kind.PART), int(Kind.TAKEN)})
_FENCE, _ALL = Flag.FENCE, Flag.ALL

_AT_ONCE = frozenset({_ASK, _CANCEL, _IDLE}) | _BULK

Free = tuple[int, int]
"""(name, exports) of an object that nobody holds any more."""


class Input(NamedTuple):
    """One envelope as it came."""

    header: Header
    frame: bytes
    """Header and body."""
    end: int
    """Where in it the body begins."""
    buffers: tuple[Any, ...]


class Turn(NamedTuple):
    """One envelope that a worker has or will get, and has not finished."""

    root: int
    frees: Ones | tuple[Free, ...] = ()
    commands: bool = True
    """Not only something to free."""
    units: int = 1
    """What it weighs in its worker's queue, see ``units_of``."""
    phase: int = 0


class Line:
    """How far a worker is with what was routed to it, in units."""

    __slots__ = ("done", "marks", "routed")

    def __init__(self) -> None:
        self.routed = 0
        self.done = 0
        self.marks: deque[tuple[int, int, int]] = deque()
        """(units that must be done, session, sequence) of the marks that wait for that; the units grow."""

    def answered(self) -> list[tuple[int, int]]:
        """(session, sequence) of the marks that need not wait any more; they are taken away."""
        found = []
        while self.marks and self.marks[0][0] <= self.done:
            found.append(self.marks.popleft()[1:])
        return found


class Session:
    """What the broker knows of one client."""

    __slots__ = ("alive", "count", "done", "input", "marks", "number")

    def __init__(self, number: int) -> None:
        self.number = number
        self.alive = True
        self.count = 0
        """Envelopes routed to workers on this session's behalf and not yet done."""
        self.done = 0
        """Envelopes done since the session began; a client that waits sees progress by it."""
        self.input: deque[Input] = deque()
        """What waits, in order; everything that arrives goes behind it."""
        self.marks: list[int] = []
        """Marks that wait for the session as a whole."""


class Settling:
    """The sessions of a run, and the turns of its workers."""

    def __init__(self) -> None:
        self.sessions: dict[int, Session] = {}
        self.turns: dict[int, deque[Turn]] = {}
        """For each live worker, what it has not finished, in the order in which it was routed."""
        self.lines: dict[int, Line] = {}
        """For each live worker."""
        self.total = 0
        """Sum of all sessions' counts."""
        self.waiting: dict[int, None] = {}
        """Sessions whose input is not empty, in the order in which they began to wait."""
        self.phase = 0
        """Of what a client sends now."""
        self.under_way: dict[int, int] = {}
        """Envelopes that are under way, by phase."""
        self.alls: dict[int, int] = {}
        """Sessions whose head of input carries ALL and waits, and the last phase that it waits for."""
        self.stopped: dict[int, str] = {}
        """Workers that have work and are stopped, with what is known."""

    # ------------------------------------------------------------ who comes and goes

    def begin_client(self, number: int) -> None:
        """A client has registered."""
        self.sessions[number] = Session(number)

    def begin_for_nobody(self, number: int) -> int:
        """Something is to be done that no client asked for: a root for it; ``forget_if_over`` comes next."""
        self.sessions[number] = session = Session(number)
        session.alive = False
        return number

    def begin_worker(self, number: int) -> None:
        """A worker has registered."""
        self.turns[number] = deque()
        self.lines[number] = Line()

    def lose_worker(self, worker: int) -> Counter[int]:
        """What was under way to a worker that is gone will never be done: how many envelopes with commands, by root."""
        turns = self.turns.pop(worker)
        del self.lines[worker]
        self.stopped.pop(worker, None)
        for turn in turns:
            self._count_down(turn)
        return Counter(turn.root for turn in turns if turn.commands)

    def stall(self, worker: int, why: str) -> None:
        """A worker that has work is stopped, or (without a reason) goes on."""
        if why and worker in self.turns:
            self.stopped[worker] = why
        else:
            self.stopped.pop(worker, None)

    def lose_client(self, number: int) -> Session:
        """A client is gone: nothing of it waits any more; ``forget_if_over`` comes next."""
        session = self.sessions[number]
        session.alive = False
        session.input.clear()
        self.waiting.pop(number, None)
        self.alls.pop(number, None)
        return session

    def forget_if_over(self, session: Session) -> None:
        """Forget a closed session; it is kept while envelopes of it are under way, whose turns still count for it."""
        if not session.alive and not session.count:
            self.sessions.pop(session.number, None)

    # ------------------------------------------------------------ under way

    def route(self, worker: int, turn: Turn) -> None:
        """An envelope goes to a worker."""
        self.turns[worker].append(turn)
        self.lines[worker].routed += turn.units
        self.sessions[turn.root].count += 1
        self.total += 1
        self.under_way[turn.phase] = self.under_way.get(turn.phase, 0) + 1

    def phase_of(self, party: int) -> int:
        """To which phase belongs what this party sends."""
        turns = self.turns.get(party)
        return turns[0].phase if turns else self.phase

    def finish(self, worker: int) -> Turn:
        """A worker has finished its oldest turn."""
        turn = self.turns[worker].popleft()
        self.lines[worker].done += turn.units
        self._count_down(turn)
        return turn

    def _count_down(self, turn: Turn) -> None:
        left = self.under_way[turn.phase] - 1
        if left:
            self.under_way[turn.phase] = left
        else:
            del self.under_way[turn.phase]
        session = self.sessions[turn.root]
        session.count -= 1
        session.done += 1
        self.total -= 1
        if not session.alive:
            self.forget_if_over(session)

    # ------------------------------------------------------------ waiting

    def waits(self, number: int, item: Input) -> bool:
        """Whether an envelope that a client just sent has to wait; then it stands in its input."""
        session, header = self.sessions[number], item.header
        if header.kind in _AT_ONCE and not header.flags & _FENCE:
            return False  # a client asks about progress, or gives up, while what it waits for stands here
        if session.input or self._must_wait(session, header):
            self.waiting[number] = None
            session.input.append(item)
            return True
        return False

    def put_first(self, number: int, item: Input) -> None:
        """Something that stands before all that waits."""
        self.sessions[number].input.appendleft(item)
        self.waiting[number] = None

    def cancel(self, number: int, sequence: int) -> Input | None:
        """A client gave up what waits in its input with a FENCE: only what it releases, and its order, are kept.

        Gives what was given up.
        """
        session = self.sessions[number]
        at = next((i for i, item in enumerate(session.input) if item.header.sequence == sequence), -1)
        header = session.input[at].header if at >= 0 else None
        if header is None or not header.flags & _FENCE or header.creates or header.refs or header.buffers:
            return None
        # What stands behind it was issued in the belief that the fence stands: it goes on waiting for this session.
        last = at == len(session.input) - 1
        note = Header(Kind.NOTE, 0 if last else _FENCE, sequence=sequence, root=number, releases=header.releases)
        given_up, session.input[at] = session.input[at], Input(note, b"", 0, ())
        if at == 0:
            self.alls.pop(number, None)
        return given_up

    def _must_wait(self, session: Session, header: Header) -> bool:
        flags = header.flags
        if not flags & _FENCE:
            return False
        if not flags & _ALL:
            return session.count > 0
        if not self.total:
            return False
        upto = self.alls.get(session.number)
        if upto is None:
            upto = self.alls[session.number] = self.phase
            self.phase += 1
        return min(self.under_way) <= upto

    def behind(self, number: int) -> int:
        """A stopped worker that the first of a client's waiting envelopes waits for; 0 for none."""
        session = self.sessions[number]
        if not session.input:
            return 0
        upto = self.alls.get(number, -1)
        mine = (w for w in self.stopped if any(t.phase <= upto or t.root == number for t in self.turns[w]))
        return next(mine, 0)

    def next_ready(self) -> tuple[int, Input] | None:
        """The next envelope that need not wait any more, and whose it is."""
        for number in self.waiting:
            session = self.sessions.get(number)
            if session and session.input and not self._must_wait(session, session.input[0].header):
                item = session.input.popleft()
                self.alls.pop(number, None)
                if not session.input:
                    self.waiting.pop(number, None)
                return number, item
        return None

    def check(self) -> None:
        """Assert the laws that one look can see."""
        assert self.total == sum(s.count for s in self.sessions.values()), "the total is not the sum"
        assert self.total == sum(len(q) for q in self.turns.values()), "turns and counts differ"
        for number, session in self.sessions.items():
            assert session.count >= 0, f"session {number} is below zero"
        assert self.total == sum(self.under_way.values()), "the total is not the sum of the phases"
        assert all(self.under_way.values()), "an empty phase"
        for number in self.alls:
            assert self.sessions[number].input, f"session {number} waits with ALL and has no input"
        waiting = [s for s in self.sessions.values() if s.input]
        assert set(self.waiting) == {s.number for s in waiting}, "waiting does not list the inputs"
        for session in waiting:
            assert self._must_wait(session, session.input[0].header), f"session {session.number} waits for nothing"
