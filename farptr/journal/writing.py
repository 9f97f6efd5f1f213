"""Appends records to files: framed, chained, bounded by rotation.

Laws
    What was written stays readable, whatever comes after: a write that fails is cut off again where that can be done,
    and nothing is written behind it.
    At most ``files`` files of about ``file_bytes`` are there; the oldest goes first. Each begins with who was there.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from farptr.journal.folder import SUFFIX, files_of
from farptr.journal.records import CHAIN_BYTES, FORMAT, HEAD, MAGIC, encode_fact, frame

FILE_BYTES = 32 << 20
FILES = 32


class Writer:
    """One journal's files. Raises nothing once it is open: ``trouble`` says why it has stopped."""

    def __init__(self, path: Path, *, file_bytes: int = FILE_BYTES, files: int = FILES) -> None:
        self.path = path
        self.records = 0
        self.bytes = 0
        self.lost = 0
        """Records that were not written, since there was trouble."""
        self.trouble = ""
        self.chain = bytes(CHAIN_BYTES)
        self.parties: dict[int, Any] = {}
        """Who was ever here, for the beginning of each file."""
        self._file_bytes, self._files = file_bytes, files
        self._number = 0
        self._fd = -1
        self._at = 0
        self._open()

    def write(self, payloads: Iterable[bytes]) -> None:
        """Append records, in one write to the file."""
        chain, parts, count = self.chain, [], 0
        for payload in payloads:
            framed, chain = frame(chain, payload)
            parts.append(framed)
            count += 1
        if not count:
            return
        if self.trouble:
            self.lost += count
        elif self._put(b"".join(parts)):
            self.chain, self.records = chain, self.records + count
        else:
            self.lost += count
        if self._at >= self._file_bytes and not self.trouble:
            self._turn_over()

    def close(self) -> None:
        """No more will come."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def _put(self, data: bytes) -> bool:
        view, start = memoryview(data), self._at
        try:
            while view:
                view = view[os.write(self._fd, view) :]
        except OSError as error:
            self.trouble = f"the journal has stopped: {error.strerror} ({self.path})"
            with contextlib.suppress(OSError):
                os.ftruncate(self._fd, start)
            return False
        self._at += len(data)
        self.bytes += len(data)
        return True

    def _open(self) -> None:
        self._number += 1
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC
        self._fd, self._at = os.open(self.path / f"{self._number:06}{SUFFIX}", flags, 0o600), 0
        self._put(HEAD.pack(MAGIC, FORMAT, self._number, self.records, self.chain))

    def _turn_over(self) -> None:
        os.close(self._fd)
        try:
            self._open()
        except OSError as error:
            self._fd, self.trouble = -1, f"the journal has stopped: {error.strerror} ({self.path})"
            return
        self.write([encode_fact(0, "parties", {"parties": list(self.parties.values())})])
        for old in files_of(self.path)[: -self._files]:
            with contextlib.suppress(OSError):
                old.unlink()
