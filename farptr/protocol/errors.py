"""Every error that farptr raises.

    FarptrError
    ├── UsageError                  the call cannot be carried out as it stands; nothing was changed
    │   ├── BadName                   a name that is illegal, reserved or taken
    │   ├── UnknownWorker             no worker of that name (or number)
    │   ├── UnknownData               the worker has no data of that name
    │   ├── UnsupportedValue          a value that cannot travel (object dtype, for instance)
    │   ├── UnsupportedOperation      an operation that pointers do not have
    │   ├── NotCollocated             operands whose data lies on different workers
    │   ├── PointerSpent              a handle whose object was fetched or released through it
    │   ├── InvalidRemoteGet          remote_get on a pointer whose worker holds the data itself
    │   ├── ImplicitFetch             something would have moved data without .get()
    │   ├── NotSerializable           pickle or copy of a pointer; a function that cannot be sent
    │   ├── SessionClosed             the run was closed on this side
    │   ├── WrongProcess              a forked child uses its parent's session
    │   ├── FunctionsOff              a function or cell for a worker that runs none
    │   ├── BadNetwork                a description of a network that cannot be meant
    │   └── NotAllowed                what this client may not do to that worker
    ├── RunError                    a run cannot be started, found or joined
    │   ├── NoRun                     nothing runs under that name or address
    │   ├── RunExists                 that name is in use
    │   ├── StartFailed               a process of the run did not come up
    │   ├── LoadFailed                a worker could not load its own data
    │   ├── VersionMismatch           the other side speaks another version
    │   ├── RuntimeDirectory          the runtime directory is unusable (owner, mode, path length)
    │   ├── UnsupportedPlatform       Windows
    │   └── UnusableKey               a key file is missing, no key, or open to others
    ├── RemoteError                 the operation ran at a worker and raised (also has the original's type)
    │   └── WorkerOutOfMemory         the worker has not the memory for it
    ├── SeveralFailed               several commands failed before one sync(); an ExceptionGroup of them
    ├── ObjectGone                  the object was freed, fetched away or removed
    ├── ProcessLost                 a process that was needed is gone
    │   ├── WorkerLost
    │   │   └── StalePointer        its worker was started again since
    │   └── BrokerLost
    ├── DeadlineExceeded            no answer, and no progress, within the timeout
    │   ├── Overloaded                a worker does not keep up
    │   └── WorkerUnresponsive        a worker's process is stopped
    ├── AuthenticationFailed        a broker on another machine, or a party, has not the key that it needs
    ├── SessionExpired              the connection was cut, and the session was over before it could be resumed
    ├── Interrupted                 an operation was interrupted on purpose
    ├── MessageTooLarge             over the limit for one message; refused at the sender
    ├── HopLimit                    a chain longer than the hop limit
    ├── Exhausted                   ids or party numbers of a run are used up
    ├── JournalError                a journal cannot be written or read
    │   ├── NoJournal                 the run writes none, or there is none in that place
    │   ├── JournalDamaged            changed after it was written
    │   └── JournalVersion            of a version that this one does not read
    ├── LinkLost                    the modelled network lost an envelope, and gave up sending it again
    │   └── AnswerLost                which held an answer
    ├── DataSeen                    the account shows that a party received what it was not to see
    └── ProtocolError               bytes that break the protocol; the peer that sent them is cut off

Each class has a stable ``code``, and ``definite``: True when the command surely had no effect, False when it may
have had one. ``exit_code`` is what the command line ends with.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any, ClassVar, NamedTuple, Self


class FarptrError(Exception):
    """The root of every error that farptr raises.

    ``str()`` is the message, then the hint on a line of its own where there is one.
    """

    code: ClassVar[int] = 1000
    definite: bool = True
    exit_code: ClassVar[int] = 1

    def __init__(self, message: str = "", *, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint

    @property
    def message(self) -> str:
        """What happened, without the hint."""
        return str(self.args[0]) if self.args else ""

    def __str__(self) -> str:
        return f"{self.message}\nhint: {self.hint}" if self.hint else self.message


class UsageError(FarptrError):
    """The call cannot be carried out as it stands; nothing was changed."""

    code = 1100
    exit_code = 2


class BadName(UsageError, ValueError):
    """A name is illegal, reserved or already taken."""

    code = 1101


class UnknownWorker(UsageError, LookupError):
    """The run has no worker of that name."""

    code = 1102


class UnknownData(UsageError, LookupError):
    """The worker has no data of that name."""

    code = 1103


class UnsupportedValue(UsageError, TypeError):
    """A value cannot travel: its dtype or type is not one that the protocol carries."""

    code = 1104


class UnsupportedOperation(UsageError, TypeError):
    """Pointers do not have this operation, or not with these arguments."""

    code = 1105


class NotCollocated(UsageError, ValueError):
    """Operands lie on different workers; the message says who is where."""

    code = 1106


class PointerSpent(UsageError, AttributeError):
    """The handle was used up by ``get()`` or ``free()``."""

    code = 1107


class InvalidRemoteGet(UsageError, ValueError):
    """``remote_get()`` on a pointer whose worker holds the data itself."""

    code = 1108


class ImplicitFetch(UsageError, TypeError, RuntimeError):
    """Something would have moved data without being asked; ``.get()`` asks."""

    code = 1109


ImplicitFetchError = ImplicitFetch
"""The same class by a longer name."""


class NotSerializable(UsageError, TypeError):
    """Pointers own what they point at; they are cloned, not pickled or deep-copied."""

    code = 1110


class SessionClosed(UsageError):
    """The run was closed on this side."""

    code = 1111


class WrongProcess(UsageError):
    """A forked child used the session of its parent."""

    code = 1112


class FunctionsOff(UsageError):
    """A worker was asked for a function or a cell; it was started without functions, or has loaded data of its own."""

    code = 1113


class NotAllowed(UsageError, PermissionError):
    """The client has not the right to do this to the worker."""

    code = 1114


class BadNetwork(UsageError, ValueError):
    """A network, link or rule is described by what cannot be meant: no unit, an unknown word, a negative value."""

    code = 1115


class BadClock(UsageError, ValueError):
    """A clock or a cost is described by what cannot be meant; or a program does what virtual time does not allow.

    Under a virtual clock a run has one client, and that has one thread.
    """

    code = 1116


class RunError(FarptrError):
    """A run cannot be started, found or joined."""

    code = 1200
    exit_code = 5


class NoRun(RunError, LookupError):
    """Nothing runs under that name or at that address."""

    code = 1201
    exit_code = 3


class RunExists(RunError):
    """A run of that name is up."""

    code = 1202
    exit_code = 4


class StartFailed(RunError):
    """A process of the run did not come up; the message carries its own error."""

    code = 1203


class LoadFailed(RunError, ValueError):
    """A worker could not load its own data."""

    code = 1204


class VersionMismatch(RunError):
    """The two sides speak different versions of the protocol."""

    code = 1205


class RuntimeDirectory(RunError, OSError):
    """The runtime directory has the wrong owner or mode, or its path is too long for a socket."""

    code = 1206


class UnsupportedPlatform(RunError):
    """This operating system has no Unix sockets and fork."""

    code = 1207


class UnusableKey(RunError):
    """A key file is missing, holds no key, or can be read or changed by others."""

    code = 1208


class RemoteError(FarptrError):
    """An operation ran at a worker and raised.

    What is raised is a subclass that has the original exception's type too, where that type is a known one:
    ``except ValueError`` and ``except fp.RemoteError`` both catch it.
    """

    code = 1300
    report: Report | None = None


class WorkerOutOfMemory(RemoteError, MemoryError):
    """A worker has not the memory for an operation, or for an array that was sent to it; the worker goes on."""

    code = 1303


class SeveralFailed(FarptrError, ExceptionGroup[FarptrError]):
    """Several commands failed before one ``sync()``; ``exceptions`` holds each, and ``except*`` takes it apart."""

    code = 1302

    def __new__(cls, message: str, errors: Sequence[FarptrError]) -> Self:
        """As ``ExceptionGroup``: a message and the errors."""
        return super().__new__(cls, message, list(errors))

    def __init__(self, message: str, errors: Sequence[FarptrError]) -> None:
        super().__init__(message)

    def __str__(self) -> str:
        return "\n".join([self.message, *(f"- {error.message}" for error in self.exceptions)])

    def derive(self, errors: Sequence[Any]) -> SeveralFailed:  # type: ignore[override]
        """A group of some of the errors, for ``except*``."""
        return SeveralFailed(self.message, errors)


class ObjectGone(FarptrError, LookupError):
    """The object was freed, fetched away or removed."""

    code = 1301
    report: Report | None = None


class ProcessLost(FarptrError, ConnectionError):
    """A process that was needed is gone; what it was doing may or may not have happened."""

    code = 1400
    definite = False
    exit_code = 6


class WorkerLost(ProcessLost):
    """A worker's process is gone.

    ``worker`` is its name, ``epoch`` its party number (a worker that is started again has another), ``returncode`` how
    it ended, as in ``subprocess`` (a negative number is a signal; None: not known), ``hop`` its place on the chain that
    needed it. ``command`` says in words what was waited for, as in ``to get … -> julie:17``; it is empty where nothing
    was: then the command is the line that raised. ``outcome`` is ``"not-started"`` (then the error is definite) or
    ``"unknown"``.
    """

    code = 1401

    def __init__(
        self,
        message: str = "",
        *,
        hint: str = "",
        worker: str = "",
        epoch: int = 0,
        returncode: int | None = None,
        command: str = "",
        hop: int = 0,
        outcome: str = "unknown",
    ) -> None:
        super().__init__(message, hint=hint)
        self.worker, self.epoch, self.returncode, self.hop = worker, epoch, returncode, hop
        self.command, self.outcome = command, outcome
        self.definite = outcome == "not-started"


class StalePointer(WorkerLost):
    """A pointer to a worker that was started again since: what it pointed at went with the old process."""

    code = 1407


class BrokerLost(ProcessLost):
    """The broker's process is gone, and the run with it."""

    code = 1402


class DeadlineExceeded(FarptrError, TimeoutError):
    """No answer, and no progress of this client's commands, within the timeout.

    ``where`` says in words what was waited for, as in ``to get … -> julie:17``; ``queues`` what each worker that was
    busy then had to do, in commands. Both are empty where they are not known.
    """

    code = 1403
    definite = False
    exit_code = 7

    def __init__(
        self, message: str = "", *, hint: str = "", where: str = "", queues: Mapping[str, int] = MappingProxyType({})
    ) -> None:
        super().__init__(message, hint=hint)
        self.where, self.queues = where, dict(queues)


class Overloaded(DeadlineExceeded):
    """A worker does not keep up: no progress within the timeout. What was issued waits for it, and will run.

    ``queue`` is what it has to do, in commands; of several workers the most. 0 where it is not known.
    """

    code = 1408

    @property
    def queue(self) -> int:
        """The longest queue, in commands."""
        return max(self.queues.values(), default=0)


class WorkerUnresponsive(DeadlineExceeded):
    """A worker that is needed has work, and its process is stopped. What was issued waits for it, and will run."""

    code = 1409


class SessionExpired(FarptrError, ConnectionError):
    """The connection was cut, and the session was over before it could be resumed; its objects are freed."""

    code = 1411
    definite = False
    exit_code = 7


class AuthenticationFailed(FarptrError, PermissionError):
    """A key that is wrong, missing or somebody else's; or what listens there is not the broker that it is for."""

    code = 1413
    exit_code = 5


class Interrupted(FarptrError, InterruptedError):
    """An operation was interrupted on purpose (``sim.interrupt``); what it had changed in place by then is changed."""

    code = 1410
    definite = False


class MessageTooLarge(FarptrError, ValueError):
    """Something is over the limit for one message; it was refused by who would have sent it.

    ``size`` and ``limit`` are in bytes, 0 where they are not known here (a worker's answer: the message says them).
    """

    code = 1404

    def __init__(self, message: str = "", *, hint: str = "", size: int = 0, limit: int = 0) -> None:
        super().__init__(message, hint=hint)
        self.size, self.limit = size, limit


class HopLimit(FarptrError, RecursionError):
    """A chain is longer than the hop limit."""

    code = 1405
    report: Report | None = None


class Exhausted(FarptrError, OverflowError):
    """The ids or party numbers of this run are used up; start a new run."""

    code = 1406


class ProtocolError(FarptrError):
    """Bytes that break the protocol; the peer that sent them is cut off."""

    code = 1500
    exit_code = 8


class JournalError(FarptrError):
    """A journal cannot be written or read."""

    code = 1600


class NoJournal(JournalError, LookupError):
    """The run writes no journal, or there is none in that place."""

    code = 1601
    exit_code = 3


class JournalDamaged(JournalError, ValueError):
    """A journal was changed after it was written, or a file of it is damaged."""

    code = 1602


class JournalVersion(JournalError, ValueError):
    """A journal was written by a version of farptr whose journals this one does not read."""

    code = 1603


class NotDeterministic(FarptrError, AssertionError):
    """A program that ran twice under the virtual clock did not do the same: the runs' journals differ."""

    code = 1630
    exit_code = 12


class LinkLost(FarptrError, ConnectionError):
    """The modelled network lost an envelope, however often it was sent again; what it carried did not arrive."""

    code = 1620
    exit_code = 8


class AnswerLost(LinkLost):
    """The modelled network lost an answer; what was asked for may have been done."""

    code = 1621
    definite = False


class DataSeen(FarptrError, AssertionError):
    """The account shows that a party received what it was not to see.

    ``receipts`` are the lines of the account that show it.
    """

    code = 1610
    exit_code = 11

    def __init__(self, message: str = "", *, hint: str = "", receipts: Sequence[Any] = ()) -> None:
        super().__init__(message, hint=hint)
        self.receipts = tuple(receipts)


class Report(NamedTuple):
    """One failed command as it travels: plain values only, so that any side can read it."""

    kind: str
    """The exception's class name, such as ``ValueError`` or ``NotCollocated``."""
    message: str
    operation: str
    command: int
    """The number that the issuing session gave the command."""
    worker: int
    """Party number of the worker where it failed."""
    hop: int
    """0 at the first worker of the chain."""
    object_id: int
    """The object that the command was about, 0 for none."""
    trace: str
    """The remote traceback, for the exception's notes."""
    hint: str = ""
    client: int = 0
    """Party number of the issuing session: numbers of commands are its own."""


def _tree(root: type[FarptrError]) -> Iterator[type[FarptrError]]:
    yield root
    for child in root.__subclasses__():
        if child.__module__ == __name__:
            yield from _tree(child)


ERRORS: dict[str, type[FarptrError]] = {cls.__name__: cls for cls in _tree(FarptrError)}
"""Every class of the tree by name; ``docs/errors.md`` is made from it."""

# An original's type is kept when it is one of these. A name that is not here arrives as plain RemoteError: a worker
# cannot make a client import anything.
_ORIGINALS: dict[str, type[Exception]] = {
    cls.__name__: cls
    for cls in (
        ArithmeticError, AssertionError, AttributeError, BufferError, EOFError, FloatingPointError, IndexError,
        KeyError, LookupError, NotImplementedError, OSError, OverflowError, RecursionError,
        RuntimeError, StopIteration, TypeError, UnicodeError, ValueError, ZeroDivisionError,
    )
}  # fmt: skip
# NumPy's own classes have these bases; naming them by base keeps this module free of numpy.
_ORIGINALS |= {"AxisError": type("AxisError", (ValueError, IndexError), {}), "LinAlgError": ValueError}
_ORIGINALS |= {"UFuncTypeError": TypeError}
# What cells and functions raise besides.
_ORIGINALS |= {
    cls.__name__: cls
    for cls in (
        BlockingIOError, BrokenPipeError, ChildProcessError, ConnectionAbortedError, ConnectionError,
        ConnectionRefusedError, ConnectionResetError, DeprecationWarning, FileExistsError, FileNotFoundError,
        FutureWarning, ImportError, IndentationError, InterruptedError, IsADirectoryError, ModuleNotFoundError,
        NameError, NotADirectoryError, PermissionError, ProcessLookupError, ReferenceError, RuntimeWarning,
        StopAsyncIteration, SyntaxError, SystemError, TimeoutError, UnboundLocalError, UserWarning, Warning,
    )
}  # fmt: skip
_ORIGINALS |= {"JSONDecodeError": ValueError, "UnicodeDecodeError": UnicodeError, "UnicodeEncodeError": UnicodeError}
_ORIGINALS |= {"_UFuncNoLoopError": TypeError, "_UFuncOutputCastingError": TypeError}
_ORIGINALS |= {"_UFuncInputCastingError": TypeError, "_UFuncBinaryResolutionError": TypeError}
_ORIGINALS |= {"DTypePromotionError": TypeError}
# Python's own, and NumPy's: one class for both.
_OUT_OF_MEMORY = ("MemoryError", "_ArrayMemoryError")
_OUT_OF_MEMORY_HINT = "give it smaller arrays, or `up` a higher --memory-limit; what it holds is still there"

_pairs: dict[str, type[FarptrError]] = {}


def remote_class(kind: str) -> type[FarptrError]:
    """Class to raise for a remote exception named ``kind``: its own class here, a pair, or RemoteError."""
    if kind in ERRORS:
        return _told(kind)
    if kind in _OUT_OF_MEMORY:
        return WorkerOutOfMemory
    original = _ORIGINALS.get(kind)
    if original is None:
        return RemoteError
    if kind not in _pairs:
        _pairs[kind] = type(kind, (RemoteError, original), {"__module__": "farptr.remote", "__doc__": original.__doc__})
    return _pairs[kind]


def _told(kind: str) -> type[FarptrError]:
    """The class that another side names, if one message is all that it is made of."""
    cls = ERRORS.get(kind, FarptrError)
    return RemoteError if issubclass(cls, SeveralFailed) else cls


def refusal(answer: dict[str, Any]) -> FarptrError:
    """The error that a broker's refusal stands for."""
    cls = _told(str(answer.get("kind")))
    return cls(str(answer.get("message")), hint=str(answer.get("hint", "")))


def from_report(report: Report, *, worker: str, line: str = "", name: str = "") -> FarptrError:
    """The exception for a failed command: original type and message, then where and by which line.

    Args:
        report: what the worker told.
        worker: name of the worker where it failed.
        line: ``file:line`` that issued the command, where known.
        name: the object as the issuing side writes it, where known.
    """
    where = f"{report.operation} on {worker}" + (f", hop {report.hop}" if report.hop else "")
    about = name or (f"{worker}:{report.object_id}" if report.object_id else "")
    parts = [where, f"object {about}" if about else "", f"issued at {line}" if line else ""]
    cls = remote_class(report.kind)
    unknown = cls is RemoteError and report.kind != cls.__name__
    said = f"{report.kind}: {report.message}" if unknown else report.message
    text = f"{said} [{'; '.join(p for p in parts if p)}]"
    hint = report.hint or (_OUT_OF_MEMORY_HINT if cls is WorkerOutOfMemory else "")
    error: Any = cls(text, hint=hint)
    error.report = report
    if report.trace:
        error.add_note(f"remote traceback ({worker}):\n{report.trace}")
    return error  # type: ignore[no-any-return]
