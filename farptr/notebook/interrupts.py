"""Interrupts of a notebook's cells: they wait until farptr's own code can be left.

Laws
    1. KeyboardInterrupt can come between any two bytecodes. In the middle of a session's bookkeeping it would leave
       that half done, and the broker would refuse what follows. There it is put off, a moment at a time.
    2. It comes at once where farptr waits: for the broker, for another thread, for processes that start or end.
    3. Only while a cell runs in IPython, and only in place of Python's own handler.
"""

from __future__ import annotations

import queue
import signal
import sys
import threading
import time
from types import FrameType
from typing import Any

from farptr.transport.dealer import Dealer

PAUSE_S = 0.001
_OURS = ("farptr.client.", "farptr.transport.", "farptr.protocol.")
_SLEEP = Dealer.wait.__code__
_FOLLOW = threading.Condition.wait.__code__
_PROCESSES = "farptr.launch."
_CALLBACKS = "weakref"
"""What is raised in there is printed and forgotten."""
_THREAD = "farptr-interrupts"
_put_off: queue.SimpleQueue[int] = queue.SimpleQueue()


def guard() -> None:
    """Guard the cells of the IPython that this is, if it is one, from the running one on. Again does nothing."""
    ipython: Any = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython else None
    if shell is None or _before in shell.events.callbacks["pre_run_cell"]:
        return
    start()
    # A kernel sets Python's own handler before each cell, and another one between them.
    shell.events.register("pre_run_cell", _before)
    shell.events.register("post_run_cell", _after)
    _before()


def _before(*_: Any) -> None:
    is_main = threading.current_thread() is threading.main_thread()
    if is_main and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, handle)


def _after(*_: Any) -> None:
    if threading.current_thread() is threading.main_thread() and signal.getsignal(signal.SIGINT) is handle:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def handle(number: int, frame: FrameType | None) -> None:
    """The handler: raise KeyboardInterrupt now, or have the signal come again in a moment."""
    if not is_delicate(frame):
        raise KeyboardInterrupt
    _put_off.put(number)  # this kind of queue may be used in a handler, a new thread may not


def start() -> None:
    """Start the thread that has signals come again, if it does not run."""
    if not any(thread.name == _THREAD for thread in threading.enumerate()):
        threading.Thread(target=_repeat, name=_THREAD, daemon=True).start()


def _repeat() -> None:
    while True:
        number = _put_off.get()
        time.sleep(PAUSE_S)
        if signal.getsignal(number) is handle:  # else the cell is over, and nobody is to be interrupted
            signal.pthread_kill(threading.main_thread().ident or 0, number)


def is_delicate(frame: FrameType | None) -> bool:
    """Whether farptr's own code is at work, and does not merely wait."""
    while frame is not None:
        code, module = frame.f_code, frame.f_globals.get("__name__", "")
        # Condition.wait can be left once it has entered its ``try``.
        if code is _SLEEP or (code is _FOLLOW and "gotit" in frame.f_locals) or module.startswith(_PROCESSES):
            return False
        if module.startswith(_OURS) or module == _CALLBACKS:
            return True
        frame = frame.f_back
    return False
