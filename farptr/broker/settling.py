"""What is under way, and what has to wait for it.

Laws
    1. A session is settled when every envelope that was routed to a worker on its behalf has its DONE.
    2. An envelope with FENCE waits at the head of its client's input until the session is settled (with ALL: until
       every session is); what stands behind it waits with it. Envelopes from workers never wait, nor do questions
       about the run (ASK) without FENCE.
    3. An ALL that waits keeps the other clients' inputs waiting too, or it might wait for ever.
"""

from __future__ import annotations

from collections import deque
from typing import Any, NamedTuple

from farptr.protocol.header import Flag, Header, Kind

_ASK, _FENCE, _ALL = int(Kind.ASK), Flag.FENCE, Flag.ALL

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
    frees: tuple[Free, ...] = ()


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


class Settling:
    """The sessions of a run, and the turns of its workers."""

    def __init__(self) -> None:
        self.sessions: dict[int, Session] = {}
        self.turns: dict[int, deque[Turn]] = {}
        """For each live worker, what it has not finished, in the order in which it was routed."""
        self.total = 0
        """Sum of all sessions' counts."""
        self.waiting: dict[int, None] = {}
        """Sessions whose input is not empty, in the order in which they began to wait."""
        self.barrier: deque[int] = deque()
        """Sessions whose head of input carries ALL and waits."""

    # ------------------------------------------------------------ who comes and goes

    def begin_client(self, number: int) -> None:
        """A client has registered."""
        self.sessions[number] = Session(number)

    def begin_worker(self, number: int) -> None:
        """A worker has registered."""
        self.turns[number] = deque()

    def lose_worker(self, worker: int) -> None:
        """What was under way to a worker that is gone will never be done."""
        for turn in self.turns.pop(worker):
            self._count_down(turn.root)

    def lose_client(self, number: int) -> Session:
        """A client is gone: nothing of it waits any more; ``forget_if_over`` comes next."""
        session = self.sessions[number]
        session.alive = False
        session.input.clear()
        self.waiting.pop(number, None)
        self.barrier = deque(s for s in self.barrier if s != number)
        return session

    def forget_if_over(self, session: Session) -> None:
        """Forget a closed session; it is kept while envelopes of it are under way, whose turns still count for it."""
        if not session.alive and not session.count:
            self.sessions.pop(session.number, None)

    # ------------------------------------------------------------ under way

    def route(self, worker: int, turn: Turn) -> None:
        """An envelope goes to a worker."""
        self.turns[worker].append(turn)
        self.sessions[turn.root].count += 1
        self.total += 1

    def finish(self, worker: int) -> Turn:
        """A worker has finished its oldest turn."""
        turn = self.turns[worker].popleft()
        self._count_down(turn.root)
        return turn

    def _count_down(self, root: int) -> None:
        session = self.sessions[root]
        session.count -= 1
        session.done += 1
        self.total -= 1
        if not session.alive:
            self.forget_if_over(session)

    # ------------------------------------------------------------ waiting

    def waits(self, number: int, item: Input) -> bool:
        """Whether an envelope that a client just sent has to wait; then it stands in its input."""
        session, header = self.sessions[number], item.header
        if header.kind == _ASK and not header.flags & _FENCE:
            return False  # a client asks about progress while what it waits for stands here
        if session.input or self._must_wait(session, header):
            self.waiting[number] = None
            session.input.append(item)
            return True
        return False

    def put_first(self, number: int, item: Input) -> None:
        """Something that stands before all that waits."""
        self.sessions[number].input.appendleft(item)
        self.waiting[number] = None

    def _must_wait(self, session: Session, header: Header) -> bool:
        if self.barrier and self.barrier[0] != session.number:
            return True
        flags = header.flags
        if not flags & _FENCE:
            return False
        if flags & _ALL:
            if not self.total:
                return False
            if session.number not in self.barrier:
                self.barrier.append(session.number)
            return True
        return session.count > 0

    def next_ready(self) -> tuple[int, Input] | None:
        """The next envelope that need not wait any more, and whose it is; those of waiting ALLs come first."""
        for number in (*self.barrier, *self.waiting):
            session = self.sessions.get(number)
            if session and session.input and not self._must_wait(session, session.input[0].header):
                item = session.input.popleft()
                if self.barrier and self.barrier[0] == number:
                    self.barrier.popleft()
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
        for number in self.barrier:
            assert self.sessions[number].input, f"session {number} waits with ALL and has no input"
        waiting = [s for s in self.sessions.values() if s.input]
        assert set(self.waiting) == {s.number for s in waiting}, "waiting does not list the inputs"
        for session in waiting:
            assert self._must_wait(session, session.input[0].header), f"session {session.number} waits for nothing"
