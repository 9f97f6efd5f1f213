"""The broker's decisions: routing, order, rows. No socket, clock or thread.

Laws
    1. First in, first out per sender. One envelope is one step: rows, queueing and counting happen together.
    2. What has to wait for what is settled: ``settling``.
    3. FREE counts for the root whose releases emptied the rows.
    4. What is for or about a dead party is dropped and nothing is booked for it; its clients were told.
    5. A step that is refused leaves no trace.
    6. What comes twice is dropped: a sender's sequence numbers grow.
    7. What a client may not have yet is kept, for a client whose connection is cut to resume (``kept``).
    8. Where buffers lie is none of the broker's business: parts of an envelope are handed on at once, uncounted but for
       the wire.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from farptr.broker.allowed import MAY, MAY_NOT_FLAG, check_sender
from farptr.broker.books import Books
from farptr.broker.marks import Marks
from farptr.broker.passing import Watch, wire_bytes_of
from farptr.broker.questions import answer
from farptr.broker.roster import CLIENT, WORKER, Party, Roster
from farptr.broker.rows import Rows
from farptr.broker.settling import Free, Input, Settling, Turn
from farptr.broker.telling import Delivery, Teller
from farptr.broker.traffic import Traffic
from farptr.protocol import body as bodies
from farptr.protocol.errors import ProtocolError, SessionExpired
from farptr.protocol.header import MAX_TRIPLES as FREES_AT_ONCE
from farptr.protocol.header import (
    Flag,
    Header,
    Kind,
    Ones,
    References,
    forwarded,
    has_zero,
    length,
    names_of,
    read,
    references,
    with_source,
)  # fmt: skip
from farptr.protocol.ids import worker_of
from farptr.protocol.kept import Kept

UNIT_BYTES = 1 << 16
"""An envelope counts as one, and one more for each of these."""
_COMMAND, _SYNC_KIND = int(Kind.COMMAND), int(Kind.SYNC)
_DONE, _SYNC = Flag.DONE, Flag.SYNC


class BrokerCore:
    """One run's broker.

    Feed it with ``register``, ``receive`` and ``lose``: each gives the deliveries to make, in order.
    """

    def __init__(self, *, run: str, epoch: int, seed: int) -> None:
        self.run, self.epoch, self.seed = run, epoch, seed
        self.roster: Roster = Roster()
        self.rows = Rows()
        self.traffic: Traffic = Traffic()
        self.settling = Settling()
        self.books = Books(self.rows, self.traffic)
        self._syncs: list[tuple[int, Header]] = []
        """Envelopes with the flag SYNC, for ``catch_up``."""
        self.duplicates = 0
        """Envelopes that came twice."""
        self.teller = Teller(epoch, self.roster)
        self.marks = Marks(self.settling, self.roster, self.teller)
        self.frees_ride = True
        """Whether what a worker is to free rides behind commands for it; not where those can overtake others."""
        self.network: Callable[[dict[str, Any], int], Any] | None = None
        """Answers what a client (its number) asks of the modelled network."""
        self.watch: Watch | None = None
        """Told of what passes, see ``passing``."""
        self.sockets: Callable[[], Any] = lambda: None
        """What was counted at the sockets, see ``noted``."""
        self.clock: Callable[[], float] = lambda: 0.0
        """Seconds since the run began, where they are modelled."""
        self.kept: dict[int, Kept[Delivery]] = {}
        """What each live client may not have; whoever makes deliveries to it adds them."""
        self._kinds: dict[int, Callable[[int, Input, list[Delivery]], None]] = {
            Kind.REPLY: self._reply, Kind.NOTE: lambda *_: None, Kind.SYNC: self._sync, Kind.ASK: self._ask,
            Kind.MARK: self.marks.come, Kind.BYE: self._bye, Kind.CANCEL: self._cancel,
            Kind.PART: self._part, Kind.TAKEN: self._part, Kind.IDLE: lambda *_: None,
        }  # fmt: skip

    # ------------------------------------------------------------ parties

    def register(self, hello: dict[str, Any]) -> tuple[Party, list[Delivery]]:
        """Admit a party: its welcome, and the news for the others. Raises when it cannot be admitted."""
        party = self.roster.register(hello)
        fill = bodies.filler(party.pid, bodies.WIDEST_PID)
        others = self.teller.to_all({"joined": party.row(), "fill": fill}, but=party.number)
        if party.role == CLIENT:
            self.settling.begin_client(party.number)
            self.kept[party.number] = Kept()
        else:
            self.settling.begin_worker(party.number)
        block = self.roster.block(party.number, party.name if party.role == WORKER else "")
        welcome = {
            "number": party.number, "epoch": self.epoch, "seed": self.seed, "block": block,
            "run": self.run, "roster": self.roster.rows(),
        }  # fmt: skip
        out = [self.teller.told(party.number, Kind.WELCOME, welcome), *others]
        if party.role == CLIENT:
            out += [self.teller.stalled_for(party.number, worker, why) for worker, why in self.settling.stopped.items()]
        return party, out

    def resume(self, hello: dict[str, Any]) -> tuple[Party, list[Delivery]]:
        """A client is back whose connection was cut: its welcome, and what it has not got. Raises SessionExpired."""
        number, received = hello.get("resume"), hello.get("received")
        party = self.roster.live.get(number) if isinstance(number, int) else None
        if party is None or (party.role, party.pid, party.host) != (CLIENT, hello.get("pid"), hello.get("host")):
            raise SessionExpired(
                "this broker does not know you any more: the session was over before it was resumed",
                hint="fp.connect() joins the run anew; what the session held is freed",
            )
        if not isinstance(received, int):
            raise ProtocolError("a session to resume, without the number of envelopes that came")
        again = self.kept[party.number].after(received)
        return party, [
            self.teller.told(party.number, Kind.WELCOME, {"newest": self.teller.newest.get(party.number, 0)}),
            *again,
        ]

    def lose(self, number: int, why: str, code: int | None = None) -> list[Delivery]:
        """A party is gone: drop what was for it and of it, and tell the others.

        ``code`` is how its process ended, as in ``subprocess``, where that is known.
        """
        party = self.roster.remove(number, why)
        if party is None:
            return []
        self.books.catch_up(self.settling.turns)  # its last word may have made references
        self.teller.newest.pop(number, None)
        self.kept.pop(number, None)
        self._tell_of_going(number, why)
        out: list[Delivery] = []
        undone: dict[int, int] = {}
        frees = self.rows.drop_holder(number)
        if party.role == WORKER:
            self.rows.drop_owner(number)
            undone = self.settling.lose_worker(number)
            self._free_for_nobody(number, frees, out)
        else:
            session = self.settling.lose_client(number)
            if not (session.done or session.count or frees):
                self.roster.give_back(number)
            self._free(frees, number, self.settling.phase, out)
            self.settling.forget_if_over(session)
        out += self.teller.to_all({"lost": number, "name": party.name, "role": party.role, "why": why, "code": code})
        for root, envelopes in undone.items():
            out += self.teller.undone(root, number, envelopes)
        self._pump(out)
        return out

    def _tell_of_going(self, number: int, why: str) -> None:
        session = self.settling.sessions.get(number) if self.watch else None
        for item in session.input if session else ():
            self._drop(number, item, "its sender is gone")
        if self.watch:
            self.watch.left(number, why)

    def _drop(self, source: int, item: Input, why: str) -> None:
        if self.watch and item.header.destination:  # what is for the broker has come
            self.watch.dropped(source, item.header, wire_bytes_of(item.frame, item.buffers), why)

    def stall(self, number: int, why: str) -> list[Delivery]:
        """A worker that has work does not go on, or (without a reason) goes on again: tell the clients."""
        self.settling.stall(number, why)
        return self.teller.stalled(number, why)

    # ------------------------------------------------------------ envelopes

    def receive(self, source: int, frame: bytes, buffers: tuple[Any, ...] = ()) -> list[Delivery]:
        """One envelope from a registered party; raises ProtocolError when the party broke the protocol."""
        out = self.take(source, frame, buffers)
        self.catch_up()
        return out

    def catch_up(self) -> None:
        """Bookkeeping that no delivery waits for: call it after sending what ``take`` gave, before anything else."""
        self.books.catch_up(self.settling.turns)
        if self._syncs:
            for source, header in self._syncs:
                self._follow_with_sync(source, header)
            self._syncs.clear()

    def take(self, source: int, frame: bytes, buffers: tuple[Any, ...] = ()) -> list[Delivery]:
        """``receive`` without its bookkeeping, which ``catch_up`` does while the deliveries are on their way."""
        header, end = read(frame)
        party = self.roster.live.get(source)
        item = Input(header, frame, end, buffers)
        if self.watch:
            self.watch.came(source, header, frame, buffers)
        if party is None or header.epoch != self.epoch:
            self._drop(source, item, "of another run, or its sender is gone")
            return []
        sequence = header.sequence
        if sequence:  # a party's first and last words have none
            if sequence <= self.teller.newest.get(source, 0):
                self.duplicates += 1
                self._drop(source, item, "it came before")
                return []
            self.teller.newest[source] = sequence
        if header.received and party.role == CLIENT:
            self.kept[source].forget_up_to(header.received)
        role, settling = party.role, self.settling
        if (
            header.kind not in MAY[role]
            or header.flags & MAY_NOT_FLAG[role]
            or header.buffers != len(buffers)
            or (header.root != source if role == CLIENT else header.root not in settling.sessions)
            or has_zero(header)
        ):
            check_sender(party, item)
        out: list[Delivery] = []
        if role == CLIENT and settling.waits(source, item):
            return out
        self._step(source, item, out)
        if settling.waiting:
            self._pump(out)
        return out

    def _step(self, source: int, item: Input, out: list[Delivery]) -> None:
        header = item.header
        flags, turns = header.flags, self.settling.turns
        if flags & _DONE:
            mine = turns[source]
            if not mine or mine[0].root != header.root:
                raise ProtocolError(f"worker {source} finished a turn of root {header.root} that it was not in")
        if header.refs:
            self._check_refs(header.refs)
        if header.releases:
            self.rows.check_releases(header.releases, header.creates, source, turns)
        if header.creates:
            if header.releases or header.refs:
                self.rows.create(header.creates, source, turns)
            else:
                self.books.created.append((header.creates, source))
        frees: list[Free] = []
        if header.refs:
            for name, count in names_of(header.refs):
                if worker_of(name) in turns:
                    self._book(name, source, header.destination, count, frees)
        ones: Ones | None = None
        if header.releases:
            if type(header.releases) is Ones and self.rows.release_ones(header.releases, source, turns):
                ones = header.releases
            else:
                frees += self.rows.release_all(header.releases, source, turns)
        if header.kind == _COMMAND:
            frees = self._command(source, item, frees, ones, out)
        else:
            if ones:
                frees += names_of(ones)
            self._kinds[header.kind](source, item, out)
        if frees:
            self._free(frees, header.root, self.settling.phase_of(source), out)
        if flags & _DONE and source in turns:  # it may have just left
            self._finish(source, header.root, out)
        elif flags & _SYNC:
            self._note_sync(source, header)

    def _check_refs(self, refs: References) -> None:
        """Raise ProtocolError for an object of a worker that is still to come: its receiver would be blamed for it."""
        turns, lost = self.settling.turns, self.roster.lost
        for name, _ in names_of(refs):
            worker = worker_of(name)
            if worker not in turns and worker not in lost:
                raise ProtocolError(f"a reference to an object of worker {worker}, which there never was")

    def _note_sync(self, source: int, header: Header) -> None:
        session = self.settling.sessions.get(source)
        if session is None:
            return  # it has just left
        if session.count:
            self._syncs.append((source, header))  # it has to wait in any case
        else:
            self._follow_with_sync(source, header)

    def _follow_with_sync(self, source: int, header: Header) -> None:
        sync = Header(Kind.SYNC, Flag.FENCE | Flag.ALL, sequence=header.sequence, root=header.root)
        self.settling.put_first(source, Input(sync, b"", 0, ()))

    def _book(self, name: int, source: int, holder: int, count: int, frees: list[Free]) -> None:
        exports = count if worker_of(name) == source else 0
        if holder in self.roster.live:
            self.rows.add(name, holder, count, exports, made=False)
        elif exports:
            frees += self.rows.exported_to_nobody(name, exports)

    def _command(
        self, source: int, item: Input, frees: list[Free], ones: Ones | None, out: list[Delivery]
    ) -> list[Free]:
        """Route commands; what their own worker has to free rides behind them. The rest of ``frees`` comes back."""
        header = item.header
        worker = header.destination
        mine: Ones | tuple[Free, ...] = ()
        if ones:
            if (
                self.frees_ride
                and not frees
                and worker_of(ones[0]) == worker
                and len(ones) <= FREES_AT_ONCE - length(header.refs)
            ):
                mine = ones
            else:
                frees += names_of(ones)
        if worker not in self.settling.turns:
            self._drop(source, item, "its destination is gone")
            out += self.teller.undone(header.root, worker, 1)
            return frees
        if frees and self.frees_ride:
            mine = tuple([free for free in frees if worker_of(free[0]) == worker])
            if len(mine) > FREES_AT_ONCE - length(header.refs):
                mine = ()
            else:
                frees = [free for free in frees if worker_of(free[0]) != worker]
        units = 1 + header.value_bytes // UNIT_BYTES
        self.settling.route(worker, Turn(header.root, mine, True, units, self.settling.phase_of(source)))
        self._deliver(source, item, out, "sent" if source == header.root else "pushed", mine)
        return frees

    def _reply(self, source: int, item: Input, out: list[Delivery]) -> None:
        to = item.header.destination
        if to in self.settling.sessions and to in self.roster.live:
            self._deliver(source, item, out, "fetched")
        else:
            self._drop(source, item, "its destination is gone")

    def _part(self, source: int, item: Input, out: list[Delivery]) -> None:
        """Bytes that go ahead of their envelope, or the word that they have come: no step of anything."""
        header, frame = item.header, item.frame
        to = header.destination
        if to not in self.settling.turns and (source == header.root or to not in self.kept):
            self._drop(source, item, "its destination is gone")
            return
        if header.kind == Kind.PART:
            what = "sent" if source == header.root else "fetched" if to in self.kept else "pushed"
            self.books.passed.append((source, to, what, 0, len(frame) + sum(map(len, item.buffers)), 0))
        out.append(Delivery(to, with_source(frame, source), item.buffers, source, header))

    def _deliver(
        self, source: int, item: Input, out: list[Delivery], what: str, frees: Ones | tuple[Free, ...] = ()
    ) -> None:
        header, frame, end, buffers = item
        wire_bytes = wire_bytes_of(frame, buffers)
        self.books.passed.append((source, header.destination, what, header.value_bytes, wire_bytes, 1))
        if header.source != source:
            frame = with_source(frame, source)
        if header.creates or header.releases or frees:
            what_to_free = frees if isinstance(frees, Ones) else references(frees) if frees else ()
            frame = forwarded(frame, header, end, what_to_free)
        out.append(Delivery(header.destination, frame, buffers, source, header))

    def _free_for_nobody(self, lost: int, frees: list[Free], out: list[Delivery]) -> None:
        """Free what a lost worker held. It counts for any session, or, when no client is here, for one of its own."""
        if frees:
            root = next(iter(self.settling.sessions), 0) or self.settling.begin_for_nobody(lost)
            self._free(frees, root, self.settling.phase, out)
            self.settling.forget_if_over(self.settling.sessions[root])

    def _free(self, frees: list[Free], root: int, phase: int, out: list[Delivery]) -> None:
        if root not in self.settling.sessions:  # no client was ever here, so nothing can be under way either
            return
        by_owner: dict[int, list[Free]] = {}
        for name, exports in frees:
            by_owner.setdefault(worker_of(name), []).append((name, exports))
        for owner, objects in by_owner.items():
            if owner not in self.settling.turns:
                continue
            for at in range(0, len(objects), FREES_AT_ONCE):
                part = tuple(objects[at : at + FREES_AT_ONCE])
                self.settling.route(owner, Turn(root, part, commands=False, phase=phase))
                out.append(self.teller.free(owner, root, part))

    # ------------------------------------------------------------ settling

    def _finish(self, worker: int, root: int, out: list[Delivery]) -> None:
        frees = self.settling.finish(worker).frees
        if frees:
            self.books.freed.append(frees)
        self.marks.done(worker, root, out)

    def _pump(self, out: list[Delivery]) -> None:
        """Step what need not wait any more."""
        while (found := self.settling.next_ready()) is not None:
            number, item = found
            header = item.header
            if header.kind == _SYNC_KIND and not (header.creates or header.refs or header.releases):
                self._sync(number, item, out)  # nothing is booked by it
                continue
            self.catch_up()
            try:
                self._step(number, item, out)
                self.catch_up()  # something may stand behind it
            except ProtocolError as error:  # the fault of this client, not of whoever made it go on
                refusal = {"kind": "ProtocolError", "message": error.message, "hint": error.hint}
                out.append(self.teller.told(number, Kind.REFUSED, refusal))
                out += self.lose(number, f"it broke the protocol: {error.message}")

    def _sync(self, source: int, item: Input, out: list[Delivery]) -> None:
        out.append(self.teller.told(source, Kind.SYNCED, None, item.header.sequence))

    def _cancel(self, source: int, item: Input, out: list[Delivery]) -> None:
        cancelled = self.settling.cancel(source, bodies.loads_as(int, item.frame[item.end :]))
        if cancelled:
            self._drop(source, cancelled, "its client gave it up")
        self._pump(out)

    def _bye(self, source: int, item: Input, out: list[Delivery]) -> None:
        out += self.lose(source, "it left")

    def _ask(self, source: int, item: Input, out: list[Delivery]) -> None:
        asked = bodies.loads_as(dict, item.frame[item.end :])
        told = self.teller.told(source, Kind.TOLD, answer(self, source, asked), item.header.sequence)
        out.append(told if item.header.flags & Flag.FENCE else told._replace(urgent=True))

    def check(self) -> None:
        """Assert the laws that one look can see."""
        self.roster.check()
        self.rows.check(self.roster.live)
        self.settling.check()
        for kept in self.kept.values():
            kept.check()
        for number, session in self.settling.sessions.items():
            assert session.alive == (number in self.roster.live), f"session {number} and the roster differ"
