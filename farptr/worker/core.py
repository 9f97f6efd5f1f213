"""One worker's decisions: turns. No socket, clock or thread.

Laws
    1. One envelope is one turn, taken whole and in order; nothing is parked, and nobody waits for another worker:
       what concerns another worker is forwarded.
    2. A turn leaves in this order: forwards and pushes, replies, releases, DONE. Nothing leaves after DONE.
    3. References that come with a header last to the end of the turn; releases are decided there.
    4. A pointer to an object of this worker is followed inside the turn (``turn``).
    5. An envelope that comes twice is dropped: each party's sequence numbers grow. Nothing is run twice, and no block
       of ids is granted twice.
    6. A command that fails leaves an error under its result, or an answer, or a report: never silence.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from farptr.protocol import body as bodies
from farptr.protocol import values
from farptr.protocol.authority import FETCH, Allowed
from farptr.protocol.commands import (
    ASK,
    CALL,
    CELL,
    CLEAR,
    FAILED,
    FORGET,
    FUNCTION,
    GET,
    HERE,
    KEEP,
    KEEP_NOT,
    KEEP_OWN,
    KEEP_SENT,
    LIST,
    MOVE,
    NAMED,
    PLAIN,
    PUBLISH,
    PULL,
    PULL_HERE,
    PUSH,
    QUESTIONS,
    REPORT,
    SEARCH,
    SEND,
    TAG,
    VALUE,
    Envelope,
)  # fmt: skip
from farptr.protocol.errors import FarptrError, LinkLost, ProtocolError, Report
from farptr.protocol.functions import OFF, is_call
from farptr.protocol.header import Flag, Header, Kind, Ones, References, names_of
from farptr.protocol.ids import IdBlock, id_of, make_name, worker_of
from farptr.protocol.plain import STRUCTURE, Plain
from farptr.protocol.shapes import check_command, is_numbered
from farptr.protocol.standard import WHERE
from farptr.worker import execute
from farptr.worker.authority import Authority, without_values
from farptr.worker.calls import Calls
from farptr.worker.cells import Cells
from farptr.worker.failures import report_of
from farptr.worker.finding import Finding
from farptr.worker.functions import Functions
from farptr.worker.functions import ask as ask_of_value
from farptr.worker.listing import measures_of, memory_of_own, row_of
from farptr.worker.outbox import Outbox
from farptr.worker.places import Places
from farptr.worker.store import Failure, Pointer, Store
from farptr.worker.turn import Command, Tell, Turn


class WorkerCore:
    """One worker: feed it envelopes with ``turn``; it gives back the envelopes to send, in order."""

    def __init__(
        self,
        *,
        number: int,
        epoch: int,
        ids: IdBlock,
        functions: str = OFF,
        admit: Callable[[int], None] | None = None,
        near: bool = False,
        allowed: Allowed | None = None,
        tell: Tell | None = None,
    ) -> None:
        self.number, self.epoch = number, epoch
        self._near = near
        """Whether all who can reach the run are processes of this user."""
        self.ids = ids
        self.store = Store()
        self.names: dict[int, str] = {}
        """Party numbers to names, for messages."""
        self.duplicates = 0
        """Envelopes that came twice."""
        self._newest: dict[int, int] = {}
        """The last sequence number from each party."""
        self._asked = 0
        """Sequence number of the question for more ids, while it has no answer."""
        self._out = Outbox(number, epoch)
        self.authority = Authority(allowed, lambda: self.names.get(number, f"worker {number}"))
        self._turn = Turn(number, ids, self.store, self._out, self.names, self._command)
        self._turn.admit, self._turn.authority, self._turn.tell = admit, self.authority, tell
        self._places = places = Places(self._turn)
        finding = Finding(self._turn, places)
        self._cells = Cells(self._turn, places, functions)
        self._functions = Functions(self._turn, self._cells.check_allowed)
        self._calls = calls = Calls(self._turn, self._fail, self._functions)
        self._handlers: dict[int, Callable[[Command], None]] = {
            SEND: self._send, CALL: calls.call, GET: self._get, ASK: self._ask, MOVE: places.move,
            PULL_HERE: places.pull_here, PULL: places.pull, PUSH: places.push, LIST: self._list, NAMED: finding.named,
            KEEP: self._keep, CLEAR: self._clear, TAG: finding.tag, SEARCH: finding.search, PUBLISH: finding.publish,
            FORGET: finding.forget, CELL: self._cells.run, FUNCTION: self._functions.keep,
        }  # fmt: skip

        self.sockets: Callable[[], tuple[int, int]] = lambda: (0, 0)  # bytes in and out, which its shell counts
        self._plain_lists: dict[str, Callable[[], Any]] = {
            "sockets": lambda: self.sockets(),
            "count": lambda: len(self.store), "edges": self.store.edges, "kept": self.store.kept,
            "measures": lambda: tuple([measures_of(*row) for row in self.store.listing()]),
        }  # fmt: skip

    def load(self, arrays: dict[str, Any]) -> None:
        """Store the worker's own data: it belongs to nobody else and stays until removed on purpose."""
        self._cells.private |= bool(arrays)
        for i, (label, array) in enumerate(arrays.items()):
            name = make_name(self.number, self.ids.next())
            self.store.put(name, values.checked(array), 0, (0, 0, 0, i), KEEP_OWN).own = label
            self.store.label(name, label)

    def news(self, news: dict[str, Any]) -> None:
        """A party joined (or left: its name stays known, for messages)."""
        if "joined" in news:
            self.know(news["joined"])
        elif "lost" in news:
            self._functions.forget(news["lost"])

    def know(self, row: Any) -> None:
        """A party of the run, as in a roster."""
        self.names[row[0]] = row[1]
        if row[2] == "client":
            self.authority.users[row[0]] = row[5]

    def ask_for_ids(self) -> Envelope | None:
        """The question for another block of ids, to be sent before a turn; None while none is needed."""
        if self._asked or not self.ids.low():
            return None
        self._asked = self._out.next_sequence()
        body = bodies.dumps({"what": "ids"})
        return Envelope(Header(Kind.ASK, epoch=self.epoch, sequence=self._asked, body_bytes=len(body)), body)

    def told(self, envelope: Envelope) -> None:
        """The answer to ``ask_for_ids``; raises ProtocolError, Exhausted. One that comes twice is dropped."""
        if envelope.header.sequence != self._asked:
            self.duplicates += 1
            return
        self._asked = 0
        self.ids.grant(bodies.loads_as(int, envelope.body))

    # ------------------------------------------------------------ turns

    def turn(self, envelope: Envelope) -> list[Envelope]:
        """One envelope's work: what leaves, in order, the last one with DONE. Nothing, if it came before."""
        header, body, buffers = envelope
        if header.sequence:
            if header.sequence <= self._newest.get(header.source, 0):
                self.duplicates += 1
                return []
            self._newest[header.source] = header.sequence
        self._turn.begin(header, buffers)
        if header.kind == Kind.FREE:
            self._free(header.refs)
        elif header.kind == Kind.COMMAND:
            for target, count in names_of(header.refs):
                self.store.receive(target, count)
            if header.flags & Flag.LOST:
                self._lost(header.source, body)
            else:
                self._batch(body)
            if header.releases:
                self._free(header.releases)
        self._turn.buffers = ()
        return self._out.end(self.store.end_turn())

    def _free(self, what: References) -> None:
        if type(what) is Ones:
            self.store.free_ones(what)
            return
        for name, exports in names_of(what):
            self.store.free(name, exports)

    def _batch(self, body: bytes) -> None:
        try:
            commands = bodies.loads_as(tuple, body, near=self._near)
        except ProtocolError as error:
            self._out.reply(self._failed((0, 0), error))
            return
        out, simply, last = self._out, self._calls.simply, commands[-1] if commands else None
        confined = self.authority.confined(self._turn.root)
        for command in commands:
            if confined or not simply(command):
                out.last = command is last
                self._command(command)

    def _lost(self, source: int, body: bytes) -> None:
        """These commands did not come through: what they would have stored has failed, and so have they."""
        called = self._turn.called
        error = LinkLost(
            f"what {called(source)} sent to {called(self._turn.number)} was lost on its way",
            hint="`sim.net` shows the links; a partition has to heal within `give_up`",
        )
        self._turn.lost = error
        try:
            for command in bodies.loads_as(tuple, body, near=self._near):
                if is_numbered(command) and command[1] in (SEND, PUSH):
                    self._command(command)
                else:
                    self._fail(command, error)
        finally:
            self._turn.lost = None

    def _command(self, command: Any) -> None:
        try:
            check_command(command)
            handler = self._handlers[command[1]]
        except (ProtocolError, KeyError):
            numbers = command[:2] if is_numbered(command) else (0, 0)
            self._out.reply(self._failed(numbers, ProtocolError("a malformed command")))
            return
        try:
            root = self._turn.root
            self.authority.check_command(root, command)
            if self.authority.confined(root):
                self.authority.check_made(root, command, self._maker)
            handler(command)
        except Exception as error:  # whatever a command does, the worker lives on and somebody is told
            self._fail(command, error)

    def _maker(self, name: int) -> int:
        """The client that made what is here under a name; who asks, where it is no such name."""
        root = self._turn.root
        return self.store.maker(id_of(name), root) if worker_of(name) == self.number else root

    # ------------------------------------------------------------ values

    def _send(self, command: Command) -> None:
        _, _, name, exports, keep, wire, *about = command
        self._places.check_shared(name, wire, exports)
        entry = self.store.put(name, self._turn.taken(command, wire), exports, self._turn.order(command), keep)
        entry.about = about[0] if about else entry.about

    def _get(self, command: Command) -> None:
        number, _, name, *far = command
        entry = self.store.entry(name)
        if far and isinstance(entry.value, Pointer):
            self._turn.check_hop()
            self._turn.go_on(worker_of(entry.value.target), (number, GET, entry.value.target, *far), [])
            return
        if entry.own is not None:
            self.authority.check(self._turn.root, FETCH)
        answer: Command = (number, VALUE, self._turn.encoded(entry.value, None))
        if far:
            answer = (*answer, entry.about, name)
        elif entry.about is not None:
            answer = (*answer, entry.about)
        self._out.reply(answer)

    def _ask(self, command: Command) -> None:
        number, code, name, question = command
        value = self.store.value(name)
        if question == HERE:
            self._out.reply((number, PLAIN, True))
        elif isinstance(value, Pointer):
            self._turn.check_hop()
            self._turn.go_on(worker_of(value.target), (number, code, value.target, question), [])
        elif isinstance(value, Failure):
            self._out.reply((number, FAILED, tuple(value.report)))
        elif question == WHERE:
            self._out.reply((number, PLAIN, name))
        else:
            whole = isinstance(value, Plain) or question == STRUCTURE
            answer = ask_of_value(value, question) if whole else execute.ask(value, question)  # type: ignore[arg-type]
            if question in ("item", "index") and not isinstance(value, Plain):
                if self.store.by_name[name].own is not None:
                    self.authority.check(self._turn.root, FETCH)
                self._out.moved(value)
            self._out.reply((number, PLAIN, answer))

    # ------------------------------------------------------------ the store itself

    def _list(self, command: Command) -> None:
        number, _, what = command
        plain = self._plain_lists.get(what)
        if plain is not None:
            self._out.reply((number, PLAIN, plain()))
            return
        shown, found = self.authority.shown_to(self._turn.root), self.store.listing()
        own = memory_of_own(found)
        self._out.reply((number, PLAIN, tuple(row_of(id, entry, self._out, shown, own) for id, entry in found)))

    def _keep(self, command: Command) -> None:
        _, _, name, keep = command
        entry = self.store.entry(name)
        if not keep:
            entry.keep = KEEP_NOT
            self._places.free_unless_held(entry)
        elif entry.keep != KEEP_OWN:  # that stays anyhow
            entry.keep = KEEP_SENT

    def _clear(self, command: Command) -> None:
        for _, entry in self.store.listing():
            self.store.remove(entry)

    # ------------------------------------------------------------ failure

    def _fail(self, command: Command, error: Exception) -> None:
        if command[1] == CALL:
            report = self._report(command, error)
            self._calls.fail(command, report)
            if is_call(command[3]) and not isinstance(error, FarptrError):  # it may say whatever the function had
                self._out.count(None, len(report.message.encode()) + len(report.trace.encode()))
        self._out.reply(self._failed(command, error))

    def _failed(self, command: Command, error: Exception) -> Command:
        """The answer that a command failed, or the report if nobody waits for an answer."""
        status = FAILED if command[1] in QUESTIONS else REPORT
        return (command[0], status, tuple(self._report(command, error)))

    def _report(self, command: Command, error: Exception) -> Report:
        report = report_of(command, error, self.number, self._turn.hop, self._turn.root)
        # A message of farptr's own has no values in it, and who may run functions may print what is here.
        ours = isinstance(error, FarptrError) or (command[1] == CALL and is_call(command[3]))
        return report if ours or not self._cells.private else without_values(report)

    def check(self) -> None:
        """Assert the laws that one look can see, between turns."""
        self.store.check()
