"""From what the broker noted to records in files: encodes, opens bodies for lineage, keeps the balance.

Law
    What is recorded depends on the items alone: the same items give the same bytes, however they come in batches.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from farptr.journal import folder
from farptr.journal.balance import Balance
from farptr.journal.lineage import notes_of
from farptr.journal.records import Came, Fact, decode_record, encode_came, encode_fact, encode_notes
from farptr.journal.writing import Writer
from farptr.protocol.header import Kind, read

CAME, HANDED, FACT, FLUSH, CLOSE = 1, 2, 3, 16, 17
"""The first byte of an item. A CAME has its frame behind it, HANDED and FACT are payloads of records as they are."""
CAME_HEAD = struct.Struct("<BQIQ")
"""CAME, time, source, bytes of all frames."""
CLOSE_ITEM = struct.Struct("<BQQQ")
"""CLOSE, time, what the sockets have counted in and out."""
_OPENED = frozenset({int(Kind.COMMAND), int(Kind.REPLY)})


class Recorder:
    """Takes items; what comes of them is in the files when ``take`` returns. A fault stops it, and raises nothing."""

    def __init__(self, path: Path, manifest: dict[str, Any], *, near: bool) -> None:
        self.path = path
        self.closed = False
        self._manifest = manifest
        self._near = near
        self._writer = Writer(path)
        self._balance = Balance()
        folder.write_manifest(path, manifest)
        stable: dict[str, Any] = {k: manifest[k] for k in ("format", "protocol", "seed") if k in manifest}
        self._writer.write([encode_fact(0, "start", stable)])

    @property
    def trouble(self) -> str:
        """Why it has stopped, and what is lost; empty while it goes on."""
        lost = f"; {self._writer.lost} records are not in it" if self._writer.lost else ""
        return self._writer.trouble and self._writer.trouble + lost

    def state(self) -> dict[str, Any]:
        """How it does, in plain values."""
        return {"path": str(self.path), "trouble": self.trouble, "records": self._writer.records,
                "bytes": self._writer.bytes}  # fmt: skip

    def fileno(self) -> int:
        """Of the file that it writes to."""
        return self._writer.fileno()

    def take(self, items: Iterable[bytes]) -> bool:
        """Record these; whether one of them asked for an answer when it is in the files."""
        asked: list[bytes] = []
        try:
            self._writer.write(payload for item in items for payload in self._payloads(item, asked))
        except Exception as error:  # a fault here must not be a run's end, nor go unseen
            self._writer.trouble = f"the journal has stopped: {type(error).__name__}: {error}"
        for item in asked:
            if item[0] == CLOSE and not self.closed:
                self._close(item)
        return bool(asked)

    def leave(self) -> None:
        """Nothing more comes, and there was no last word."""
        self._writer.close()

    def _payloads(self, item: bytes, asked: list[bytes]) -> Iterator[bytes]:
        kind = item[0]
        if kind == CAME:
            _, time_ns, source, wire_bytes = CAME_HEAD.unpack_from(item)
            frame = item[CAME_HEAD.size :]
            header, end = read(frame)
            self._balance.add(Came(time_ns, source, header, wire_bytes))
            yield encode_came(time_ns, source, frame[:end], wire_bytes)
            if header.kind in _OPENED and (notes := notes_of(header.kind, frame[end:], near=self._near)):
                yield encode_notes(time_ns, source, header.sequence, notes)
        elif kind in (FLUSH, CLOSE):
            asked.append(item)
        else:
            record = decode_record(item)
            self._balance.add(record)
            if type(record) is Fact and record.what == "joined":
                self._writer.parties[record.fields["party"][0]] = record.fields["party"]
            yield item

    def _close(self, item: bytes) -> None:
        _, time_ns, in_bytes, out_bytes = CLOSE_ITEM.unpack(item)
        self.closed = True
        verdict = self._balance.verdict((in_bytes, out_bytes))
        self._writer.write([encode_fact(time_ns, "end", verdict)])
        self._writer.close()
        if not self._writer.trouble:
            end = {"records": self._writer.records, "head": self._writer.chain.hex(), "balance": verdict}
            try:
                folder.write_manifest(self.path, self._manifest | end)
            except OSError as error:
                self._writer.trouble = f"the manifest of the journal was not finished: {error.strerror}"
