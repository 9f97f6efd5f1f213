"""The supervisor's word: JSON lines both ways. A broker without one has a Control that hears and tells nothing."""

from __future__ import annotations

import json
import logging
import socket
from typing import Any

log = logging.getLogger("farptr.broker")


class Control:
    """The broker's end."""

    def __init__(self, sock: socket.socket | None) -> None:
        self._socket = sock
        self._text = b""
        if sock is not None:
            sock.setblocking(False)

    @property
    def there(self) -> bool:
        """Whether there is a supervisor."""
        return self._socket is not None

    def tell(self, event: dict[str, Any]) -> None:
        """Say something; one that is gone misses it."""
        if self._socket is None:
            return
        self._socket.setblocking(True)  # a few lines to a supervisor that always reads
        try:
            self._socket.sendall(json.dumps(event).encode() + b"\n")
        except OSError:
            log.info("the supervisor is gone")
        self._socket.setblocking(False)

    def heard(self) -> list[dict[str, Any]]:
        """What it has said since; raises EOFError when it is gone."""
        if self._socket is None:
            return []
        try:
            data = self._socket.recv(65536)
        except BlockingIOError:
            return []
        except OSError:
            data = b""
        if not data:
            raise EOFError
        *lines, self._text = (self._text + data).split(b"\n")
        return [json.loads(line) for line in lines]
