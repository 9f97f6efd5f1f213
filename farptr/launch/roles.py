"""What a supervisor runs in its children: the two callables, so that it needs to know neither role."""

from __future__ import annotations

import socket
from collections.abc import Callable
from typing import Any, Protocol


class BrokerMain(Protocol):
    """The broker's whole life; the run ends when it returns or raises."""

    def __call__(
        self,
        address: str,
        *,
        run: str,
        seed: int | None,
        control: socket.socket,
        cleanup: Callable[[], None],
        bind: str | None = None,
        keys: str | None = None,
        journal: tuple[str, dict[str, Any]] | None = None,
        clock: dict[str, Any] | None = None,
    ) -> None:
        """Bind ``address`` (and ``bind``, for the keys in that directory) and serve.

        ``control`` (blocking) carries JSON lines both ways. Its end means that the supervisor is dead: close the
        sockets, call ``cleanup()``, return.
        """


class WorkerMain(Protocol):
    """A worker's whole life; an exception before it has joined is told to whoever asked for the worker."""

    def __call__(
        self,
        name: str,
        address: str,
        *,
        load: str | None,
        functions: str,
        lifeline: int,
        memory_limit_bytes: int | None,
        allow: str | None = None,
    ) -> None:
        """Join the broker at ``address`` as ``name`` and serve.

        ``lifeline`` is the read end of a pipe that nobody writes to; its end means that the supervisor is dead.
        """
