"""Follows a journal while it is written."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

from farptr.journal import folder
from farptr.journal.records import CHAIN_BYTES, HEAD, LENGTH, Fact, Record, decode_record

LOOK_S = 0.05
_AT_ONCE_BYTES = 64 << 20


def follow(path: Path, alive: Callable[[], bool]) -> Iterator[Record]:
    """Records as they come, until the last word, or until the run is gone and nothing more comes.

    Not checked against the chain: that is a reader's task. What rotation takes away before it was read is left out.
    """
    done = ""
    while True:
        lives = alive()
        for file in [file for file in folder.files_of(path) if file.name > done]:
            for record in _of(path, file, alive):
                yield record
                if isinstance(record, Fact) and record.what == "end":
                    return
            done = file.name
        if not lives:
            return


def _of(path: Path, file: Path, alive: Callable[[], bool]) -> Iterator[Record]:
    """The records of one file; while the run lives, the newest file is waited at, until there is a newer one."""
    at, lives = HEAD.size, alive()
    with file.open("rb") as opened:
        while True:
            newest = folder.files_of(path)[-1] == file  # before reading: what is complete now stays so
            opened.seek(at)
            data, size = opened.read(_AT_ONCE_BYTES), 0
            while (found := _one(data, size)) is not None:
                record, size = found
                yield record
            at += size
            if size == 0:
                if not (lives and newest):
                    return
                time.sleep(LOOK_S)
                lives = alive()


def _one(data: bytes, at: int) -> tuple[Record, int] | None:
    if len(data) < at + LENGTH.size:
        return None
    (length,) = LENGTH.unpack_from(data, at)
    end = at + LENGTH.size + length + CHAIN_BYTES
    if len(data) < end:
        return None
    return decode_record(data[at + LENGTH.size : at + LENGTH.size + length]), end
