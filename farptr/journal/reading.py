"""Reads a journal: every record up to where it ends, is cut off, or is damaged.

Laws
    A journal that was cut off anywhere gives its records up to there, and says so (``Reader.cut``).
    A journal that was changed raises JournalDamaged where the change is met; nothing behind it is believed.
    Records come one by one, a file of them is in memory: a journal of any length takes the same.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from farptr.journal import folder
from farptr.journal.records import (
    CHAIN_BYTES,
    FORMAT,
    HEAD,
    LENGTH,
    MAGIC,
    MAX_PAYLOAD_BYTES,
    Fact,
    Record,
    chained,
    decode_record,
)
from farptr.protocol.errors import JournalDamaged, JournalVersion
from farptr.protocol.header import VERSION


class Reader:
    """The records of one journal. ``Reader(path)`` raises NoJournal, JournalVersion, JournalDamaged."""

    def __init__(self, path: str | os.PathLike[str] | None = None) -> None:
        self.path = folder.found(path)
        self.manifest = folder.read_manifest(self.path)
        self.cut = ""
        """Where the journal ends before its last word, once it was read; empty when it is whole."""
        self.missing = 0
        """Records at the beginning that rotation has taken."""
        self._chain = bytes(CHAIN_BYTES)
        self._records = 0
        mine = (FORMAT, VERSION)
        if (theirs := (self.manifest.get("format"), self.manifest.get("protocol"))) != mine:
            raise JournalVersion(
                f"{self.path} is a journal of format {theirs[0]}, protocol {theirs[1]}; this farptr reads {mine}",
                hint=f"read it with farptr {self.manifest.get('farptr')}",
            )
        if not folder.is_as_written(self.path):
            raise JournalDamaged(
                f"{self.path / folder.MANIFEST} is not as it was written: it is damaged, or was edited",
                hint="restore the file from a copy",
            )

    def __iter__(self) -> Iterator[Record]:
        """Each record, checked; raises JournalDamaged."""
        files = folder.files_of(self.path)
        ended = False
        self.cut, self._records = "" if files else "it has no files", 0
        for i, path in enumerate(files):
            with path.open("rb") as file:
                for record in self._of_file(file, first=i == 0, last=path == files[-1]):
                    if ended:
                        raise self._damaged(path, "goes on behind its last word")
                    ended = isinstance(record, Fact) and record.what == "end"
                    yield record
        head = self.manifest.get("head")
        if ended and self.manifest.get("records", self._records) != self._records:
            raise self._damaged(files[-1], f"has not the {self.manifest['records']} records that its manifest has")
        if ended and head is not None and head != self._chain.hex():
            raise self._damaged(files[-1], "does not end with the chain that its manifest has")
        if not ended:
            why = "the broker was killed, or still writes, or its disk is full"
            self.cut = self.cut or f"it has no last word: {why}; {self._records} records"
            if head is not None:
                raise self._damaged(files[-1] if files else self.path, "is shorter than its manifest says")

    def until(self, end_ns: int | None) -> Iterator[Record]:
        """The records up to a moment of the run; None for all."""
        return itertools.takewhile(lambda record: end_ns is None or record.time_ns <= end_ns, self)

    def _of_file(self, file: IO[bytes], *, first: bool, last: bool) -> Iterator[Record]:
        path = Path(file.name)
        head = file.read(HEAD.size)
        if len(head) < HEAD.size:
            yield from self._ends(path, last, 0)
            return
        magic, version, number, at, chain = HEAD.unpack(head)
        if magic != MAGIC or version != FORMAT or f"{number:06}" != path.stem:
            raise self._damaged(path, "does not begin as one")
        if first:
            self.missing = self._records = at
            self._chain = chain
            if (at == 0) != (number == 1) or (at == 0 and chain != bytes(CHAIN_BYTES)):
                raise self._damaged(path, "does not begin as one")
        elif chain != self._chain or at != self._records:
            raise self._damaged(path, "does not follow on the one before it")
        data, at, unpack = file.read(), 0, LENGTH.unpack_from
        end_of_data = len(data)
        while at < end_of_data:
            size = unpack(data, at)[0] if at + LENGTH.size <= end_of_data else 0
            if size > MAX_PAYLOAD_BYTES:
                raise self._damaged(path, f"has a record of {size} bytes")
            behind = at + LENGTH.size + size
            if not size or behind + CHAIN_BYTES > end_of_data:
                yield from self._ends(path, last, HEAD.size + at)
                return
            framed = data[at:behind]
            at = behind + CHAIN_BYTES
            self._chain = chained(self._chain, framed)
            if self._chain != data[behind:at]:
                raise self._damaged(path, f"was changed before byte {HEAD.size + at}, in record {self._records}")
            self._records += 1
            try:
                record = decode_record(framed[LENGTH.size :])
            except ValueError as error:
                raise self._damaged(path, f"holds {error} at byte {HEAD.size + at}") from None
            yield record

    def _ends(self, path: Path, last: bool, at: int) -> Iterator[Record]:
        if not last:
            raise self._damaged(path, f"ends in the middle of a record at byte {at}")
        self.cut = f"{path.name} is cut off in the middle of record {self._records}"
        return iter(())

    def _damaged(self, path: Path, how: str) -> JournalDamaged:
        return JournalDamaged(
            f"{path} {how}: it is damaged, or was edited",
            hint=f"{self._records - self.missing} records before that are sound; restore the file from a copy",
        )
