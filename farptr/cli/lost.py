"""A Ctrl-C that Python has printed and forgotten comes again.

Where KeyboardInterrupt comes in what runs when an object goes, such as a lock of an import, Python prints "Exception
ignored" and goes on: a command that was to end would run for ever. (While a session is open ``client.interrupts`` sees
to it that none comes there.)
"""

from __future__ import annotations

import _thread
import os
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

PAUSE_S = 0.01
"""By then whoever has swallowed it has returned."""


@contextmanager
def none_lost() -> Iterator[None]:
    """While a command runs."""
    before = sys.unraisablehook

    def heard(unraisable: Any) -> None:
        if not issubclass(unraisable.exc_type, KeyboardInterrupt):
            before(unraisable)
            return
        # A thread of the lowest kind, as in ``client.interrupts``: no lock is taken here.
        _thread.start_new_thread(_again, ())

    sys.unraisablehook = heard
    try:
        yield
    finally:
        sys.unraisablehook = before


def _again() -> None:
    time.sleep(PAUSE_S)
    os.kill(os.getpid(), signal.SIGINT)
