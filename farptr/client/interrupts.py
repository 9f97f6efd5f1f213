"""Ctrl-C: it waits until farptr's own code can be left.

Laws
    1. KeyboardInterrupt can come between any two bytecodes. In the middle of a session's bookkeeping it would leave
       that half done, and the broker would refuse what follows. There it is put off, a moment at a time. So it is
       where Python would print and forget it: in what runs when an object goes.
    2. It comes at once where farptr waits: for the broker, for another thread, for processes that start or end.
    3. None is lost, but with the notebook's cell that it was meant for. Who insists gets it: a second one, INSIST_S
       after one that is still put off, comes wherever farptr is.
    4. Only in place of Python's own handler, and while a session is open that was opened in this process. A forked
       child has Python's again.
"""

from __future__ import annotations

import _thread
import contextlib
import functools
import os
import signal
import sys
import threading
import time
import weakref
from collections.abc import Callable
from types import FrameType
from typing import ParamSpec, TypeVar

_P = ParamSpec("_P")
_R = TypeVar("_R")

PAUSE_S = 0.001
INSIST_S = 1.0
_OURS = ("farptr.client.", "farptr.transport.", "farptr.protocol.")
_LEFT_AT_ONCE = (
    "farptr.launch.",
    # They ask and wait, and keep nothing in order.
    "farptr.client.faults",
    "farptr.client.leaks",
    "farptr.client.look",
    "farptr.client.members",
    "farptr.client.trace",
    "farptr.client.why",
)
_WAITS = {
    ("farptr.transport.dealer", "Dealer._sleep"),
    ("farptr.transport.dealer", "Dealer._answered"),
    # The user's code:
    ("farptr.client.together", "_called"),
    ("concurrent.futures._base", "Future._invoke_callbacks"),
}
_CALLBACKS = "weakref"
_FINALIZER = "__del__"
_IMPORTED = "_get_module_lock.<locals>.cb"
"""What ``importlib`` has run when the lock of an import goes."""


class _PutOff:
    """The interrupts that are put off. While there are any a thread sees to it that the first comes again."""

    def __init__(self) -> None:
        self.pid = os.getpid()
        self.waiting = 0
        """How many there are."""
        self.repeated = False
        """The next signal is the first of them, come again."""
        self.since_s = 0.0
        """When that came."""

    def is_insisting(self) -> bool:
        """Whether one more is to have its way."""
        return self.waiting > 0 and time.monotonic() - self.since_s >= INSIST_S

    def add(self) -> None:
        """One more came too early."""
        if not self.waiting:
            self.since_s = time.monotonic()
        self.waiting += 1


_put_off = _PutOff()
_open: weakref.WeakSet[object] = weakref.WeakSet()
"""Sessions."""


# ---------------------------------------------------------------- when the handler stands


def install() -> None:
    """Put the handler in the place of Python's own. Does nothing outside the main thread, or if another one stands."""
    _replace(signal.default_int_handler, handle)


def uninstall() -> None:
    """Put Python's own back, unless a session is open, or another one stands by now."""
    if not _open:
        restore()


def restore() -> None:
    """As ``uninstall``, whoever is open."""
    _replace(handle, signal.default_int_handler)


def guarded(join: Callable[_P, _R]) -> Callable[_P, _R]:
    """For a function that opens a session: the handler stands from its beginning, and if it fails no longer."""

    @functools.wraps(join)
    def run(*args: _P.args, **kwargs: _P.kwargs) -> _R:
        install()
        try:
            return join(*args, **kwargs)
        finally:
            uninstall()

    return run


def opened(session: object) -> None:
    """The handler is to stay until this is closed."""
    _open.add(session)


def closed(session: object) -> None:
    """This session needs it no more."""
    _open.discard(session)
    uninstall()


def _replace(old: object, new: signal._HANDLER) -> None:
    is_main = threading.current_thread() is threading.main_thread()
    if is_main and signal.getsignal(signal.SIGINT) is old:
        with contextlib.suppress(ValueError):  # the main thread of a subinterpreter
            signal.signal(signal.SIGINT, new)


def _in_child() -> None:
    _see_whether_forked()
    _open.clear()
    uninstall()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_in_child)


# ---------------------------------------------------------------- a signal


def handle(number: int, frame: FrameType | None) -> None:
    """The handler: raise KeyboardInterrupt now, or have the signal come again as soon as it can."""
    _see_whether_forked()
    now = _put_off
    repeated, now.repeated = now.repeated, False
    delicate = is_delicate(frame)
    if delicate and (repeated or not now.is_insisting()):
        is_seen_to = now.waiting > 0 and not repeated
        if not repeated:
            now.add()
        if is_seen_to or _comes_again(number):
            return
    if delicate:
        forget()  # it stands for those before it
    elif repeated:
        now.waiting -= 1
        if now.waiting <= 0 or not _comes_again(number):
            forget()
    raise KeyboardInterrupt


def forget() -> None:
    """What is put off now does not come any more: what it was meant for is over."""
    global _put_off
    _put_off = _PutOff()


def _see_whether_forked() -> None:
    """What a parent has put off is the parent's, and its threads are not here."""
    if _put_off.pid != os.getpid():
        forget()


def _comes_again(number: int) -> bool:
    # A thread of the lowest kind: those of ``threading`` take locks, which the code that is interrupted may hold. A new
    # one each time: a forked child would have the handler, and not a thread that was started before.
    try:
        _thread.start_new_thread(_repeat, (number, threading.get_ident(), _put_off))
    except RuntimeError:  # the interpreter is ending, or has too many
        return False
    return True


def _repeat(number: int, thread: int, mine: _PutOff) -> None:
    time.sleep(PAUSE_S)
    while mine is _put_off and mine.waiting > 0:
        ours = signal.getsignal(number) is handle
        # Looking first: a signal that is sent in vain would hide one that comes at the same time.
        if not (ours and is_delicate(sys._current_frames().get(thread))):
            mine.repeated = ours
            if not ours:  # it goes to whoever stands there now
                mine.waiting -= 1
            with contextlib.suppress(ProcessLookupError):
                signal.pthread_kill(thread, number)
            if ours:
                return
        time.sleep(PAUSE_S)


def is_delicate(frame: FrameType | None) -> bool:
    """Whether farptr's own code is at work, and does not merely wait; or whoever would print the interrupt."""
    delicate: bool | None = None
    while frame is not None:
        code, module = frame.f_code, frame.f_globals.get("__name__", "")
        if module == _CALLBACKS or code.co_name == _FINALIZER or code.co_qualname == _IMPORTED:
            return True
        if delicate is None:
            # Condition.wait can be left once it has entered its ``try``.
            follows = code is threading.Condition.wait.__code__ and "gotit" in frame.f_locals
            if follows or module.startswith(_LEFT_AT_ONCE) or (module, code.co_qualname) in _WAITS:
                delicate = False
            elif module.startswith(_OURS):
                delicate = True
        frame = frame.f_back
    return bool(delicate)
