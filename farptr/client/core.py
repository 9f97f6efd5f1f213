"""One client's decisions: which command, on which path, and what comes back of it. No socket, clock or thread.

Laws
    1. Commands leave in an order that no other path can overtake: ``outgoing``.
    2. The caller of an operation chooses the names of its results, so nothing waits for an answer but who asks for one.
    3. A name is created once: ``places``.
    4. A reference is released when no owning handle is left, behind every command issued so far.
    5. Every command that waits gets exactly one answer (``answers``); what fails without one is a report (``reports``).
    6. A handle that does not own finds its object, or finds that it is gone, as in program order: its use is fenced
       while that is in doubt (``places``). Before it is sent or moved, it is looked for (``is_in_doubt``).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from farptr.client.answers import Answer, Answers, Fence
from farptr.client.batches import Batch, Batches
from farptr.client.from_broker import FromBroker
from farptr.client.graph import UNKNOWN, Known, Node, Path, chain_of, depth_of, leads_through, named, path_of, result_of
from farptr.client.operands import Wiring, common_path, weight, wired
from farptr.client.order import MOVE, PULL, Outstanding
from farptr.client.outgoing import Outgoing
from farptr.client.parties import Parties
from farptr.client.places import Places, in_the_way
from farptr.client.replies import Replies
from farptr.client.reports import Reports
from farptr.protocol import operations, plain, values
from farptr.protocol.commands import ASK as C_ASK
from farptr.protocol.commands import (
    CALL,
    CELL,
    CLEAR,
    FORGET,
    FOUND,
    GET,
    HERE,
    KEEP,
    KEEP_NOT,
    KEEP_SENT,
    LIST,
    NAMED,
    PUBLISH,
    PULL_HERE,
    SEARCH,
    SEND,
    TAG,
    Envelope,
)  # fmt: skip
from farptr.protocol.commands import MOVE as C_MOVE
from farptr.protocol.errors import HopLimit, InvalidRemoteGet, ProtocolError, WorkerUnresponsive
from farptr.protocol.header import HOP_LIMIT, Flag, Kind
from farptr.protocol.ids import IdBlock, id_of, make_name
from farptr.protocol.shapes import answers_of, is_near
from farptr.protocol.texts import check_about, fitting


class SessionCore:
    """One session. Methods named for verbs queue commands; what is ready in ``batches`` is the shell's to send."""

    def __init__(self, *, number: int, epoch: int, seed: int, block: int) -> None:
        self.number = number
        self.ids = IdBlock(seed, block)
        self.names: dict[int, str] = {}
        """Party numbers to names, dead ones too."""
        self.commands = 0
        """Number of the newest command."""
        self.arrived = 0
        """Envelopes of this client's that the broker has."""
        self.on_news: Callable[[dict[str, Any]], None] | None = None
        self.taught: dict[int, dict[str, None]] = {}
        """Functions that workers keep for this client, by their digests, the oldest first."""
        self.parties = Parties(self.names)
        self.places = Places(self.ids)
        self.answers = Answers()
        self.reports = Reports()
        self.order = Outstanding()
        self.batches = Batches(number, epoch)
        self._replies = Replies(self.answers, self.reports, self.places, self.order, self.batches)
        self.out = Outgoing(self.batches, self.order, self.places, self.parties, self.answers, self.ids)
        self._from_broker = FromBroker(self)

    def listen(self, heard: Callable[[int, str, Any], None]) -> None:
        """Have somebody told what functions at workers print, and their warnings: ``heard(worker, text, warnings)``."""
        self._replies.on_said = heard

    # ------------------------------------------------------------ commands

    def send(
        self, worker: int, id: int, fresh: bool, array: Any, *, keep: bool = False, about: Known | None = None
    ) -> Node:
        """Put a checked value at a worker under an id; ``fresh`` says that the id was never used anywhere."""
        if about is not None:
            check_about(about.tags, about.description)
        buffers: list[Any] = []
        wire, size_bytes = plain.encode_any(array, buffers)
        at = (worker, id)
        batch = self.out.open(worker, (worker,), at=at)
        batch.buffers = buffers
        node = self.places.store(at, fresh, None)
        batch.value_bytes += size_bytes
        batch.weight += size_bytes
        owned = not keep
        command: tuple[Any, ...] = (self._next(), SEND, node.name, int(owned), KEEP_SENT if keep else KEEP_NOT, wire)
        if about is not None:
            node.about = about
            command = (*command, (about.tags, about.description))
        self.out.issue(batch, command, (worker,), creates=[node] if owned else [])
        return node

    def send_pointer(self, worker: int, id: int, fresh: bool, target: Node, *, keep: bool = False) -> Node:
        """Put a pointer to ``target`` at a worker under an id."""
        if depth_of(target) >= HOP_LIMIT:
            raise HopLimit(f"this chain already has {HOP_LIMIT} hops, the limit")
        if in_the_way(target, make_name(worker, id)):
            id, fresh = self.ids.next(), True
        at = (worker, id)
        batch = self.out.open(worker, (worker,), operands=(target,), at=at)
        node = self.places.store(at, fresh, target)
        batch.refs.append(target.name)
        wire = (values.POINTER, target.name)
        kept = KEEP_SENT if keep else KEEP_NOT
        command = (self._next(), SEND, node.name, int(not keep), kept, wire)
        self.out.issue(batch, command, (worker,), creates=[] if keep else [node])
        return node

    def call(
        self,
        operation: str,
        args: Sequence[Any],
        kwargs: Mapping[str, Any],
        operands: Sequence[Node],
        count: int | None,
        node_of: Callable[[Any], Node | None],
        at: int = 0,
        wired: Wiring = wired,
    ) -> list[Node]:
        """Run an operation where its operands are (without any: at a worker). ``count`` results, None for in place."""
        worker = at or operands[0].worker
        path = (at,) if at else common_path(operands, self.parties)
        wire_args, wire_kwargs, buffers = wired(args, kwargs, node_of)
        body_bytes = weight(operation, (*wire_args, *(wire_kwargs or {}).values()), count or 0)
        # Nothing can be wrong with the call any more: only now may a fence be taken.
        batch = self.out.open(worker, path, operands=operands)
        batch.buffers = buffers
        batch.weight += body_bytes
        batch.value_bytes += operations.data_bytes(operation, wire_args, wire_kwargs, values.argument_bytes)
        number = self._next()
        if count is None:
            if operands:
                self.reports.watch(number, operands[0])
            self.out.issue(batch, (number, CALL, None, operation, wire_args, wire_kwargs), path)
            return []
        nodes = [
            named(make_name(worker, self.ids.next()), result_of(operands) if operands else None) for _ in range(count)
        ]
        results = nodes[0].name if count == 1 else tuple([n.name for n in nodes])
        self.out.issue(batch, (number, CALL, results, operation, wire_args, wire_kwargs), path, creates=nodes)
        return nodes

    def get(self, node: Node, far: bool = False, flush: bool = True) -> int:
        """Ask for the value as it is at the first hop, or (``far``) for the data; the number to wait for."""
        here = node.worker
        if far:
            return self._question((0, GET, node.name, True), here, path_of(node), node, 0, chain_of(node), flush)
        self.places.note(node)  # what is fetched remembers the id, and can be sent under it
        return self._question((0, GET, node.name), here, (here,), node, 0, (node, node.target), flush)

    def ask(self, node: Node, question: str) -> int:
        """Ask about the data at the far end; the number to wait for."""
        return self._question((0, C_ASK, node.name, question), node.worker, path_of(node), node)

    def is_in_doubt(self, node: Node) -> bool:
        """Whether the object may be gone, as no handle owns it; ``look`` settles that.

        What changes places or makes references asks first: a command that fails would leave wrong paths behind.
        """
        return not node.claims and node.seen != self.places.given_up

    def look(self, node: Node) -> tuple[int, int]:
        """Ask whether the object is there; the number to wait for, and what to remember (``node.seen``) if it is."""
        return self._question((0, C_ASK, node.name, HERE), node.worker, (node.worker,), node), self.places.given_up

    def list(self, worker: int, what: str = "objects") -> int:
        """Ask a worker for its objects once everything is settled; the number to wait for."""
        return self._question((0, LIST, what), worker, (worker,), None, Flag.FENCE | Flag.ALL)

    def named_data(self, worker: int, text: str) -> int:
        """Ask for a pointer to what a worker has under that name; the number to wait for."""
        return self._question((0, NAMED, *fitting("a name", text)), worker, (worker,), None)

    def search(self, worker: int, terms: tuple[str, ...]) -> int:
        """Ask for pointers to what all the terms fit; the number to wait for."""
        return self._question((0, SEARCH, fitting("search terms", *terms)), worker, (worker,), None)

    def publish(self, node: Node, text: str) -> int:
        """Give an object a name at its worker; the number to wait for."""
        return self._question((0, PUBLISH, node.name, *fitting("a name", text)), node.worker, (node.worker,), node)

    def forget(self, worker: int, text: str) -> int:
        """Take a name away; the number to wait for."""
        command = (0, FORGET, *fitting("a name", text))
        self.batches.flush_others(worker)  # it may end the life of what that pointed at
        self.places.given_up += 1
        return self._question(command, worker, (worker,), None)

    def cell(self, worker: int, source: str) -> int:
        """Have a worker run Python source; the number to wait for."""
        command = (0, CELL, *fitting("a cell", source))
        self.batches.flush_others(worker)  # it may end the life of anything
        self.places.given_up += 1
        return self._question(command, worker, (worker,), None)

    def tag(self, node: Node, tags: tuple[str, ...], description: str | None) -> None:
        """Add tags to an object at its first hop; replace its description unless it is None."""
        path, known = (node.worker,), node.about or Known()
        check_about((*known.tags, *tags), known.description if description is None else description)
        batch = self.out.open(node.worker, path, operands=(node,))
        number = self._next()
        self.reports.watch(number, node)
        self.out.issue(batch, (number, TAG, node.name, tags, description), path)

    def _question(
        self,
        command: Any,
        worker: int,
        path: Path | None,
        node: Node | None,
        flags: int = 0,
        chain: Any = (),
        flush: bool = True,
    ) -> int:
        batch = self.out.open(worker, path, flags=flags, operands=() if node is None else (node,))
        number = self._next()
        self.out.issue(batch, (number, *command[1:]), path)
        if flush:
            self.out.flush()
        fence = Fence(batch.sequence, self.out.before) if batch.flags & Flag.FENCE else None
        first = worker if is_near(command) else 0
        return self.answers.expect(number, path, fence, chain, answers_of(command), first)

    def unresponsive(self, key: int) -> WorkerUnresponsive | None:
        """The error for who waits for an answer that needs a worker which is stopped."""
        worker = self.answers.needs(key, self.parties.stalled)
        return self.parties.unresponsive(worker) if worker else None

    def move(self, node: Node, worker: int, owned: bool) -> Node:
        """Push an object to another worker; its new node. The old one leads there from now on."""
        id = id_of(node.name)
        path = (node.worker, worker)
        # A copy is another object, and takes no id that its maker may use. A lost worker may have taken a push with it,
        # so that what is believed to be data is a stub still: under its old id it could come to lead to itself.
        fresh = node.foreign or self.parties.lost or leads_through(node, node.name, worker)
        new_id = self.ids.next() if fresh else id
        at = (worker, new_id)
        there = make_name(worker, new_id)
        ends = (make_name(node.worker, id), there)
        batch = self.out.open(node.worker, path, MOVE, ends=ends, operands=(node,), at=at)
        new = self.places.store(at, new_id != id, node.target)
        self.places.note(node)
        if not node.foreign:
            node.lead_to(new)
        new.about = node.about
        number = self._next()
        self.reports.watch(number, new)
        command = (number, C_MOVE, node.name, new.name, int(owned), node.foreign)
        # The stub's reference is booked now: else the new name could be released, and forgotten, before the push.
        batch.refs.append(new.name)
        self.out.issue(batch, command, path, kind=MOVE, moved_to=there, creates=[new])
        if not owned:
            self.drop(new)  # whoever held the old name holds the new one through the stub
        return new

    def remote_get(self, node: Node) -> None:
        """Replace a pointer at its worker by what it points at; the far object becomes a pointer to it."""
        target = node.target
        if target is None:
            raise InvalidRemoteGet(
                f"{self.parties.called(node)} is data: its worker has nothing to pull", hint="get() brings it here"
            )
        path: Path | None = (node.worker, target.worker, node.worker)
        if target is UNKNOWN:
            path = None
        elif target.worker == node.worker:
            path = (node.worker,)
        batch = self.out.open(node.worker, path, PULL, operands=(node,))
        self.places.given_up += 1
        copy = node.foreign or target is UNKNOWN or target.foreign
        if target is not UNKNOWN and target.target is not node:
            node.lead_to(target.target)
            if not copy:
                target.lead_to(node)
        number = self._next()
        self.reports.watch(number, node)
        # What is shared stays where a stub was believed, so the chain may be shorter than it is believed to be; what is
        # pulled instead of what was meant must not become a stub that nobody here knows of.
        meant = 0 if target is UNKNOWN else target.name
        self.out.issue(batch, (number, PULL_HERE, node.name, copy, meant), path, kind=PULL)

    def keep(self, node: Node, on: bool) -> None:
        """Let an object stay without references, or no longer."""
        path = (node.worker,)
        batch = self.out.open(node.worker, path, operands=(node,))
        self.batches.flush_others(node.worker)  # it may end the life of what this points at
        self.places.given_up += 1
        self.out.issue(batch, (self._next(), KEEP, node.name, int(on)), path)

    def clear(self, worker: int) -> None:
        """Empty a worker's store."""
        batch = self.out.open(worker, (worker,), flags=Flag.FENCE)
        self.out.issue(batch, (self._next(), CLEAR), (worker,))

    def tell(self, batch: Batch, command: tuple[Any, ...], path: Path) -> None:
        """Issue a command that changes no object, its number left out."""
        self.out.issue(batch, (self._next(), *command), path)

    def _next(self) -> int:
        self.commands += 1
        return self.commands

    def bury(self, dead: deque[Node]) -> None:
        """Owning handles are gone."""
        releases, count = self.batches.releases, 0
        while dead:
            node = dead.popleft()
            name = node.name
            if node.claims == 1 == node.received and name not in releases:
                node.claims = node.received = 0
                releases[name] = 1
                count += 1
            else:
                self.drop(node)
        self.places.given_up += count

    def drop(self, node: Node) -> None:
        """An owning handle is gone."""
        node.claims -= 1
        self.places.given_up += 1
        if not node.claims and node.received:
            self.batches.releases[node.name] = self.batches.releases.get(node.name, 0) + node.received
            node.received = 0

    # ------------------------------------------------------------ what comes back

    def receive(self, envelope: Envelope) -> None:
        """Take in one envelope; what it says appears in ``answers`` and ``reports``.

        Raises ProtocolError for what the broker cannot have meant. A worker that breaks the protocol is lost to this
        session, with that reason; nobody else is.
        """
        if envelope.header.kind == Kind.REPLY:
            try:
                self._replies.take(envelope)
            except ProtocolError as error:
                self._break_with(envelope.header.source, error)
            return
        self._from_broker.take(envelope)

    def _break_with(self, worker: int, error: ProtocolError) -> None:
        """What a worker says makes no sense: whoever waits for it, or will, is told that."""
        if worker not in self.names:
            raise error  # no worker can have sent it
        why = f"it broke the protocol: {error.message}"
        if worker not in self.parties.lost:
            self.lose(worker, {"why": why})
        self.answers.lose(worker)

    def lose(self, worker: int, news: dict[str, Any]) -> None:
        """A worker is gone, for this session at least: whoever waits for it is told."""
        self.parties.lose(worker, news)
        self.answers.lose(worker)
        self.out.lose(worker)
        self.taught.pop(worker, None)

    def give_up(self, key: int) -> None:
        """Nobody waits for this answer any more; what it brings is released when it comes."""
        answer, fence = self.answers.give_up(key)
        if fence is not None:
            self.out.cancel(fence)
        if isinstance(answer, Answer):
            for node in answer.value if answer.status == FOUND else [answer.value]:
                if isinstance(node, Node):
                    self.drop(node)

    def check(self) -> None:
        """Assert the laws that one look can see."""
        self.places.check()
        self.batches.check()
        self.answers.check()
