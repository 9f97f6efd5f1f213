"""Reference rows: who holds how many references to which object.

Laws
    A row counts the references to an object that were sequenced towards one holder and not yet released.
    An object whose rows are all gone is freed with its export count: an owner that has exported it again since
    keeps it, because that export's row is on its way here.
    A record disappears only when the owner has finished the FREE and nothing was exported meanwhile.
    Generations of one id are names of one object: it is freed, under all of them, when none of them has a row.

The usual record is one holder with one reference, exported once; it is kept as a bare integer (the holder), which
makes a live pointer cost one dictionary entry. Anything else is a ``_Record``.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Container, Iterable

from farptr.protocol.errors import ProtocolError
from farptr.protocol.header import Ones, References, names_of
from farptr.protocol.ids import worker_of

LOW = (1 << 64) - 1
"""Worker and id in a name; above stands the generation."""


class _Record:
    __slots__ = ("exports", "made", "rows")

    def __init__(self, exports: int, rows: dict[int, int], made: bool = True) -> None:
        self.exports = exports
        self.rows = rows
        self.made = made
        """Whether ``creates`` came for it. If not, the references may be to what was gone before they were sent."""


_FREED_ONCE = _Record(1, {})
"""Shared by every object that was exported once and is about to be freed; replaced before it is changed."""


def _all_of(names: Ones, owners: Container[int]) -> bool:
    """Whether all these objects belong to one of the owners."""
    owner = worker_of(min(names))
    return owner == worker_of(max(names)) and owner in owners


class Rows:
    """The reference rows of one run."""

    def __init__(self) -> None:
        self._records: dict[int, int | _Record] = {}
        self._generations: dict[int, set[int]] = {}
        """Names with a generation above 0 that have a record, by their low 64 bits; few objects ever have any."""

    def __len__(self) -> int:
        return len(self._records)

    def add(self, name: int, holder: int, count: int, exports: int, *, made: bool = True) -> None:
        """Add references of ``holder``, and exports by the owner; ``made`` says that the object comes to be."""
        record = self._records.get(name)
        if record is None:
            if name > LOW:
                self._generations.setdefault(name & LOW, set()).add(name)
            if count == 1 == exports and made:
                self._records[name] = holder
                return
            self._records[name] = record = _Record(0, {}, made)
        record = self._expanded(name, record)
        record.exports += exports
        record.made |= made
        if count:
            record.rows[holder] = record.rows.get(holder, 0) + count

    def create(self, flat: References, holder: int, owners: Container[int]) -> None:
        """Add what a header's ``creates`` say, for the objects of live owners."""
        records = self._records
        if type(flat) is Ones and _all_of(flat, owners):
            new = dict.fromkeys(flat, holder)
            if len(new) == len(flat) and records.keys().isdisjoint(new):
                records.update(new)
                return
        for name, count in names_of(flat):
            if worker_of(name) in owners:
                if count == 1 and name <= LOW and name not in records:
                    records[name] = holder
                else:
                    self.add(name, holder, count, count)

    def release_ones(self, names: Ones, holder: int, owners: Container[int]) -> bool:
        """``release_all`` for the usual list: objects of one worker that nobody else holds. All are free then, and it
        says True; or nothing is done.
        """
        records = self._records
        if not _all_of(names, owners) or set(map(records.get, names)) != {holder}:
            return False
        if self._generations and not self._generations.keys().isdisjoint(names):
            return False
        freed = dict.fromkeys(names, _FREED_ONCE)
        if len(freed) != len(names):
            return False
        records.update(freed)
        return True

    def release_all(self, flat: References, holder: int, owners: Container[int]) -> list[tuple[int, int]]:
        """Take away what a header's ``releases`` say; (name, exports) of what nobody holds any more."""
        records, generations = self._records, self._generations
        empty: list[tuple[int, int]] = []
        for name, count in names_of(flat):
            if worker_of(name) in owners:
                if count == 1 and records.get(name) == holder and name & LOW not in generations:
                    records[name] = _FREED_ONCE
                    empty.append((name, 1))
                else:
                    empty += self.release(name, holder, count)
        return empty

    def check_releases(self, releases: References, creates: References, holder: int, owners: Container[int]) -> None:
        """Raise ProtocolError unless the holder has what a header releases, with what it creates; changes nothing."""
        if type(releases) is Ones:
            left = set(releases)
            if len(left) == len(releases):
                left.difference_update(creates if type(creates) is Ones else ())
                if not left or set(map(self._records.get, left)) == {holder}:
                    return  # the common case
        made: dict[int, int] = {}
        for name, count in names_of(creates):
            made[name] = made.get(name, 0) + count
        seen: set[int] = set()
        for name, count in names_of(releases):
            record = self._records.get(name)
            has = record.rows.get(holder, 0) if isinstance(record, _Record) else int(record == holder)
            if (count > has + made.get(name, 0) or name in seen) and worker_of(name) in owners:
                raise ProtocolError(f"party {holder} releases {count} references of {has}")
            seen.add(name)

    def _expanded(self, name: int, record: int | _Record | None) -> _Record:
        if record is None:
            new = _Record(0, {})
        elif isinstance(record, int):
            new = _Record(1, {record: 1})
        elif record is _FREED_ONCE:
            new = _Record(1, {})
        else:
            return record
        self._records[name] = new
        return new

    def release(self, name: int, holder: int, count: int) -> list[tuple[int, int]]:
        """Take references of ``holder`` away; (name, exports) of what to free when none are left."""
        record = self._records.get(name)
        if record is None:
            raise ProtocolError(f"party {holder} releases an object that has no rows")
        record = self._expanded(name, record)
        left = record.rows.get(holder, 0) - count
        if left < 0:
            raise ProtocolError(f"party {holder} releases {count} references of {left + count}")
        if left:
            record.rows[holder] = left
        else:
            del record.rows[holder]
        return [] if record.rows else self._to_free(name)

    def _to_free(self, name: int) -> list[tuple[int, int]]:
        """A name has no rows: it and the other generations, with their exports; nothing while one of them has rows."""
        low = name & LOW
        names = [name]
        if low in self._generations:
            names = [n for n in (low, *sorted(self._generations[low])) if n in self._records]
        found = []
        for n in names:
            record = self._records[n]
            if isinstance(record, _Record) and not record.rows:
                found.append((n, record.exports))
            elif n == name or not isinstance(record, _Record) or record.made:
                return []
            # else: references to what was gone already; they keep nothing
        return found

    def exported_to_nobody(self, name: int, exports: int) -> list[tuple[int, int]]:
        """Count an export whose receiver is gone; (name, exports) of what to free when nobody else holds it."""
        self.add(name, 0, 0, exports, made=False)
        record = self._records[name]
        return self._to_free(name) if isinstance(record, _Record) and not record.rows else []

    def freed(self, name: int, exports: int) -> None:
        """The owner has finished a FREE with this export count: forget the object if that still is its count."""
        record = self._records.get(name)
        if isinstance(record, _Record) and not record.rows and record.exports == exports:
            self._forget(name)

    def freed_ones(self, names: Ones) -> None:
        """``freed`` for what ``release_ones`` freed."""
        records = self._records
        if set(map(records.get, names)) == {_FREED_ONCE} and max(names) <= LOW:
            deque(map(records.__delitem__, names), maxlen=0)
            return
        for name in names:
            self.freed(name, 1)

    def _forget(self, name: int) -> None:
        del self._records[name]
        if name > LOW:
            self._generations[name & LOW].discard(name)
            if not self._generations[name & LOW]:
                del self._generations[name & LOW]

    def drop_holder(self, holder: int) -> list[tuple[int, int]]:
        """A holder is gone: (name, exports) of every object that nobody holds any more. Looks at every record."""
        empty: list[int] = []
        for name, record in self._records.items():
            if type(record) is int:
                if record == holder:
                    self._records[name] = _FREED_ONCE
                    empty.append(name)
            elif isinstance(record, _Record) and record.rows.pop(holder, 0) and not record.rows:
                empty.append(name)
        return list(dict.fromkeys(pair for name in empty for pair in self._to_free(name)))

    def drop_owner(self, worker: int) -> None:
        """An owner is gone: its objects need no rows. Looks at every record."""
        for name in [n for n in self._records if worker_of(n) == worker]:
            self._forget(name)

    def holders(self, name: int) -> dict[int, int]:
        """References by holder, of one object."""
        record = self._records.get(name)
        if record is None:
            return {}
        return dict(record.rows) if isinstance(record, _Record) else {record: 1}

    def snapshot(self) -> dict[int, dict[int, int]]:
        """References by object and holder, without the objects that are about to be freed."""
        return {name: rows for name in self._records if (rows := self.holders(name))}

    def check(self, parties: Iterable[int]) -> None:
        """Assert the laws that one look can see."""
        alive = set(parties)
        above: dict[int, set[int]] = {}
        for name in self._records:
            if name > LOW:
                above.setdefault(name & LOW, set()).add(name)
        assert above == self._generations, "the generations are not those that have records"
        for name, record in self._records.items():
            assert worker_of(name) in alive, f"a record of a dead owner: {name}"
            if isinstance(record, _Record):
                assert record.exports >= 0, f"exports below zero: {name}"
                assert all(count > 0 for count in record.rows.values()), f"an empty row: {name}"
                assert set(record.rows) <= alive, f"a row of a dead holder: {name}"
