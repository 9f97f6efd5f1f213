"""What others ask of a run that is up: a socket in its directory, one JSON line in and one back.

Only this user can reach it: the directory has mode 0700. A request that is not answered when the run ends is refused.
"""

from __future__ import annotations

import contextlib
import os
import selectors
import socket
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

from farptr.launch.channel import Channel
from farptr.launch.spec import error_to_json
from farptr.protocol.errors import FarptrError

SOCKET = "c"
"""Its name in the run's directory."""
_BACKLOG = 64


class Request:
    """One peer, and the one thing that it asks for."""

    def __init__(self, channel: Channel, done: Callable[[Request], None]) -> None:
        self.channel = channel
        self.fields: dict[str, Any] | None = None
        """What it asks, once that has come."""
        self._done = done

    def answer(self, fields: dict[str, Any]) -> None:
        """Answer and close; again does nothing. A peer that does not read misses the answer, and holds up nobody."""
        if self.channel.sock.fileno() >= 0:
            self.channel.send(fields)
            self._done(self)

    def refuse(self, error: FarptrError) -> None:
        """Answer by an error."""
        self.answer({"error": error_to_json(error)})


class Requests:
    """The listening socket and its peers.

    Args:
        selector: calls back ``key.data()`` when somebody connects or asks.
        asked: what to do with a request; a FarptrError that it raises is the answer.
        withdrawn: told when a peer has left before it was answered.
    """

    def __init__(
        self,
        selector: selectors.BaseSelector,
        asked: Callable[[Request], None],
        withdrawn: Callable[[Request], None],
    ) -> None:
        self._selector = selector
        self._asked = asked
        self._withdrawn = withdrawn
        self._listener: socket.socket | None = None
        self._open: list[Request] = []

    def listen(self, directory: Path) -> None:
        """Listen in that directory; raises OSError when that cannot be had."""
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.setblocking(False)
        self._listener.bind(str(directory / SOCKET))
        self._listener.listen(_BACKLOG)
        self._selector.register(self._listener, selectors.EVENT_READ, self._accept)

    def close(self, error: FarptrError) -> None:
        """Refuse whoever waits, and listen no more."""
        if self._listener is not None:
            self._accept()  # who is only in the queue deserves an answer too
            self._selector.unregister(self._listener)
            self._listener.close()
            self._listener = None
        for request in list(self._open):
            request.refuse(error)

    def _accept(self) -> None:
        while self._listener is not None:
            try:
                sock, _ = self._listener.accept()
            except OSError:  # nobody is left in the queue, or no descriptor: the next event tries again
                return
            if not _is_ours(sock):
                sock.close()
                continue
            request = Request(Channel(sock), self._forget)
            self._open.append(request)
            self._selector.register(sock, selectors.EVENT_READ, lambda request=request: self._read(request))

    def _read(self, request: Request) -> None:
        if request not in self._open:  # an event from before it was answered
            return
        lines = request.channel.reader.read()
        if lines and request.fields is None:
            request.fields = lines[0]
            try:
                self._asked(request)
            except FarptrError as error:
                request.refuse(error)
        if request.channel.reader.ended and request in self._open:
            self._forget(request)
            self._withdrawn(request)

    def _forget(self, request: Request) -> None:
        self._open.remove(request)
        with contextlib.suppress(KeyError, ValueError):
            self._selector.unregister(request.channel.sock)
        request.channel.sock.close()


def _is_ours(sock: socket.socket) -> bool:
    """Whether the peer is this user's, where the system tells."""
    if not hasattr(socket, "SO_PEERCRED"):
        return True
    _pid, uid, _gid = struct.unpack("3i", sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i")))
    return bool(uid == os.getuid())
