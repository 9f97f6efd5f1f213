"""The log files of a run: reading the last lines, or all as they come; and keeping them from filling the disk."""

from __future__ import annotations

import contextlib
import logging
import os
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import BinaryIO, TextIO

_POLL_S = 0.1
_BLOCK_BYTES = 1 << 16
_LONGEST_LINE_BYTES = 1 << 16
LIMIT_BYTES = 64 << 20
"""A log that has grown over this is cut to its end."""
KEPT_BYTES = 1 << 20


class ToStderr(logging.StreamHandler):  # type: ignore[type-arg]
    """Logs to what is standard error when it logs: of a function on a worker that is what its caller is told."""

    @property
    def stream(self) -> TextIO:
        """Standard error."""
        return sys.stderr

    @stream.setter
    def stream(self, _: TextIO) -> None:
        pass


def tail(directory: Path, names: Iterable[str] | None = None, lines: int = 10) -> list[tuple[str, str]]:
    """The last ``lines`` lines of each log as (name, line), one log after the other.

    Args:
        directory: the run's directory.
        names: whose logs; None for everybody's, sorted by name. One that has no log yet has no lines.
        lines: how many at most, of each.
    """
    found: list[tuple[str, str]] = []
    for name in known(directory) if names is None else names:
        log = _Log.open(directory, name)
        if log is not None:
            log.skip_to_last(lines)
            found += [(name, line) for line in (*log.read(), *log.rest())]
            log.file.close()
    return found


def follow(
    directory: Path,
    names: Iterable[str] | None,
    stop: Callable[[], bool],
    *,
    lines: int | None = None,
) -> Iterator[tuple[str, str]]:
    """Each line as it is written, as (name, line), until ``stop()`` is true or the directory is removed.

    Looks every 0.1 s; what was written before the end is still given. The order between two logs is not promised.

    Args:
        directory: the run's directory.
        names: whose logs; None for everybody's, including who comes later.
        stop: asked after each look; an Event's ``is_set`` will do.
        lines: begin with so many of the last lines of each log that is there now; None for all of them.
    """
    wanted = None if names is None else list(names)
    logs: dict[str, _Log] = {}
    skip = lines
    try:
        while True:
            over = stop() or not directory.is_dir()  # asked before the last look, so that nothing is missed
            for name in known(directory) if wanted is None else wanted:
                _open_new(logs, directory, name, skip)
            skip = None
            for name, log in logs.items():
                yield from ((name, line) for line in log.read())
            if over:
                for name, log in logs.items():
                    yield from ((name, line) for line in log.rest())
                return
            time.sleep(_POLL_S)
    finally:
        for log in logs.values():
            log.file.close()


def bound(directory: Path, *, limit_bytes: int = LIMIT_BYTES, kept_bytes: int = KEPT_BYTES) -> None:
    """Cut each log that is over the limit to its last lines; a line that is written meanwhile may be lost.

    Its writer goes on: whoever appends to a file does so at the end that the file has then.
    """
    for name in known(directory):
        with contextlib.suppress(OSError), (directory / "logs" / f"{name}.log").open("rb+") as file:
            size = file.seek(0, os.SEEK_END)
            if size <= limit_bytes:
                continue
            file.seek(size - kept_bytes)
            _, _, lines = file.read().partition(b"\n")
            file.truncate(0)
            fd = os.open(file.name, os.O_WRONLY | os.O_APPEND)
            os.write(fd, f"(some {size - len(lines)} bytes of older lines were dropped here)\n".encode() + lines)
            os.close(fd)


def known(directory: Path) -> list[str]:
    """Who has a log, sorted by name."""
    return sorted(path.stem for path in (directory / "logs").glob("*.log"))


def _open_new(logs: dict[str, _Log], directory: Path, name: str, skip: int | None) -> None:
    if name not in logs:
        log = _Log.open(directory, name)
        if log is not None:
            logs[name] = log
            if skip is not None:
                log.skip_to_last(skip)


class _Log:
    """A log file, open: it can be read to its end after it was removed."""

    def __init__(self, file: BinaryIO) -> None:
        self.file = file
        self._partial = b""

    @classmethod
    def open(cls, directory: Path, name: str) -> _Log | None:
        try:
            return cls((directory / "logs" / f"{name}.log").open("rb"))
        except (FileNotFoundError, NotADirectoryError):
            return None

    def skip_to_last(self, lines: int) -> None:
        """Go to where the last ``lines`` lines begin, reading from the end."""
        end = position = self.file.seek(0, os.SEEK_END)
        breaks_needed = lines + 1  # the break before the first of them; the last line's own counts too
        while position > 0 and lines > 0:
            start = max(0, position - _BLOCK_BYTES)
            self.file.seek(start)
            block = self.file.read(position - start)
            if position == end and not block.endswith(b"\n"):
                breaks_needed -= 1  # the last line has no break yet
            at = len(block)
            while breaks_needed > 0 and (at := block.rfind(b"\n", 0, at)) >= 0:
                breaks_needed -= 1
            if breaks_needed == 0:
                self.file.seek(start + at + 1)
                return
            position = start
        self.file.seek(0 if lines > 0 else end)

    def read(self) -> Iterator[str]:
        """The lines that are complete now; a very long one comes in pieces. One that was cut is read from its start."""
        if os.fstat(self.file.fileno()).st_size < self.file.tell():
            self.file.seek(0)
            self._partial = b""
        while chunk := self.file.read(_BLOCK_BYTES):
            *whole, self._partial = (self._partial + chunk).split(b"\n")
            yield from map(_text, whole)
            if len(self._partial) >= _LONGEST_LINE_BYTES:
                yield from self.rest()

    def rest(self) -> Iterator[str]:
        """What came after the last line break, if anything."""
        if self._partial:
            partial, self._partial = self._partial, b""
            yield _text(partial)


def _text(line: bytes) -> str:
    return line.decode(errors="replace").rstrip("\r")
