"""A recorded run as scripts: what each worker sent in each turn, and what the client sent after what it was handed.

Law
    A client sends the same as in the recorded run once it was handed all that it had been handed by then: answers that
    had come count as waited for.
"""

from __future__ import annotations

from collections import Counter, defaultdict, deque
from collections.abc import Iterable
from typing import NamedTuple

from farptr.journal.records import Came, Fact, Handed, Record
from farptr.protocol.errors import JournalError
from farptr.protocol.header import Flag, Header, Kind

_COMMAND, _FREE, _IDLE, _TOLD, _ASK = map(int, (Kind.COMMAND, Kind.FREE, Kind.IDLE, Kind.TOLD, Kind.ASK))
_REPLY, _BYE, _PART = int(Kind.REPLY), int(Kind.BYE), int(Kind.PART)
_BULK = frozenset({_PART, int(Kind.TAKEN)})
_ENDS = frozenset({_IDLE, _BYE})
_NEWS = frozenset({int(Kind.WELCOME), int(Kind.ROSTER)})

Key = tuple[int, int, int]
"""Of what a client was handed: (source, kind, sequence number); the broker's words are counted by kind."""


class Sent(NamedTuple):
    """One envelope that a party sends."""

    header: Header
    payload_bytes: int
    """Body, buffers, and what of the header's lists goes on to the receiver."""
    pause_ns: int = 0
    """Of a client: how long it let pass before. Of its ``sleep``: how long that took."""
    sleeps: bool = False


class Got(NamedTuple):
    """One thing that a client must have been handed before it goes on."""

    key: Key


class Turn(NamedTuple):
    """What a worker did with one envelope."""

    cost_ns: int
    sent: list[Sent]


class Script:
    """Feed it the records of a run that was recorded whole.

    Raises JournalError for a run that cannot be re-timed: one with several clients, or that lost a party.
    """

    def __init__(self) -> None:
        self.parties: list[tuple[int, str, str]] = []
        """(number, name, role), in the order in which they joined."""
        self.client = 0
        self.steps: list[Sent | Got] = []
        """Of the client."""
        self.turns: dict[tuple[int, int, int], Turn] = {}
        """Of workers, by worker and the source and sequence number of the envelope."""
        self.began_ns = 0
        """When the client joined, if another one had come and gone before."""
        self.ended_ns = 0
        self._open: dict[int, deque[tuple[tuple[int, int, int] | None, int]]] = defaultdict(deque)
        self._sent: dict[int, list[Sent]] = defaultdict(list)
        self._free_ns: dict[int, int] = defaultdict(int)
        self._counts: Counter[int] = Counter()
        self._client_ns = 0
        self._ahead: Counter[tuple[int, int]] = Counter()
        """Bytes of the parts that have gone ahead of an envelope, by pair."""
        self._left = False
        """The client is gone: what comes then is the end of the run, or another client."""
        self._works = False
        """The client has sent a command: it is the program, and not who only described the network."""
        self._later: dict[int, bool] = {}
        """Clients that came after the program, and whether they have sent commands."""
        self._lost = ""
        self._asked: deque[tuple[int, int]] = deque()

    def fold(self, records: Iterable[Record]) -> Script:
        """All of them; returns itself."""
        for record in records:
            if self._left:
                self._afterwards(record)
            elif type(record) is Came:
                self._came(record)
            elif type(record) is Handed:
                self._handed(record)
            elif type(record) is Fact:
                self._fact(record)
        if not self.client:
            raise JournalError("no client took part in this run: there is nothing to time")
        return self

    @property
    def makespan_ns(self) -> int:
        """What the recorded run took."""
        return max(0, self.ended_ns - self.began_ns)

    @property
    def others(self) -> int:
        """How many clients worked after the one that is timed."""
        return sum(self._later.values())

    def _afterwards(self, record: Record) -> None:
        if type(record) is Came:
            if record.source in self._later and record.header.kind == _COMMAND:
                self._later[record.source] = True
        elif type(record) is Fact and record.what == "left" and record.fields["party"] != self.client:
            self._lost = str(record.fields["why"])
        elif type(record) is Fact and record.what == "joined":
            number, name, role = record.fields["party"]
            if role == "client" and self._works:
                self._later[number] = False
            elif not self._works:
                self.parties.append((number, name, role))
                if role == "client":
                    self._anew(number, record.time_ns)

    def _anew(self, client: int, now_ns: int) -> None:
        """The client before did nothing; this one may be the program."""
        if self._lost:
            raise JournalError(f"something was lost in this run ({self._lost}): it cannot be re-timed")
        self.client, self._left = client, False
        self.began_ns = self.ended_ns = self._client_ns = now_ns
        for noted in (self.steps, self.turns, self._open, self._sent, self._counts, self._ahead, self._asked):
            noted.clear()

    def _fact(self, fact: Fact) -> None:
        if fact.what == "joined":
            number, name, role = fact.fields["party"]
            if role == "client" and self.client:
                raise JournalError("a run with several clients cannot be re-timed", hint="record it with one")
            if self.steps:
                raise JournalError(f"{name} joined later: such a run cannot be re-timed")
            self.parties.append((number, name, role))
            self.client = number if role == "client" else self.client
        elif fact.what == "parties":
            raise JournalError("the beginning of this journal is gone by rotation: it cannot be re-timed")
        elif fact.what == "left" and fact.fields["party"] == self.client:
            self._left = True
        elif fact.what in ("left", "dropped"):
            raise JournalError(f"something was lost in this run ({fact.fields['why']}): it cannot be re-timed")

    def _came(self, came: Came) -> None:
        header = came.header
        if header.kind in _ENDS:
            self._left |= header.kind == _BYE and came.source == self.client
            return
        self.ended_ns = max(self.ended_ns, came.time_ns)
        pair = (came.source, header.destination)
        if header.kind in _BULK:
            self._ahead[pair] += came.payload_bytes if header.kind == _PART else 0
            return
        apart = self._ahead.pop(pair, 0) if header.kind in (_COMMAND, _REPLY) else 0
        if not apart and header.flags & Flag.APART:
            apart = header.value_bytes  # in shared memory: a network would carry it
        sent = Sent(header, came.payload_bytes + 8 * len(header.refs) + apart)
        if came.source == self.client:
            self._works |= header.kind == _COMMAND
            sent = sent._replace(pause_ns=max(0, came.time_ns - self._client_ns))
            self._client_ns = came.time_ns
            if header.kind == _ASK:
                self._asked.append((len(self.steps), came.time_ns))
            self.steps.append(sent)
            return
        mine = self._sent[came.source]
        mine.append(sent)
        if header.flags & Flag.DONE and self._open[came.source]:
            key, began_ns = self._open[came.source].popleft()
            cost_ns = came.time_ns - max(began_ns, self._free_ns[came.source])
            self._free_ns[came.source] = came.time_ns
            if key is not None:
                self.turns[key] = Turn(cost_ns, mine[:])
            mine.clear()

    def _handed(self, handed: Handed) -> None:
        if handed.kind in _NEWS or handed.kind in _BULK:
            return
        self.ended_ns = max(self.ended_ns, handed.time_ns)
        if handed.destination != self.client:
            if handed.kind in (_COMMAND, _FREE):
                key = (handed.destination, handed.source, handed.sequence) if handed.kind == _COMMAND else None
                self._open[handed.destination].append((key, handed.time_ns))
            return
        number = handed.sequence
        if not handed.source:
            number = self._counts[handed.kind]
            self._counts[handed.kind] += 1
        if handed.kind == _TOLD and self._asked:
            self._answered(handed.time_ns)
        self._client_ns = handed.time_ns
        self.steps.append(Got((handed.source, handed.kind, number)))

    def _answered(self, now_ns: int) -> None:
        """A question that is held by no fence and was answered later was a sleep of that length."""
        at, asked_ns = self._asked.popleft()
        asked = self.steps[at]
        if isinstance(asked, Sent) and now_ns > asked_ns and not asked.header.flags & Flag.FENCE:
            self.steps[at] = asked._replace(pause_ns=now_ns - asked_ns, sleeps=True)
