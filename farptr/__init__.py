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
    from farptr import xp as xp
    from farptr.client.account import Traffic
    from farptr.client.combine import combine_pointers
    from farptr.client.functions import RemoteFunction, remote
    from farptr.client.futures import Future
    from farptr.client.implicit import implicit_fetch
    from farptr.client.multi import MultiPointer
    from farptr.client.pointer import Pointer
    from farptr.client.run import Run
    from farptr.client.starting import connect, send, up
    from farptr.client.tensor import tensor
    from farptr.client.together import gather
    from farptr.client.workers import Worker
    from farptr.ledger.account import Ledger, open_journal
    from farptr.network.network import Network
    from farptr.protocol.errors import (
        AnswerLost,
        AuthenticationFailed,
        BadName,
        BadNetwork,
        BrokerLost,
        DataSeen,
        DeadlineExceeded,
        Exhausted,
        FarptrError,
        FunctionsOff,
        HopLimit,
        ImplicitFetch,
        ImplicitFetchError,
        Interrupted,
        InvalidRemoteGet,
        JournalDamaged,
        JournalError,
        JournalVersion,
        LinkLost,
        LoadFailed,
        MessageTooLarge,
        NoJournal,
        NoRun,
        NotAllowed,
        NotCollocated,
        NotSerializable,
        ObjectGone,
        Overloaded,
        PointerSpent,
        ProtocolError,
        RemoteError,
        RunError,
        RunExists,
        SessionClosed,
        SessionExpired,
        SeveralFailed,
        StalePointer,
        StartFailed,
        UnknownData,
        UnknownWorker,
        UnsupportedOperation,
        UnsupportedValue,
        UnusableKey,
        UsageError,
        VersionMismatch,
        WorkerLost,
        WorkerOutOfMemory,
        WorkerUnresponsive,
    )  # fmt: skip

__all__ = [
    "up", "connect", "tensor", "send", "combine_pointers", "gather", "implicit_fetch", "open_journal", "remote",
    "Future", "Ledger", "MultiPointer", "Network", "Pointer", "RemoteFunction", "Run", "Traffic", "Worker",
    "AnswerLost", "AuthenticationFailed", "BadName", "BadNetwork", "BrokerLost", "DataSeen", "DeadlineExceeded",
    "Exhausted", "FarptrError", "FunctionsOff", "HopLimit", "ImplicitFetch", "ImplicitFetchError", "Interrupted",
    "InvalidRemoteGet", "JournalDamaged", "JournalError", "JournalVersion", "LinkLost", "LoadFailed",
    "MessageTooLarge", "NoJournal", "NoRun", "NotAllowed", "NotCollocated", "NotSerializable", "ObjectGone",
    "Overloaded", "PointerSpent", "ProtocolError", "RemoteError", "RunError", "RunExists", "SessionClosed",
    "SessionExpired", "SeveralFailed", "StalePointer", "StartFailed", "UnknownData", "UnknownWorker",
    "UnsupportedOperation", "UnsupportedValue", "UnusableKey", "UsageError", "VersionMismatch", "WorkerLost",
    "WorkerOutOfMemory", "WorkerUnresponsive",
]  # fmt: skip

_HOMES = dict.fromkeys(__all__, "farptr.protocol.errors") | {
    "Future": "farptr.client.futures",
    "Ledger": "farptr.ledger.account",
    "MultiPointer": "farptr.client.multi",
    "Network": "farptr.network.network",
    "Pointer": "farptr.client.pointer",
    "RemoteFunction": "farptr.client.functions",
    "Run": "farptr.client.run",
    "Traffic": "farptr.client.account",
    "Worker": "farptr.client.workers",
    "combine_pointers": "farptr.client.combine",
    "connect": "farptr.client.starting",
    "gather": "farptr.client.together",
    "implicit_fetch": "farptr.client.implicit",
    "open_journal": "farptr.ledger.account",
    "remote": "farptr.client.functions",
    "send": "farptr.client.starting",
    "tensor": "farptr.client.tensor",
    "up": "farptr.client.starting",
}


def __getattr__(name: str) -> Any:
    if name == "xp":
        return importlib.import_module("farptr.xp")
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module 'farptr' has no attribute {name!r}")
    if sys.platform == "win32" and home != "farptr.protocol.errors":
        from farptr.protocol.errors import UnsupportedPlatform

        raise UnsupportedPlatform("farptr needs fork and Unix sockets, which Windows lacks", hint="use WSL")
    value = getattr(importlib.import_module(home), name)
    globals()[name] = value
    return value


def load_ipython_extension(shell: Any) -> None:
    """``%load_ext farptr``: the magics ``%%on`` and ``%on`` (``farptr.notebook.magics``)."""
    importlib.import_module("farptr.notebook.magics").load(shell)


def unload_ipython_extension(shell: Any) -> None:
    """``%unload_ext farptr``."""
    importlib.import_module("farptr.notebook.magics").unload(shell)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__, "xp"})
