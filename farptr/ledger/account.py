"""The account of a run: who received which bytes, made of whose data."""

from __future__ import annotations

import contextlib
import gc
import os
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from farptr.journal.folder import wait_written
from farptr.journal.reading import Reader
from farptr.journal.records import Record
from farptr.ledger.folding import Fold
from farptr.ledger.lineage import ANYTHING
from farptr.ledger.receipts import Line, Receipt
from farptr.ledger.view import View
from farptr.protocol.errors import DataSeen, JournalDamaged, JournalError, UnknownWorker, UsageError
from farptr.protocol.ids import id_of, worker_of
from farptr.protocol.names import did_you_mean

Unless = str | Callable[[Receipt], bool] | None
Also = Callable[[Fold], Iterable[Callable[[Record], None]]]
_AGGREGATE = "aggregate"


class Ledger:
    """The account of one run, folded from its journal. ``open_journal`` makes one, and ``sim.ledger``.

    It is that of the moment when it was made. Nothing is asked of the run.
    """

    def __init__(self, reader: Reader, also: Also = lambda _: (), until_ns: int | None = None) -> None:
        """``also``: other folds of the same records, given this one's; each has a record after it.
        ``until_ns``: up to that moment of the run.
        """
        self._reader = reader
        grows = not wait_written(reader.path, 0.0)
        self._fold = fold = Fold()
        others = list(also(fold))
        with _no_collections():
            for record in reader.until(until_ns):
                fold.add(record)
                for other in others:
                    other(record)
        self.path = reader.path
        self.manifest = dict(reader.manifest)
        self._ends_early = reader.cut if not grows else ""
        """Why it is no account of all that passed so far; one that is written still has all of it."""

    # ------------------------------------------------------------ what it says of itself

    @property
    def notices(self) -> list[str]:
        """What a reader must know: that the journal is cut off, or its beginning gone, or lines left out."""
        found = [self._reader.cut] if self._reader.cut else []
        if self._reader.missing:
            found.append(f"the first {self._reader.missing} records are gone by rotation: what came before is not here")
        if self._fold.left_out:
            found.append(f"{self._fold.left_out} receipts beyond the first {len(self.receipts)} are only added up")
        return found

    def check(self) -> None:
        """Raise JournalDamaged unless it balances: sent = received + dropped + in flight, as the sockets counted."""
        faults = self._fold.balance.faults() if not self._reader.missing else []
        if self._fold.verdict is not None:
            faults += [fault for fault in self._fold.verdict["faults"] if fault not in faults]
        if faults:
            raise JournalDamaged(
                f"the account of {self.path} does not balance: {faults[0]}",
                hint=f"{len(faults)} faults in all; please report this, with the journal",
            )

    def __repr__(self) -> str:
        return f"<Ledger of {self.path}: {len(self.receipts)} receipts, {', '.join(self.parties)}>"

    # ------------------------------------------------------------ who and how much

    @property
    def parties(self) -> list[str]:
        """Everybody who was in the run, the broker first."""
        return list(dict.fromkeys(self._fold.names.values()))

    @property
    def receipts(self) -> list[Receipt]:
        """Data that parties were handed, in order."""
        return self._fold.receipts

    def lines(self) -> list[Line]:
        """One line for each pair of parties, by name, sorted; with the broker as receiver what it read itself."""
        fold = self._fold
        found: dict[tuple[str, str], tuple[int, ...]] = {}
        for source, destination in fold.envelopes:
            kinds = fold.by_kind[source, destination]
            found[destination, source] = (
                fold.envelopes[source, destination], fold.value_bytes[source, destination],
                fold.wire_bytes[source, destination], kinds["raw"], kinds["derived"],
                kinds["aggregate"],
            )  # fmt: skip
        return [Line(*key, *numbers) for key, numbers in sorted(found.items())]

    def matrix(self, what: str = "value_bytes") -> dict[str, dict[str, int]]:
        """Bytes by source, then destination, both in the order of ``parties``.

        Args:
            what: ``value_bytes``, ``wire_bytes`` or ``envelopes``.
        """
        if what not in ("value_bytes", "wire_bytes", "envelopes"):
            raise UsageError(f"a matrix of {what!r}", hint="value_bytes, wire_bytes or envelopes")
        empty = {a: dict.fromkeys(self.parties, 0) for a in self.parties}
        for line in self.lines():
            empty[line.source][line.party] += getattr(line, what)
        return empty

    @property
    def relayed_bytes(self) -> int:
        """What passed the broker for others, in bytes of frames: relayed, not read."""
        return self._fold.relayed_bytes

    @property
    def dropped_bytes(self) -> int:
        """What was sent and reached nobody: body and buffers."""
        return self._fold.balance.dropped.total()

    @property
    def in_flight_bytes(self) -> int:
        """What had met no end when the account was made: body and buffers."""
        return self._fold.balance.in_flight().total()

    def view(self, party: str) -> View:
        """Exactly what a party was handed, in order. Raises UnknownWorker."""
        self._known(party)
        return View(party, tuple(receipt for receipt in self.receipts if receipt.party == party))

    # ------------------------------------------------------------ verdicts

    def saw(self, party: str, source: Any = None, *, unless: Unless = None) -> list[Receipt]:
        """What a party was handed that was made of a source; see ``assert_never_saw`` for the arguments."""
        self._known(party)
        following = None if source is None else self._fold.lineage.following(self._matching(source))
        allowed = rule(unless)
        numbers = [number for number, name in self._fold.names.items() if name == party]
        versions = {v for number in numbers for v in self._fold.seen[number] if following is None or following[v]}
        found = [r for r in self.receipts if r.party == party and r.version in versions and not allowed(r)]
        listed = {r.version for r in self.receipts if r.party == party} if self._fold.left_out else versions
        return found + [r for v in versions - listed if not allowed(r := self._stand_in(party, v))]

    def assert_never_saw(self, party: str, source: Any, *, unless: Unless = None) -> None:
        """Raise DataSeen when a party was handed anything that was made of a source.

        Args:
            party: a worker, or ``"me"`` for every client.
            source: ``"julie"`` for all of that party's data, ``"julie/x"`` for what is called or tagged ``x`` there,
                ``"julie:ID"``, or a pointer.
            unless: what is allowed: ``"derived"`` (and aggregates), ``"aggregate"``, ``"aggregate:3"`` (of at least so
                many owners besides the receiver), or a function of a ``Receipt`` that is true for what is allowed.

        What was made of a source before it got its name counts only by what that was made of. A kind says what a value
        was made of, not how little it tells: ``x + 0 * y`` is an aggregate, too. Raises UnknownWorker for names that
        the run never had, UsageError for a source that it never had, and JournalError where the journal does not have
        all that passed: then nobody knows.
        """
        found = self.saw(party, source, unless=unless)
        if not found:
            self._check_whole(party)
            return
        first = found[0]
        told = f"{first.value_bytes} bytes {first.kind}, {first.what} by {first.source}"
        raise DataSeen(
            f"{party} was handed {told}, made of {', '.join(first.sources)}",
            hint=f"error.receipts has all {len(found)} that show it; `farptr ledger --by-party` shows everything",
            receipts=found,
        )

    def _check_whole(self, party: str) -> None:
        early = self._ends_early
        if early or self._reader.missing:
            raise JournalError(
                f"what {party} saw is not known: {early or self.notices[0]}",
                hint=f"nothing of it is in what is left of {self.path}; `.saw()` and `.notices` say what is there",
            )

    def _stand_in(self, party: str, version: int) -> Receipt:
        fold = self._fold
        number = next(number for number, name in fold.names.items() if name == party)
        kind, owners, sources, certain = fold.made_of(version, number)
        return Receipt(0.0, party, "?", "handed", "", 0, kind, owners, sources, version, certain)

    def _known(self, party: str) -> None:
        if party not in self.parties:
            raise UnknownWorker(f"the run had no party {party!r}", hint=did_you_mean(party, self.parties))

    def _matching(self, source: Any) -> Iterable[int]:
        """The versions that a source stands for."""
        fold, lineage = self._fold, self._fold.lineage
        owner, name, label = self._parsed(source)
        for version, origins in enumerate(lineage.origins):
            if any(fold.called(o) == owner and ((label is None and name is None) or n == ANYTHING) for o, n in origins):
                yield version
                continue
            its = lineage.names[version]
            if its and fold.called(worker_of(its)) == owner:
                labels = lineage.labels.get(version, ())
                if (name is not None and id_of(its) == name) or (label is not None and label in labels):
                    yield version

    def _parsed(self, source: Any) -> tuple[str, int | None, str | None]:
        """(owner, id or None, label or None); raises when the run never had it."""
        core = getattr(source, "id_at_location", None)
        if core is not None and not isinstance(source, str):
            source = f"{source.location.name}:{core}"
        owner, slash, label = str(source).partition("/")
        owner, colon, id = owner.partition(":") if not slash else (owner, "", "")
        self._known(owner)
        if colon and not id.isdigit():
            raise UsageError(f"{source!r} is no source", hint="julie, julie/name, julie:ID or a pointer")
        names = {text for found in self._fold.lineage.labels.values() for text in found}
        if slash and label not in names:
            raise UsageError(f"nothing was ever called {label!r}", hint=did_you_mean(label, sorted(names)))
        return owner, int(id) if colon else None, label if slash else None


@contextlib.contextmanager
def _no_collections() -> Iterator[None]:
    """A fold makes millions of tuples and no cycles: to look for some would take a third of its time."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def rule(unless: Unless) -> Callable[[Receipt], bool]:
    """What an ``unless=`` allows, of a receipt. Raises UsageError."""
    if unless is None:
        return lambda _: False
    if callable(unless):
        return unless
    kind, colon, least = unless.partition(":")
    if kind not in ("derived", _AGGREGATE) or (colon and not (kind == _AGGREGATE and least.isdigit())):
        raise UsageError(f"unless={unless!r}", hint="derived, aggregate, aggregate:3, or a function of a receipt")
    if kind == "derived":
        return lambda receipt: receipt.kind != "raw"
    many = int(least or 2)
    return lambda r: r.kind == _AGGREGATE and len({*r.certain} - {r.party}) >= many


def open_journal(path: str | os.PathLike[str] | None = None) -> Ledger:
    """The account of a run that wrote a journal, while it is up or later.

    Args:
        path: the directory of the journal, or a folder of several (then the newest); ``runs`` by default.

    Raises NoJournal, JournalVersion, and JournalDamaged for one that was changed. One that was cut off gives what is
    there, and ``notices`` says so.
    """
    return Ledger(Reader(path))
