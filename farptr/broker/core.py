"""The broker's decisions: routing, order, rows, settling. No socket, clock or thread.

Laws
    1. First in, first out per sender. One envelope is one step: rows, queueing and counting happen together.
    2. A session is settled when every envelope that was routed to a worker on its behalf has its DONE.
    3. An envelope with FENCE waits at the head of its client's input until the session is settled (with ALL: until
       every session is); what stands behind it waits with it. Envelopes from workers never wait, nor do questions
       about the run (ASK) without FENCE.
    4. An ALL that waits keeps the other clients' inputs waiting too, or it might wait for ever.
    5. FREE counts for the root whose releases emptied the rows.
    6. What is for or about a dead party is dropped and nothing is booked for it; its clients were told.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

from farptr.broker.roster import CLIENT, WORKER, Party, Roster
from farptr.broker.rows import Rows
from farptr.broker.traffic import Traffic
from farptr.protocol import body as bodies
from farptr.protocol.errors import ProtocolError
from farptr.protocol.header import MAX_TRIPLES as FREES_AT_ONCE
from farptr.protocol.header import Flag, Header, Kind, decode, encode, forwarded, names_of, triples, with_source
from farptr.protocol.ids import worker_of

MARK_LOW = 64
"""A MARK is answered when at most this many of its session's envelopes are under way."""


Free = tuple[int, int]
"""(name, exports) of an object that nobody holds any more."""


class Delivery(NamedTuple):
    """Frames for one party."""

    destination: int
    header: bytes
    body: bytes
    buffers: tuple[Any, ...]


class Input(NamedTuple):
    """One envelope as it came."""

    header: Header
    raw: bytes
    body: bytes
    buffers: tuple[Any, ...]


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


class Turn(NamedTuple):
    """One envelope that a worker has or will get, and has not finished."""

    root: int
    frees: tuple[tuple[int, int], ...] = ()


class BrokerCore:
    """One run's broker.

    Feed it with ``register``, ``receive`` and ``lose``: each gives the deliveries to make, in order.
    """

    def __init__(self, *, run: str, epoch: int, seed: int) -> None:
        self.run, self.epoch, self.seed = run, epoch, seed
        self.roster = Roster()
        self.rows = Rows()
        self.traffic = Traffic()
        self.sessions: dict[int, Session] = {}
        self.turns: dict[int, deque[Turn]] = {}
        """For each live worker, what it has not finished, in the order in which it was routed."""
        self.total = 0
        """Sum of all sessions' counts."""
        self.waiting: dict[int, None] = {}
        """Sessions whose input is not empty, in the order in which they began to wait."""
        self._freed: list[Free] = []
        """What workers have finished freeing, for ``catch_up``."""
        self._syncs: list[tuple[int, Header]] = []
        """Envelopes with the flag SYNC, for ``catch_up``."""
        self.barrier: deque[int] = deque()
        """Sessions whose head of input carries ALL and waits."""
        self._sequence = 0
        self._kinds: dict[int, Callable[[int, Input, list[Delivery]], None]] = {
            Kind.COMMAND: self._nothing, Kind.REPLY: self._reply, Kind.NOTE: self._nothing, Kind.SYNC: self._sync,
            Kind.ASK: self._ask, Kind.MARK: self._mark, Kind.BYE: self._bye,
        }  # fmt: skip

    # ------------------------------------------------------------ parties

    def register(self, hello: dict[str, Any]) -> tuple[Party, list[Delivery]]:
        """Admit a party: its welcome, and the news for the others. Raises when it cannot be admitted."""
        party = self.roster.register(hello)
        others = self._to_all({"joined": party.row()}, but=party.number)
        if party.role == CLIENT:
            self.sessions[party.number] = Session(party.number)
        else:
            self.turns[party.number] = deque()
        block = self.roster.block(party.name if party.role == WORKER else "")
        welcome = {
            "number": party.number, "epoch": self.epoch, "seed": self.seed, "block": block,
            "run": self.run, "roster": self.roster.rows(),
        }  # fmt: skip
        return party, [self._told(party.number, Kind.WELCOME, welcome), *others]

    def lose(self, number: int, why: str) -> list[Delivery]:
        """A party is gone: drop what was for it and of it, and tell the others."""
        party = self.roster.remove(number, why)
        if party is None:
            return []
        out: list[Delivery] = []
        frees = self.rows.drop_holder(number)
        if party.role == WORKER:
            self.rows.drop_owner(number)
            for turn in self.turns.pop(number):
                self._count_down(turn.root)
            self._free(frees, next(iter(self.sessions), number), out)
        else:
            session = self.sessions[number]
            session.alive = False
            session.input.clear()
            self.waiting.pop(number, None)
            self.barrier = deque(s for s in self.barrier if s != number)
            self._free(frees, number, out)
            self._forget_if_over(session)
        out += self._to_all({"lost": number, "name": party.name, "role": party.role, "why": why})
        self._pump(out)
        return out

    def _to_all(self, news: dict[str, Any], but: int = 0) -> list[Delivery]:
        return [self._told(number, Kind.ROSTER, news) for number in self.roster.live if number != but]

    def _told(self, number: int, kind: Kind, value: Any = None, sequence: int | None = None) -> Delivery:
        body = b"" if value is None else bodies.dumps(value)
        header = self._header(kind, number, sequence=sequence, body_bytes=len(body))
        return Delivery(number, encode(header), body, ())

    def _header(self, kind: Kind, to: int, *, sequence: int | None = None, **fields: Any) -> Header:
        if sequence is None:
            self._sequence += 1
            sequence = self._sequence
        return Header(kind, epoch=self.epoch, destination=to, sequence=sequence, **fields)

    # ------------------------------------------------------------ envelopes

    def receive(self, source: int, raw: bytes, body: bytes, buffers: tuple[Any, ...]) -> list[Delivery]:
        """One envelope from a registered party; raises ProtocolError when the party broke the protocol."""
        out = self.take(source, raw, body, buffers)
        self.catch_up()
        return out

    def catch_up(self) -> None:
        """Bookkeeping that no delivery waits for: call it after sending what ``take`` gave, before anything else."""
        for name, exports in self._freed:
            self.rows.freed(name, exports)
        self._freed.clear()
        for source, header in self._syncs:
            self._follow_with_sync(source, header)
        self._syncs.clear()

    def take(self, source: int, raw: bytes, body: bytes, buffers: tuple[Any, ...]) -> list[Delivery]:
        """``receive`` without its bookkeeping, which ``catch_up`` does while the deliveries are on their way."""
        item = Input(decode(raw), raw, body, buffers)
        party = self.roster.live.get(source)
        if party is None or item.header.epoch != self.epoch:
            return []
        self._check_sender(party, item)
        out: list[Delivery] = []
        if party.role == CLIENT:
            session = self.sessions[source]
            if self._waits(session, item.header):
                self.waiting[source] = None
                session.input.append(item)
                return out
        self._step(source, item, out)
        if self.waiting:
            self._pump(out)
        return out

    def _check_sender(self, party: Party, item: Input) -> None:
        header = item.header
        if header.kind not in self._kinds:
            raise ProtocolError(f"{party.name} sent a {Kind(header.kind).name}")
        if header.body_bytes != len(item.body) or header.buffers != len(item.buffers):
            raise ProtocolError(f"{party.name} sent an envelope whose header does not match its frames")
        if party.role == CLIENT and (header.root != party.number or header.flags & Flag.DONE):
            raise ProtocolError(f"client {party.number} sent an envelope as root {header.root}")
        rootless = header.kind in (Kind.BYE, Kind.ASK)
        if header.flags & Flag.SYNC and party.role == WORKER:
            raise ProtocolError(f"worker {party.name} asked for a SYNC")
        if party.role == WORKER and header.root not in self.sessions and not rootless:
            raise ProtocolError(f"worker {party.name} works for root {header.root}, which there never was")

    def _waits(self, session: Session, header: Header) -> bool:
        """Whether an envelope that just came goes behind its session's input."""
        if header.kind == Kind.ASK and not header.flags & Flag.FENCE:
            return False  # a client asks about progress while what it waits for stands here
        return bool(session.input) or self._must_wait(session, header)

    def _must_wait(self, session: Session, header: Header) -> bool:
        if self.barrier and self.barrier[0] != session.number:
            return True
        if not header.flags & Flag.FENCE:
            return False
        if header.flags & Flag.ALL:
            if not self.total:
                return False
            if session.number not in self.barrier:
                self.barrier.append(session.number)
            return True
        return session.count > 0

    def _step(self, source: int, item: Input, out: list[Delivery]) -> None:
        header = item.header
        self._check_step(source, header)
        if header.creates:
            self.rows.create(header.creates, source, self.turns)
        frees: list[Free] = []
        if header.refs:
            for name, count in names_of(header.refs):
                if worker_of(name) in self.turns:
                    self._book(name, source, header.destination, count, frees)
        if header.releases:
            frees += self.rows.release_all(header.releases, source, self.turns)
        if header.kind == Kind.COMMAND:
            frees = self._command(source, item, frees, out)
        else:
            self._kinds[header.kind](source, item, out)
        if frees:
            self._free(frees, header.root, out)
        if header.flags & Flag.DONE:
            self._finish(source, header.root)
            self._answer_marks(header.root, out)
        elif header.flags & Flag.SYNC:
            if self.sessions[source].count:
                self._syncs.append((source, header))  # it has to wait in any case
            else:
                self._follow_with_sync(source, header)

    def _follow_with_sync(self, source: int, header: Header) -> None:
        sync = Header(Kind.SYNC, Flag.FENCE | Flag.ALL, sequence=header.sequence, root=header.root)
        self.sessions[source].input.appendleft(Input(sync, b"", b"", ()))
        self.waiting[source] = None

    def _check_step(self, source: int, header: Header) -> None:
        """What can only be seen now, before anything changes: a step that is refused leaves no trace."""
        if header.releases:
            self.rows.check_releases(header.releases, header.creates, source, self.turns)
        if header.flags & Flag.DONE:
            turns = self.turns[source]
            if not turns or turns[0].root != header.root:
                raise ProtocolError(f"worker {source} finished a turn of root {header.root} that it was not in")

    def _book(self, name: int, source: int, holder: int, count: int, frees: list[Free]) -> None:
        exports = count if worker_of(name) == source else 0
        if holder in self.roster.live:
            self.rows.add(name, holder, count, exports, made=False)
        elif exports:
            frees += self.rows.exported_to_nobody(name, exports)

    def _command(self, source: int, item: Input, frees: list[Free], out: list[Delivery]) -> list[Free]:
        """Route commands; what their own worker has to free rides behind them. The rest of ``frees`` comes back."""
        header = item.header
        worker = header.destination
        if worker not in self.turns:
            return frees
        mine = [free for free in frees if worker_of(free[0]) == worker] if frees else frees
        if len(mine) > FREES_AT_ONCE - len(header.refs) // 3:
            mine = []
        self._route(worker, Turn(header.root, tuple(mine)))
        self._deliver(source, item, out, "sent" if source == header.root else "pushed", mine)
        return [free for free in frees if worker_of(free[0]) != worker] if mine else frees

    def _reply(self, source: int, item: Input, out: list[Delivery]) -> None:
        if item.header.destination in self.sessions and item.header.destination in self.roster.live:
            self._deliver(source, item, out, "fetched")

    def _deliver(self, source: int, item: Input, out: list[Delivery], what: str, frees: Sequence[Free] = ()) -> None:
        header = item.header
        self.traffic.count(source, header.destination, what, header.value_bytes, item)
        if header.creates or header.releases or frees:
            raw = forwarded(item.raw, header, source, triples(frees))
        else:
            raw = with_source(item.raw, source)
        out.append(Delivery(header.destination, raw, item.body, item.buffers))

    def _route(self, worker: int, turn: Turn) -> None:
        self.turns[worker].append(turn)
        self.sessions[turn.root].count += 1
        self.total += 1

    def _nothing(self, source: int, item: Input, out: list[Delivery]) -> None:
        """A NOTE: its header has said it all."""

    def _free(self, frees: list[Free], root: int, out: list[Delivery]) -> None:
        if root not in self.sessions:  # no client was ever here, so nothing can be under way either
            return
        by_owner: dict[int, list[Free]] = {}
        for name, exports in frees:
            by_owner.setdefault(worker_of(name), []).append((name, exports))
        for owner, objects in by_owner.items():
            if owner not in self.turns:
                continue
            for at in range(0, len(objects), FREES_AT_ONCE):
                part = tuple(objects[at : at + FREES_AT_ONCE])
                header = self._header(Kind.FREE, owner, root=root, refs=triples(part))
                self._route(owner, Turn(root, part))
                out.append(Delivery(owner, encode(header), b"", ()))

    # ------------------------------------------------------------ settling

    def _finish(self, worker: int, root: int) -> None:
        turn = self.turns[worker].popleft()
        self._freed += turn.frees
        self._count_down(root)

    def _count_down(self, root: int) -> None:
        session = self.sessions[root]
        session.count -= 1
        session.done += 1
        self.total -= 1
        self._forget_if_over(session)

    def _forget_if_over(self, session: Session) -> None:
        # A closed session is kept while envelopes of it are under way: their turns still count for it.
        if not session.alive and not session.count:
            del self.sessions[session.number]

    def _pump(self, out: list[Delivery]) -> None:
        progress = True
        while progress:
            progress = False
            order = [*self.barrier, *(n for n in self.waiting if n not in self.barrier)]
            for number in order:
                session = self.sessions.get(number)
                while session and session.input and not self._must_wait(session, session.input[0].header):
                    item = session.input.popleft()
                    if self.barrier and self.barrier[0] == number:
                        self.barrier.popleft()
                    progress = True
                    try:
                        self._step(number, item, out)
                        if self._syncs:  # here something may stand behind it
                            self.catch_up()
                    except ProtocolError as error:  # the fault of this client, not of whoever made it go on
                        refusal = {"kind": "ProtocolError", "message": error.message, "hint": error.hint}
                        out.append(self._told(number, Kind.REFUSED, refusal))
                        out += self.lose(number, f"it broke the protocol: {error.message}")
                if not (session and session.input):
                    self.waiting.pop(number, None)

    def _sync(self, source: int, item: Input, out: list[Delivery]) -> None:
        out.append(self._told(source, Kind.SYNCED, sequence=item.header.sequence))

    def _mark(self, source: int, item: Input, out: list[Delivery]) -> None:
        self.sessions[source].marks.append(item.header.sequence)
        self._answer_marks(source, out)

    def _answer_marks(self, root: int, out: list[Delivery]) -> None:
        session = self.sessions.get(root)
        if session and session.marks and session.count <= MARK_LOW:
            out += [self._told(root, Kind.MARKED, sequence=mark) for mark in session.marks]
            session.marks.clear()

    def _bye(self, source: int, item: Input, out: list[Delivery]) -> None:
        out += self.lose(source, "it left")

    # ------------------------------------------------------------ questions about the run

    def _ask(self, source: int, item: Input, out: list[Delivery]) -> None:
        what = str(bodies.loads_as(dict, item.body).get("what"))
        question = _QUESTIONS.get(what)
        if question is None:
            raise ProtocolError(f"there is no question {what!r}")
        out.append(self._told(source, Kind.TOLD, question(self, source), item.header.sequence))

    def progress(self, source: int) -> dict[str, Any]:
        """How far a session's commands are, and what the workers have before them."""
        session = self.sessions[source]
        queues = {self.roster.live[w].name: len(q) for w, q in self.turns.items() if q}
        return {
            "done": session.done,
            "under_way": session.count,
            "waiting": len(session.input),
            "queues": queues,
        }

    def snapshot_rows(self) -> list[tuple[int, int, int]]:
        """(name, holder, count) for every reference."""
        return [(name, holder, n) for name, rows in self.rows.snapshot().items() for holder, n in rows.items()]

    def check(self) -> None:
        """Assert the laws that one look can see."""
        self.roster.check()
        self.rows.check(self.roster.live)
        assert self.total == sum(s.count for s in self.sessions.values()), "the total is not the sum"
        assert self.total == sum(len(q) for q in self.turns.values()), "turns and counts differ"
        for number, session in self.sessions.items():
            assert session.count >= 0, f"session {number} is below zero"
            assert session.alive == (number in self.roster.live), f"session {number} and the roster differ"
        for number in self.barrier:
            assert self.sessions[number].input, f"session {number} waits with ALL and has no input"
        assert set(self.waiting) == {s.number for s in self._waiting()}, "waiting does not list the inputs"
        for session in self._waiting():
            assert self._must_wait(session, session.input[0].header), f"session {session.number} waits for nothing"

    def _waiting(self) -> Iterable[Session]:
        return [s for s in self.sessions.values() if s.input]


_QUESTIONS: dict[str, Callable[[BrokerCore, int], Any]] = {
    "parties": lambda core, _: core.roster.rows(),
    "progress": lambda core, source: core.progress(source),
    "traffic": lambda core, _: core.traffic.rows(core.roster),
    "ids": lambda core, _: core.roster.block(),
    "rows": lambda core, _: core.snapshot_rows(),
}
"""What the core answers by itself."""
