"""Addresses of brokers."""

from __future__ import annotations

import os

from farptr.protocol.errors import NoRun, RuntimeDirectory

IPC_PATH_LIMIT = 107
"""Bytes of a Unix socket's path (sockaddr_un, less the final NUL)."""


def check_address(address: str) -> str:
    """The address itself; raises RuntimeDirectory when a socket path is too long, NoRun when it is no address."""
    scheme, _, path = address.partition("://")
    if scheme == "tcp":
        raise NoRun(
            f"{address}: this version does not speak TCP, which needs keys", hint="runs are joined on one machine"
        )
    if scheme != "ipc" or not path:
        raise NoRun(f"{address!r} is no address", hint="ipc:///path/of/socket, as `farptr ps` prints it")
    if len(os.fsencode(path)) > IPC_PATH_LIMIT:
        raise RuntimeDirectory(
            f"the socket path {path} has {len(os.fsencode(path))} bytes, over the system's {IPC_PATH_LIMIT}",
            hint="set FARPTR_RUNTIME_DIR to a shorter path",
        )
    return address
