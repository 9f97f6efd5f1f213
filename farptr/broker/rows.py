"""Reference rows: who holds how many references to which object.

Laws
    A row counts the references to an object that were sequenced towards one holder and not yet released.
    An object whose rows are all gone is freed with its export count: an owner that has exported it again since
    keeps it, because that export's row is on its way here.
    A record disappears only when the owner has finished the FREE and nothing was exported meanwhile.

The usual record is one holder with one reference, exported once; it is kept as a bare integer (the holder), which
makes a live pointer cost one dictionary entry. Anything else is a ``_Record``.
"""

from __future__ import annotations

from collections.abc import Iterable

from farptr.protocol.errors import ProtocolError
from farptr.protocol.ids import worker_of


class _Record:
    __slots__ = ("exports", "rows")

    def __init__(self, exports: int, rows: dict[int, int]) -> None:
        self.exports = exports
        self.rows = rows


class Rows:
    """The reference rows of one run."""

    def __init__(self) -> None:
        self._records: dict[int, int | _Record] = {}

    def __len__(self) -> int:
        return len(self._records)

    def add(self, name: int, holder: int, count: int, exports: int) -> None:
        """Add references of ``holder``, and exports by the owner."""
        record = self._records.get(name)
        if record is None and count == 1 == exports:
            self._records[name] = holder
            return
        record = self._expanded(name, record)
        record.exports += exports
        if count:
            record.rows[holder] = record.rows.get(holder, 0) + count

    def _expanded(self, name: int, record: int | _Record | None) -> _Record:
        if isinstance(record, _Record):
            return record
        new = _Record(0, {}) if record is None else _Record(1, {record: 1})
        self._records[name] = new
        return new

    def release(self, name: int, holder: int, count: int) -> int | None:
        """Take references of ``holder`` away; the export count to free with when none are left, else None."""
        record = self._records.get(name)
        if type(record) is int and record == holder and count == 1:
            self._records[name] = _Record(1, {})
            return 1
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
        return None if record.rows else record.exports

    def exported_to_nobody(self, name: int, exports: int) -> int | None:
        """Count an export whose receiver is gone; the export count to free with when nobody else holds it."""
        record = self._expanded(name, self._records.get(name))
        record.exports += exports
        return None if record.rows else record.exports

    def freed(self, name: int, exports: int) -> None:
        """The owner has finished a FREE with this export count: forget the object if that still is its count."""
        record = self._records.get(name)
        if isinstance(record, _Record) and not record.rows and record.exports == exports:
            del self._records[name]

    def drop_holder(self, holder: int) -> list[tuple[int, int]]:
        """A holder is gone: (name, exports) of every object that nobody holds any more. Looks at every record."""
        empty: list[tuple[int, int]] = []
        for name, record in self._records.items():
            if type(record) is int:
                if record == holder:
                    self._records[name] = _Record(1, {})
                    empty.append((name, 1))
            elif isinstance(record, _Record) and record.rows.pop(holder, 0) and not record.rows:
                empty.append((name, record.exports))
        return empty

    def drop_owner(self, worker: int) -> None:
        """An owner is gone: its objects need no rows. Looks at every record."""
        for name in [n for n in self._records if worker_of(n) == worker]:
            del self._records[name]

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
        for name, record in self._records.items():
            assert worker_of(name) in alive, f"a record of a dead owner: {name}"
            if isinstance(record, _Record):
                assert record.exports >= 0, f"exports below zero: {name}"
                assert all(count > 0 for count in record.rows.values()), f"an empty row: {name}"
                assert set(record.rows) <= alive, f"a row of a dead holder: {name}"
