"""farptr: far pointers, NumPy arrays that live in other processes.

>>> import farptr as fp
>>> with fp.up("julie", "toby") as sim:
...     julie, toby = sim
...     x = fp.tensor([1, 2, 3]).send(julie)
...     print((x + x).get())
[2 4 6]

Importing this module is light: NumPy and ZeroMQ are loaded when a name is first used.
"""

from __future__ import annotations

import importlib
import sys
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from farptr.client.pointer import Pointer
    from farptr.client.run import Run, Traffic, connect, send, up
    from farptr.client.tensor import tensor
    from farptr.client.workers import Worker
    from farptr.protocol.errors import (
        BadName,
        BrokerLost,
        DeadlineExceeded,
        FarptrError,
        ImplicitFetch,
        InvalidRemoteGet,
        LoadFailed,
        MessageTooLarge,
        NoRun,
        NotCollocated,
        NotSerializable,
        ObjectGone,
        PointerSpent,
        ProtocolError,
        RemoteError,
        RunError,
        RunExists,
        SessionClosed,
        SeveralFailed,
        StartFailed,
        UnknownData,
        UnknownWorker,
        UnsupportedOperation,
        UnsupportedValue,
        UsageError,
        VersionMismatch,
        WorkerLost,
    )  # fmt: skip

_ERRORS = """
    BadName BrokerLost DeadlineExceeded FarptrError ImplicitFetch InvalidRemoteGet LoadFailed MessageTooLarge NoRun
    NotCollocated NotSerializable ObjectGone PointerSpent ProtocolError RemoteError RunError RunExists SessionClosed
    SeveralFailed StartFailed UnknownData UnknownWorker UnsupportedOperation UnsupportedValue UsageError VersionMismatch
    WorkerLost
""".split()
_HOMES = dict.fromkeys(_ERRORS, "farptr.protocol.errors") | {
    "Pointer": "farptr.client.pointer",
    "Run": "farptr.client.run",
    "Traffic": "farptr.client.run",
    "Worker": "farptr.client.workers",
    "connect": "farptr.client.run",
    "send": "farptr.client.run",
    "tensor": "farptr.client.tensor",
    "up": "farptr.client.run",
}

__all__ = [
    "up", "connect", "tensor", "send",
    "Pointer", "Run", "Traffic", "Worker",
    "BadName", "BrokerLost", "DeadlineExceeded", "FarptrError", "ImplicitFetch", "InvalidRemoteGet", "LoadFailed",
    "MessageTooLarge", "NoRun", "NotCollocated", "NotSerializable", "ObjectGone", "PointerSpent", "ProtocolError",
    "RemoteError", "RunError", "RunExists", "SessionClosed", "SeveralFailed", "StartFailed", "UnknownData",
    "UnknownWorker", "UnsupportedOperation", "UnsupportedValue", "UsageError", "VersionMismatch", "WorkerLost",
]  # fmt: skip


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module 'farptr' has no attribute {name!r}")
    if sys.platform == "win32" and home != "farptr.protocol.errors":
        from farptr.protocol.errors import UnsupportedPlatform

        raise UnsupportedPlatform("farptr needs fork and Unix sockets, which Windows lacks", hint="use WSL")
    value = getattr(importlib.import_module(home), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
