"""JSON lines over descriptors that never block their user."""

from __future__ import annotations

import contextlib
import os
import socket
from typing import Any

from farptr.launch.spec import decode, encode

_CHUNK_BYTES = 1 << 16


class LineReader:
    """Cuts what arrives at a non-blocking descriptor into decoded JSON lines."""

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._partial = b""
        self.ended = False

    def read(self) -> list[dict[str, Any]]:
        """Every complete line that is there now; sets ``ended`` at the end of the stream. Bad lines are left out."""
        with contextlib.suppress(BlockingIOError):
            while chunk := self._chunk():
                self._partial += chunk
            self.ended = True
        *lines, self._partial = self._partial.split(b"\n")
        decoded: list[dict[str, Any]] = []
        for line in lines:
            with contextlib.suppress(ValueError):
                decoded.append(decode(line))
        return decoded

    def _chunk(self) -> bytes:
        try:
            return os.read(self._fd, _CHUNK_BYTES)
        except ConnectionError:
            return b""


class Channel:
    """One end of a control socket: lines in, and lines out that wait here while the peer is slow."""

    def __init__(self, sock: socket.socket) -> None:
        sock.setblocking(False)
        self.sock = sock
        self.reader = LineReader(sock.fileno())
        self._pending = b""

    @property
    def has_pending(self) -> bool:
        """Whether lines wait for the peer to read."""
        return bool(self._pending)

    def send(self, fields: dict[str, Any]) -> None:
        """Send a line as far as it goes now; ``flush`` sends the rest. What a dead peer misses is dropped."""
        self._pending += encode(fields)
        self.flush()

    def flush(self) -> None:
        """Send more of what waits."""
        try:
            while self._pending:
                self._pending = self._pending[self.sock.send(self._pending) :]
        except BlockingIOError:
            pass
        except OSError:
            self._pending = b""
