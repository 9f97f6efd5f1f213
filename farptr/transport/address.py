"""Addresses of brokers."""

from __future__ import annotations

import os
import re

from farptr.protocol.errors import NoRun, RuntimeDirectory, UsageError

IPC_PATH_LIMIT = 107
"""Bytes of a Unix socket's path (sockaddr_un, less the final NUL)."""
TCP = "tcp://"
_TCP = re.compile(r"tcp://(\[[0-9A-Fa-f:.%\w]+\]|[A-Za-z0-9._*-]+):([0-9]{1,5}|\*)")


def is_tcp(address: str) -> bool:
    """Whether it is for parties of other machines."""
    return address.startswith(TCP)


def check_address(address: str) -> str:
    """The address itself; raises RuntimeDirectory when a socket path is too long, NoRun when it is no address."""
    scheme, _, path = address.partition("://")
    if scheme == "tcp":
        return _check_tcp(address, listening=False)
    if scheme != "ipc" or not path:
        raise NoRun(f"{address!r} is no address", hint="ipc:///path/of/socket, as `farptr ps` prints it")
    if len(os.fsencode(path)) > IPC_PATH_LIMIT:
        raise RuntimeDirectory(
            f"the socket path {path} has {len(os.fsencode(path))} bytes, over the system's {IPC_PATH_LIMIT}",
            hint="set FARPTR_RUNTIME_DIR to a shorter path",
        )
    return address


def nobody(address: str, waited_s: float) -> NoRun:
    """The error for an address at which nothing answers."""
    hint = "`farptr ps` lists the runs; `farptr up julie toby` starts one"
    if is_tcp(address):
        hint = "is it what `farptr up --bind` printed there, is that run up, and does a firewall let its port through?"
    return NoRun(f"nothing answers at {address} (waited {waited_s:g} s)", hint=hint)


def check_bind(address: str) -> str:
    """The address itself, to listen at for parties of other machines; raises UsageError when it is none."""
    return _check_tcp(address, listening=True)


def _check_tcp(address: str, *, listening: bool) -> str:
    found = _TCP.fullmatch(address)
    wild = found is not None and "*" in (found[1], found[2])
    if found is None or (wild and not listening) or (found[2] != "*" and not 0 < int(found[2]) < 1 << 16):
        hint = "tcp://HOST:PORT, as in tcp://192.0.2.7:7600"
        if listening:
            raise UsageError(f"{address!r} is no address to listen at", hint=f"{hint}; * is any host, or any port")
        raise NoRun(f"{address!r} is no address", hint=hint)
    return address
