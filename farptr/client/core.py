"""One client's decisions: names, order, batches, answers. No socket, clock or thread.

Laws
    1. Commands leave in an order that no other path can overtake (``order``), batched per worker (``batches``).
    2. The caller of an operation chooses the names of its results, so nothing waits for an answer but who asks for one.
    3. A name is created once: a name that may have been used before gets a fresh generation.
    4. A reference is released when no owning handle is left, behind every command issued so far.
    5. Every command that waits gets exactly one answer: the worker's, or the loss of a worker on its path.
    6. A handle that does not own finds its object, or finds that it is gone, as in program order: after something was
       given up, its use is fenced; so is storing under an id whose older generation may live or not. Before it is sent
       or moved, it is looked for (``is_in_doubt``).
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from farptr.client.batches import BATCH_COMMANDS, Batch, Batches
from farptr.client.graph import UNKNOWN, Node, Path, Place, depth_of, leads_through, named, path_of, result_of
from farptr.client.order import MOVE, OTHER, PULL, Outstanding
from farptr.protocol import body as bodies
from farptr.protocol import operations, values
from farptr.protocol.body import MAX_BODY_BYTES
from farptr.protocol.commands import ASK as C_ASK
from farptr.protocol.commands import (
    CALL,
    CLEAR,
    FAILED,
    GET,
    HERE,
    KEEP,
    KEEP_NOT,
    KEEP_SENT,
    LABELS,
    LIST,
    NAMED,
    PLAIN,
    PULL_HERE,
    REPORT,
    SEND,
    VALUE,
    Envelope,
)  # fmt: skip
from farptr.protocol.commands import MOVE as C_MOVE
from farptr.protocol.errors import (
    HopLimit,
    InvalidRemoteGet,
    MessageTooLarge,
    NotCollocated,
    ProtocolError,
    Report,
    WorkerLost,
)  # fmt: skip
from farptr.protocol.header import HOP_LIMIT, Flag, Kind, names_of
from farptr.protocol.ids import IdBlock, id_of, make_name, worker_of

MARK_EVERY = 128
"""Command envelopes between two marks; with two marks unanswered, the caller waits (flow control)."""
MARKS = 2
WATCHED = 65536
"""In-place commands whose handle is remembered; an older one's failure is raised by ``sync()`` alone."""


class Waiting(NamedTuple):
    """A command whose answer somebody waits for."""

    path: Path | None
    node: Node | None


class Answer(NamedTuple):
    """What came: ``value`` is an array, a Node (for a pointer), a plain value, or an error's report."""

    status: int
    value: Any
    buffers: tuple[Any, ...] = ()
    """For plain values that hold arrays (listings)."""


class Lost(NamedTuple):
    """The answer to a command whose worker is gone."""

    worker: int


class SessionCore:
    """One session. Methods named for verbs queue commands; ``ready`` envelopes are the shell's to send."""

    def __init__(self, *, number: int, epoch: int, seed: int, block: int) -> None:
        self.number = number
        self.ids = IdBlock(seed, block)
        self.order = Outstanding()
        self.batches = Batches(number, epoch)
        self.names: dict[int, str] = {}
        """Party numbers to names, dead ones too."""
        self.lost: dict[int, str] = {}
        """Dead workers, with what is known of their end."""
        self.reports: list[Report] = []
        """Failures that nobody has raised yet."""
        self.answers: dict[int, Answer | Lost] = {}
        self.commands = 0
        """Number of the newest command."""
        self.fences = 0
        self.on_news: Callable[[dict[str, Any]], None] | None = None
        self._waiting: dict[int, Waiting] = {}
        self._places: weakref.WeakValueDictionary[tuple[int, int], Place] = weakref.WeakValueDictionary()
        """By (worker, id), of what was sent, moved or fetched: such an id may come up again."""
        self._loaded: set[int] = set()
        """Names of workers' own data, which stays where it is when it is moved."""
        self._given_up = 0
        """How often a reference was given up, or something replaced: what no handle owns may go by it (law 6)."""
        self._settled = 0
        """``_given_up`` at the last FENCE."""
        self._raised: set[tuple[int, int, int]] = set()
        """Failures that were raised before their report came: (command, worker, hop)."""
        self._changed: dict[int, weakref.ref[Node]] = {}
        """In-place commands that may still fail, to find the handle that should say so."""
        self._unmarked = 0
        self._marks: set[int] = set()
        self._asked_ids = 0

    # ------------------------------------------------------------ commands

    def send(self, worker: int, id: int, fresh: bool, array: Any, *, keep: bool = False) -> Node:
        """Put an array at a worker under an id; ``fresh`` says that the id was never used anywhere."""
        buffers: list[Any] = []
        wire = values.encode_array(array, buffers)
        batch = self._open(worker, (worker,), OTHER, place=(worker, id))
        batch.buffers = buffers
        node = self._place(worker, id, fresh, None)
        batch.value_bytes += array.nbytes
        batch.weight += array.nbytes
        owned = not keep
        command = (self._next(), SEND, node.name, int(owned), KEEP_SENT if keep else KEEP_NOT, wire)
        self._issue(batch, command, (worker,), creates=[node] if owned else [])
        return node

    def send_pointer(self, worker: int, id: int, fresh: bool, target: Node, *, keep: bool = False) -> Node:
        """Put a pointer to ``target`` at a worker under an id."""
        if depth_of(target) >= HOP_LIMIT:
            raise HopLimit(f"this chain already has {HOP_LIMIT} hops, the limit")
        if _in_the_way(target, make_name(worker, id)):
            id, fresh = self.ids.next(), True
        batch = self._open(worker, (worker,), OTHER, operands=(target,), place=(worker, id))
        node = self._place(worker, id, fresh, target)
        batch.refs.append(target.name)
        wire = (values.POINTER, target.name)
        kept = KEEP_SENT if keep else KEEP_NOT
        command = (self._next(), SEND, node.name, int(not keep), kept, wire)
        self._issue(batch, command, (worker,), creates=[] if keep else [node])
        return node

    def _place(self, worker: int, id: int, fresh: bool, target: Node | None) -> Node:
        """The node for something stored under an id that may have been there before (law 3)."""
        place = self._places.get((worker, id))
        known = place.nodes() if place is not None else []
        if known:
            self._given_up += 1
        node = next((n for n in known if n.claims), None)
        if node is None:
            node = named(make_name(worker, id, 0 if fresh else self.ids.next()), target)
            self._note_place(node)
        node.lead_to(target)
        return node

    def _note_place(self, node: Node) -> None:
        """The id of this node may come up again."""
        if node.place is None:
            key = (node.worker, id_of(node.name))
            place = self._places.get(key)
            if place is None:
                place = self._places[key] = Place()
            place.add(node)

    def call(
        self,
        operation: str,
        args: Sequence[Any],
        kwargs: Mapping[str, Any],
        operands: Sequence[Node],
        count: int | None,
        node_of: Callable[[Any], Node | None],
    ) -> list[Node]:
        """Run an operation where its operands are: ``count`` results, or None for in place. Returns their nodes."""
        first = operands[0]
        worker = first.worker
        path = self._common_path(operands)
        buffers: list[Any] = []

        def name_of(value: Any) -> int | None:
            node = node_of(value)
            return None if node is None else node.name

        wire_args = tuple([values.encode_argument(a, name_of, buffers) for a in args])
        wire_kwargs = {k: values.encode_argument(v, name_of, buffers) for k, v in kwargs.items()} or None
        weight = _weight(operation, (*wire_args, *(wire_kwargs or {}).values()))
        # Nothing can be wrong with the call any more: only now may a fence be taken.
        batch = self._open(worker, path, OTHER, operands=operands)
        batch.buffers = buffers
        batch.weight += weight
        batch.value_bytes += operations.data_bytes(operation, wire_args, wire_kwargs, values.argument_bytes)
        number = self._next()
        if count is None:
            self._watch(number, first)
            self._issue(batch, (number, CALL, None, operation, wire_args, wire_kwargs), path)
            return []
        nodes = [named(make_name(worker, self.ids.next()), result_of(operands)) for _ in range(count)]
        results = nodes[0].name if count == 1 else tuple([n.name for n in nodes])
        self._issue(batch, (number, CALL, results, operation, wire_args, wire_kwargs), path, creates=nodes)
        return nodes

    def call_here(self, operation: str, args: tuple[Any, ...], worker: int) -> Node | None:
        """``call`` for the common case: one result, operands that are owned and data at one worker, wired arguments.

        None when the case is not that simple after all (something multi-hop is under way, or a worker was lost).
        """
        if self.lost or len(self.order):
            return None
        batch = self.batches.batch(worker)
        number = self.commands = self.commands + 1
        node = Node(make_name(worker, self.ids.next()), worker, None)
        node.claims = node.received = 1
        batch.commands.append((number, CALL, node.name, operation, args, None))
        batch.creates.append(node.name)
        if type(args[-1]) is tuple:  # a number beside the operand
            batch.value_bytes += values.NUMBER_BYTES
        if len(batch.commands) >= BATCH_COMMANDS:
            self.flush()
        return node

    def _common_path(self, operands: Sequence[Node]) -> Path | None:
        worker = operands[0].worker
        if all(n.target is None and n.worker == worker for n in operands):
            return (worker,)
        paths = [path_of(n) for n in operands]
        known = [p for p in paths if p is not None]
        if any(p != known[0] for p in known) or any(n.worker != worker for n in operands):
            pairs = zip(operands, paths, strict=True)
            who = "; ".join(f"{self.called(n)} has its data on {self._route(p)}" for n, p in pairs)
            raise NotCollocated(f"the operands are in different places: {who}", hint="move() one of them first")
        return known[0] if len(known) == len(paths) else None

    def called(self, node: Node) -> str:
        """``worker:id`` of a node."""
        return f"{self.names.get(node.worker, node.worker)}:{id_of(node.name)}"

    def _route(self, path: Path | None) -> str:
        if path is None:
            return "a worker that this client has not asked for"
        names = [self.names.get(w, str(w)) for w in path]
        return names[-1] if len(names) == 1 else f"{names[-1]} (by way of {', '.join(names[:-1])})"

    def get(self, node: Node) -> int:
        """Ask for the value as it is at the first hop; the number to wait for."""
        self._note_place(node)  # what is fetched remembers the id, and can be sent under it
        return self._question((0, GET, node.name), node.worker, (node.worker,), node)

    def ask(self, node: Node, question: str) -> int:
        """Ask about the data at the far end; the number to wait for."""
        return self._question((0, C_ASK, node.name, question), node.worker, path_of(node), node)

    def is_in_doubt(self, node: Node) -> bool:
        """Whether the object may be gone, as no handle owns it; ``look`` settles that.

        What changes places or makes references asks first: a command that fails would leave wrong paths behind.
        """
        return not node.claims and node.seen != self._given_up

    def look(self, node: Node) -> tuple[int, int]:
        """Ask whether the object is there; the number to wait for, and what to remember (``node.seen``) if it is."""
        return self._question((0, C_ASK, node.name, HERE), node.worker, (node.worker,), node), self._given_up

    def list(self, worker: int, what: str = "objects") -> int:
        """Ask a worker for its objects once everything is settled; the number to wait for."""
        return self._question((0, LIST, what), worker, (worker,), None, Flag.FENCE | Flag.ALL)

    def named_data(self, worker: int, text: str) -> int:
        """Ask for a pointer to a worker's own data; the number to wait for."""
        return self._question((0, NAMED, text), worker, (worker,), None)

    def _question(self, command: Any, worker: int, path: Path | None, node: Node | None, flags: int = 0) -> int:
        batch = self._open(worker, path, OTHER, flags=flags, operands=() if node is None else (node,))
        number = self._next()
        self._waiting[number] = Waiting(path, node)
        self._issue(batch, (number, *command[1:]), path)
        self.flush()
        return number

    def move(self, node: Node, worker: int, owned: bool) -> Node:
        """Push an object to another worker; its new node. The old one leads there from now on."""
        id = id_of(node.name)
        path = (node.worker, worker)
        new_id = self.ids.next() if leads_through(node, node.name, worker) else id
        place = (worker, new_id)
        there = make_name(worker, new_id)
        ends = (make_name(node.worker, id), there)
        batch = self._open(node.worker, path, MOVE, ends=ends, operands=(node,), place=place)
        new = self._place(worker, new_id, new_id != id, node.target)
        self._note_place(node)
        if node.name not in self._loaded:
            node.lead_to(new)
        number = self._next()
        self._watch(number, new)
        command = (number, C_MOVE, node.name, new.name, int(owned))
        # The stub's reference is booked now: else the new name could be released, and forgotten, before the push.
        batch.refs.append(new.name)
        self._issue(batch, command, path, kind=MOVE, moved_to=there, creates=[new])
        if not owned:
            self.drop(new)  # whoever held the old name holds the new one through the stub
        return new

    def remote_get(self, node: Node) -> None:
        """Replace a pointer at its worker by what it points at; the far object becomes a pointer to it."""
        target = node.target
        if target is None:
            raise InvalidRemoteGet(
                f"{self.called(node)} is data: its worker has nothing to pull", hint="get() brings it here"
            )
        path: Path | None = (node.worker, target.worker, node.worker)
        if target is UNKNOWN:
            path = None
        elif target.worker == node.worker:
            path = (node.worker,)
        batch = self._open(node.worker, path, PULL, operands=(node,))
        self._given_up += 1
        if target is not UNKNOWN and target.target is not node:
            node.lead_to(target.target)
            target.lead_to(node)
        number = self._next()
        self._watch(number, node)
        self._issue(batch, (number, PULL_HERE, node.name), path, kind=PULL)

    def keep(self, node: Node, on: bool) -> None:
        """Let an object stay without references, or no longer."""
        path = (node.worker,)
        batch = self._open(node.worker, path, OTHER, operands=(node,))
        self.batches.flush_others(node.worker)  # it may end the life of what this points at
        self._given_up += 1
        if not on:
            self._loaded.discard(node.name)
        self._issue(batch, (self._next(), KEEP, node.name, int(on)), path)

    def clear(self, worker: int) -> None:
        """Empty a worker's store."""
        batch = self._open(worker, (worker,), OTHER, flags=Flag.FENCE)
        self._issue(batch, (self._next(), CLEAR), (worker,))

    # ------------------------------------------------------------ how a command leaves

    def _watch(self, number: int, node: Node) -> None:
        """Remember whose handle says so if this command fails."""
        self._changed[number] = weakref.ref(node)
        if len(self._changed) > WATCHED:
            del self._changed[next(iter(self._changed))]

    def _next(self) -> int:
        self.commands += 1
        return self.commands

    def _open(
        self,
        worker: int,
        path: Path | None,
        kind: int,
        *,
        ends: Sequence[int] = (),
        flags: int = 0,
        operands: Sequence[Node] = (),
        place: tuple[int, int] | None = None,
    ) -> Batch:
        """The batch that takes the next command, after whatever must leave before it (laws 1 and 6).

        ``place`` is where the command stores something under an id that may have been there before.
        """
        if self.lost:
            self._check_alive(path or (worker,))
        if (
            flags & Flag.FENCE
            or (len(self.order) and self.order.must_fence(path, kind, ends))
            or (self._given_up != self._settled and self._is_in_doubt(operands, place))
        ):
            self._settled = self._given_up
            self.order.clear()
            self.batches.flush()
            self.fences += 1
            return self.batches.batch(worker, flags | Flag.FENCE)
        # What replaces something may end the life of what that pointed at: earlier uses of it elsewhere leave first.
        if path is None or len(path) > 1 or kind != OTHER or (place and place in self._places):
            self.batches.flush_others(worker)
        return self.batches.batch(worker, Flag.FENCE if path is None else 0)

    def _is_in_doubt(self, operands: Sequence[Node], at: tuple[int, int] | None) -> bool:
        """Whether a command depends on an object that no handle owns, and that may be about to go."""
        if any(not node.claims for node in operands):
            return True
        place = self._places.get(at) if at else None
        known = place.nodes() if place is not None else []
        return bool(known) and not any(node.claims for node in known)

    def _issue(
        self,
        batch: Batch,
        command: tuple[Any, ...],
        path: Path | None,
        *,
        kind: int = OTHER,
        moved_to: int = 0,
        creates: Sequence[Node] = (),
    ) -> None:
        batch.commands.append(command)
        for node in creates:
            batch.creates.append(node.name)
            node.received += 1
            node.claims += 1
        if path is None or len(path) > 1:
            self.order.record(path, kind, moved_to, command[0])
        if batch.full():
            self.flush()

    def _check_alive(self, path: Path) -> None:
        for hop, worker in enumerate(path):
            if worker in self.lost:
                raise self.worker_lost(worker, hop)

    def worker_lost(self, worker: int, hop: int = 0) -> WorkerLost:
        """The error for a worker that is gone."""
        name = self.names.get(worker, str(worker))
        where = f" (hop {hop})" if hop else ""
        return WorkerLost(
            f"worker {name}{where} is gone: {self.lost[worker]}", hint="what it held is lost with it; the others go on"
        )

    def flush(self) -> None:
        """Make every open batch and every release ready to send."""
        before = self.batches.sequence
        self.batches.flush()
        self._unmarked += self.batches.sequence - before
        if self._unmarked >= MARK_EVERY:
            self._unmarked = 0
            self._marks.add(self.batches.control(Kind.MARK))
        if self.ids.low() and not self._asked_ids:
            self._asked_ids = self.ask_broker({"what": "ids"})

    def congested(self) -> bool:
        """Whether the caller should wait for the workers before it issues more."""
        return len(self._marks) >= MARKS

    def drop(self, node: Node) -> None:
        """An owning handle is gone."""
        node.claims -= 1
        self._given_up += 1
        if not node.claims and node.received:
            self.batches.releases[node.name] = self.batches.releases.get(node.name, 0) + node.received
            node.received = 0

    def sync(self) -> int:
        """Ask to be told when every session is settled; the key to wait for."""
        self.batches.flush(sync=True)
        self._unmarked = 0  # nothing is under way when this is answered
        self._settled = self._given_up
        self.order.clear()
        return self._await_broker(self.batches.sequence)

    def ask_broker(self, request: dict[str, Any], *, settled: bool = False) -> int:
        """Ask about the run; the key to wait for."""
        body = bodies.dumps(request)
        flags = Flag.FENCE | Flag.ALL if settled else 0
        return self._await_broker(self.batches.control(Kind.ASK, body, flags=flags))

    def _await_broker(self, sequence: int) -> int:
        self._waiting[-sequence] = Waiting((), None)
        return -sequence

    def leave(self) -> None:
        """Make the last words ready."""
        self.batches.flush()
        self.batches.control(Kind.BYE)

    # ------------------------------------------------------------ what comes back

    def receive(self, envelope: Envelope) -> None:
        """Take in one envelope; answers appear in ``answers``, failures in ``reports``."""
        header, body, buffers = envelope
        if header.kind == Kind.REPLY:
            arrived = dict(names_of(header.refs))
            for reply in bodies.loads_as(tuple, body):
                self._reply(header.source, reply, buffers, arrived)
            for name, count in arrived.items():
                self.batches.releases[name] = self.batches.releases.get(name, 0) + count
        elif header.kind == Kind.ROSTER:
            self._news(bodies.loads_as(dict, body))
        elif header.kind == Kind.MARKED:
            self._marks.discard(header.sequence)
        elif header.kind in (Kind.SYNCED, Kind.TOLD):
            value = bodies.loads(body) if body else None
            if -header.sequence == self._asked_ids:
                self._waiting.pop(self._asked_ids)
                self._asked_ids = 0
                self.ids.grant(int(value))  # type: ignore[arg-type]
            else:
                self._answer(-header.sequence, Answer(PLAIN, value))
        else:
            raise ProtocolError(f"the broker sent a {Kind(header.kind).name} to a client")

    def _reply(self, source: int, reply: Any, buffers: tuple[Any, ...], arrived: dict[int, int]) -> None:
        number, status, payload = reply
        if status == REPORT:
            self._reported(Report(*payload))
            return
        waiting = self._waiting.get(number)
        if waiting is None:
            return  # given up: what it brought goes back with the next flush
        self.order.answered(_passed(waiting.path, source), number)
        if status == VALUE:
            self._answer(number, self._value(payload, buffers, arrived, waiting.node))
        else:
            self._answer(number, Answer(status, Report(*payload) if status == FAILED else payload, buffers))

    def _value(self, wire: Any, buffers: tuple[Any, ...], arrived: dict[int, int], node: Node | None) -> Answer:
        if wire[0] == values.POINTER:
            return Answer(VALUE, self._arrived(wire[1], arrived, node))
        if wire[0] == values.ERROR:
            return Answer(FAILED, Report(*wire[1]))
        return Answer(VALUE, values.decode_array(wire, buffers))

    def _arrived(self, name: int, arrived: dict[int, int], source: Node | None) -> Node:
        """The node for a pointer that came, with one claim for the handle that will be made of it."""
        node = source.target if source else None
        if node is not None and node is not UNKNOWN and node.name in (0, name):
            node.name = name
        elif source is None:
            node = named(name)
            self._loaded.add(name)
        else:
            node = self._known(name) or named(name, UNKNOWN)
            self._note_place(node)
        arrived[name] -= 1
        if not arrived[name]:
            del arrived[name]
        node.received += 1
        node.claims += 1
        return node

    def _known(self, name: int) -> Node | None:
        place = self._places.get((worker_of(name), id_of(name)))
        return next((n for n in place.nodes() if n.name == name), None) if place is not None else None

    def raised(self, report: Report) -> None:
        """A failure was raised as the value of a result: its report, here or on its way, says nothing new."""
        left = [r for r in self.reports if _key(r) != _key(report)]
        if len(left) == len(self.reports) and report.operation not in _QUESTIONS:
            self._raised.add(_key(report))
        self.reports = left

    def _reported(self, report: Report) -> None:
        if _key(report) in self._raised:
            self._raised.discard(_key(report))
            return
        self.reports.append(report)
        changed = self._changed.pop(report.command, None)
        node = changed() if changed else None
        if node is not None:
            node.fault = report.command

    def _news(self, news: dict[str, Any]) -> None:
        if "joined" in news:
            number, name, _role, *_ = news["joined"]
            self.names[number] = name
        if news.get("role") == "worker":
            number = news["lost"]
            self.lost[number] = str(news["why"])
            for key, waiting in list(self._waiting.items()):
                if waiting.path is None or number in waiting.path:
                    self._answer(key, Lost(number))
        if self.on_news:
            self.on_news(news)

    def _answer(self, key: int, answer: Answer | Lost) -> None:
        if self._waiting.pop(key, None) is not None:
            self.answers[key] = answer

    def settled(self, upto: int) -> None:
        """A SYNC was answered: no command up to that number can still fail."""
        if self._changed:
            self._changed = {number: node for number, node in self._changed.items() if number > upto}
        if self._raised:
            self._raised = {key for key in self._raised if key[0] > upto}

    def give_up(self, key: int) -> None:
        """Nobody waits for this answer any more; what it brings is released when it comes."""
        self._waiting.pop(key, None)
        answer = self.answers.pop(key, None)
        if isinstance(answer, Answer) and isinstance(answer.value, Node):
            self.drop(answer.value)

    def check(self) -> None:
        """Assert the laws that one look can see."""
        for node in [node for place in self._places.values() for node in place.nodes()]:
            assert node.claims >= 0, f"{node.name} has fewer handles than none"
            assert bool(node.received) >= bool(node.claims), f"{node.name} is owned without a reference"
        self.batches.check()
        assert not self._waiting.keys() & self.answers.keys(), "a command both waits and is answered"


_QUESTIONS = frozenset({LABELS[GET], LABELS[C_ASK], LABELS[LIST], LABELS[NAMED]})
"""Commands whose failure is their answer: no report comes."""


def _key(report: Report) -> tuple[int, int, int]:
    return (report.command, report.worker, report.hop)


def _in_the_way(target: Node, name: int) -> bool:
    """Whether a pointer to ``target`` stored under ``name`` would stand in its own way."""
    same = target.worker == worker_of(name) and id_of(target.name) == id_of(name)
    return same or leads_through(target, name, worker_of(name))


def _weight(operation: str, wires: tuple[Any, ...]) -> int:
    """What a command adds to a body; raises MessageTooLarge for one that no body can hold."""
    weight = sum([values.weight(wire) for wire in wires])
    if weight > MAX_BODY_BYTES // 2:
        raise MessageTooLarge(
            f"the arguments of {operation} take about {weight} bytes, over the limit of {MAX_BODY_BYTES // 2}",
            hint="pass long lists as arrays: np.asarray(x)",
        )
    return weight


def _passed(path: Path | None, source: int) -> Path:
    """The start of a path that a reply from ``source`` proves: all of it only when its far end answered."""
    if path is None:
        return ()
    return path if path[-1] == source and path.count(source) == 1 else path[:1] if path[0] == source else ()
