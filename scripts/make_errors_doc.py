"""Write docs/errors.md from the error tree: ``python scripts/make_errors_doc.py``.

Codes, classes, families, exit codes and meanings come from ``farptr.protocol.errors``. Only the advice stands here; a
class without advice, or advice without a class, is an error.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from farptr.protocol.errors import ERRORS, FarptrError

PAGE = Path(__file__).parents[1] / "docs" / "errors.md"

ADVICE = {
    "FarptrError": "Catch it to catch everything below; raised itself only where nothing below fits.",
    "UsageError": "Read the message: it says what does not fit, and the hint what does.",
    "BadName": "Take a letter, then up to 31 letters, digits, `_` or `-`; not `me`, not `broker`, no name twice.",
    "UnknownWorker": "Look at `list(sim)`; the hint names the nearest. A worker that died is not in the run any more.",
    "UnknownData": "Use the names that the message lists.",
    "UnsupportedValue": "Convert with `astype()`: numbers, booleans, dates and fixed-width strings travel.",
    "UnsupportedOperation": "Use an operation that [semantics.md](semantics.md#operations) lists, or `get()` first.",
    "NotCollocated": "`move()` one of the operands to where the other one is.",
    "PointerSpent": "Fetch with `get_copy()`, or take a second handle with `clone()` before you give one up.",
    "InvalidRemoteGet": "Only a pointer to a pointer can be shortened; `get()` brings data here.",
    "ImplicitFetch": "Say `.get()` where you want the data; `float(p)`, `int(p)`, `bool(p)` fetch one element.",
    "NotSerializable": "`clone()` makes a second handle; another process opens a session of its own: `fp.connect()`.",
    "SessionClosed": "Keep the work inside the `with` block, or start or join a run again.",
    "WrongProcess": "Open a session in the child: `fp.connect(name)` or `fp.up(…)`.",
    "NotAllowed": "Ask who started the worker; what you have sent or computed there yourself is yours all the same.",
    "FunctionsOff": "Start the worker with `functions=True`; where it loads data, with `functions='private'`.",
    "RunError": "See the message; the broker's log (`farptr logs broker`) says more.",
    "NoRun": "`farptr ps` lists what is up; `farptr up julie toby -d` starts a run called `default`.",
    "RunExists": "Join it with `fp.connect(name)`, end it with `farptr down -c name`, or take another name.",
    "StartFailed": "Read on in the message: it quotes the end of the log.",
    "LoadFailed": "Save plain arrays with `np.savez(file, x=…)` or `np.save`; pickled content is never loaded.",
    "VersionMismatch": "Install the same farptr on both sides.",
    "RuntimeDirectory": "Set `FARPTR_RUNTIME_DIR` to a short path of your own with mode 0700.",
    "UnsupportedPlatform": "Use Linux, macOS or WSL.",
    "UnusableKey": "`farptr keys new NAME` on the broker's machine makes one; `chmod 600` closes it to others.",
    "RemoteError": "The message is the original's; `error.report` says where, a note has the remote traceback.",
    "WorkerOutOfMemory": "Work on smaller parts, release what you do not need, or start with a higher `memory_limit`.",
    "SeveralFailed": "Look at `error.exceptions`, or take it apart with `except*`.",
    "ObjectGone": "Keep an owning handle for as long as you need the object; an old handle does not keep it.",
    "ProcessLost": "Find out what happened before you repeat it; what the process held is lost.",
    "WorkerLost": "The other workers go on. Send the data again, to another worker or to a new run.",
    "StalePointer": "Send the data to the new worker of that name: `sim['julie']` is that one.",
    "BrokerLost": "The run is over; start a new one.",
    "DeadlineExceeded": "Look at `farptr ps`: somebody is stopped or busy. `sim.timeout = None` waits for ever.",
    "Overloaded": "Wait, or give the work to others; `farptr ps` shows who has how much to do.",
    "WorkerUnresponsive": "Let it go on (`sim.cont`, `kill -CONT`), or end it; `timeout=None` waits for it.",
    "SessionExpired": "Join the run anew: `fp.connect()`. A stopped client whose connection broke looks like this.",
    "AuthenticationFailed": "`farptr keys list` on the broker's machine shows who is let in; see [keys.md](keys.md).",
    "Interrupted": "You asked for it; look at what the operation was to change in place before you use that.",
    "MessageTooLarge": "Send the array in parts.",
    "HopLimit": "Shorten the chain with `remote_get()` or `get()`; 64 hops are the limit.",
    "Exhausted": "Start a new run.",
    "BadNetwork": "Each value has a unit, such as `50 ms`, `10 Mbit/s`, `1 %`; the message names it.",
    "BadClock": "See [clocks.md](clocks.md): how costs are written, and what does not go with virtual time.",
    "NotDeterministic": "The first event that differs is shown; see [clocks.md](clocks.md) for what makes runs differ.",
    "LinkLost": "Heal the link, or allow more time (`give_up`). What was lost did nothing: issue it again.",
    "AnswerLost": "Ask again when the link is healed; what `get` was to take away may be gone.",
    "JournalError": "Name a directory that you may write, on a disk with room.",
    "NoJournal": "`fp.up(…, journal=True)` or `farptr up --journal runs` writes one; name its directory.",
    "JournalDamaged": "Restore the files from a copy; what stands before the damage can be believed.",
    "JournalVersion": "Read it with the version of farptr that the message names.",
    "DataSeen": "Look at `error.receipts`: what came, from whom, when, and what it was made of.",
    "ProtocolError": "Not for users to cause: please report it, with the broker's log.",
}

HEAD = """\
# Errors

<!-- Written by scripts/make_errors_doc.py; do not edit. -->

Every error that farptr raises is a `FarptrError`. `str(error)` is the message, and below it a line `hint: …` where
there is one; `error.message` and `error.hint` are the parts. All classes are in `farptr.protocol.errors`; those that a
program may want to catch are in `farptr` too.

*code*: stable, one per class (`type(error).code`). *definite*: `yes` when the command surely had no effect, `no` when
it may have had one. *exit*: what `farptr` on the command line ends with. *also*: built-in classes that catch it as
well. A subclass is caught by whatever catches its parent: codes 11xx are `UsageError`, 12xx `RunError`.

Most usage errors are raised before anything is sent. A few can only be found at a worker: that it has no data of a
name, or, behind a chain whose end this client does not know, that operands are in different places.

"""

CARRIES = """
## What errors carry

Every error has `message`, `hint`, `code` and `definite`. Some carry more:

"""

TAIL = """
## Errors of operations

When an operation raises at a worker, the worker goes on, and the error is raised here by whatever needs the result, or
by `sim.sync()`. It is a `RemoteError` and has the original's type too, when that is one of Python's or NumPy's common
ones: `except ValueError` and `except fp.RemoteError` both catch it. Another type arrives as plain `RemoteError` with
its name and message (`MyError: …`). `error.report` holds the kind, operation, worker, hop, object and remote traceback;
[semantics.md](semantics.md#errors-are-values) says when which error is raised.
"""


def page() -> str:
    """The whole page."""
    names, advised = set(ERRORS), set(ADVICE)
    if names != advised:
        raise SystemExit(f"no advice for {sorted(names - advised)}; no class for {sorted(advised - names)}")
    return "".join([HEAD, *(line + "\n" for line in _table()), CARRIES, *_carried(), TAIL])


def _table() -> Iterator[str]:
    yield "| code | class | definite | exit | also | meaning | what to do |"
    yield "|---|---|---|---|---|---|---|"
    for cls in sorted(ERRORS.values(), key=lambda cls: cls.code):
        also = ", ".join(f"`{base.__name__}`" for base in _builtin(cls)) or "-"
        definite = "yes" if cls.definite else "no"
        cells = (cls.code, f"`{cls.__name__}`", definite, cls.exit_code, also, _meaning(cls), ADVICE[cls.__name__])
        yield "| " + " | ".join(map(str, cells)) + " |"


def _builtin(cls: type[FarptrError]) -> Iterator[type]:
    yield from (base for base in cls.__bases__ if base.__module__ == "builtins" and base is not Exception)


def _carried() -> Iterator[str]:
    """What a class says of itself beyond its meaning, where it has attributes of its own."""
    for cls in sorted(ERRORS.values(), key=lambda cls: cls.code):
        _, *more = (cls.__doc__ or "").split("\n\n")
        if more and cls is not FarptrError:
            yield f"* `{cls.__name__}`: {_plain(' '.join(more))}\n"


def _meaning(cls: type[FarptrError]) -> str:
    paragraph = (cls.__doc__ or "").split("\n\n")[0]
    return _plain(paragraph)


def _plain(text: str) -> str:
    return " ".join(text.split()).replace("``", "`")


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
