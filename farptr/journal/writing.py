"""Appends records to files: framed, chained, bounded by rotation.

Laws
    What was written stays readable, whatever comes after: a write that fails is cut off again where that can be done,
    and nothing is written behind it.
    At most ``files`` files of about ``file_bytes`` are there; the oldest goes first. Each begins with who was there.
"""

from __future__ import annotations

import bisect
import contextlib
import itertools
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

    def fileno(self) -> int:
        """Of the file that is written to."""
        return self._fd

    def write(self, payloads: Iterable[bytes]) -> None:
        """Append records, in one write to the file; where there is no room for all of them, as many as fit."""
        parts: list[bytes] = []
        chains = [self.chain]
        for payload in payloads:
            framed, chain = frame(chains[-1], payload)
            parts.append(framed)
            chains.append(chain)
        if not parts:
            return
        kept = 0 if self.trouble else self._put(parts)
        self.chain, self.records = chains[kept], self.records + kept
        self.lost += len(parts) - kept
        if self._at >= self._file_bytes and not self.trouble:
            self._turn_over()

    def close(self) -> None:
        """No more will come."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def _put(self, parts: list[bytes]) -> int:
        """How many of these are in the file now, whole."""
        data = b"".join(parts)
        view, kept = memoryview(data), len(parts)
        try:
            while view:
                view = view[os.write(self._fd, view) :]
        except OSError as error:
            self.trouble = f"the journal has stopped: {error.strerror} ({self.path})"
            ends = list(itertools.accumulate(map(len, parts)))
            kept = bisect.bisect_right(ends, len(data) - len(view))
            data = data[: ends[kept - 1] if kept else 0]
            with contextlib.suppress(OSError):
                os.ftruncate(self._fd, self._at + len(data))
        self._at += len(data)
        self.bytes += len(data)
        return kept

    def _open(self) -> None:
        self._number += 1
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC
        self._fd, self._at = os.open(self.path / f"{self._number:06}{SUFFIX}", flags, 0o600), 0
        self._put([HEAD.pack(MAGIC, FORMAT, self._number, self.records, self.chain)])

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
