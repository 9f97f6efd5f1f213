"""A client process (``load``), seen from the one who breaks things."""

from __future__ import annotations

import contextlib
import os
import signal
import time

from tests.chaos import load
from tests.chaos.watching import PATIENCE_S

QUIET_S = 20.0
"""A client that says nothing for this long hangs."""


class Loader:
    """One client process: what it was told, and what it has said."""

    def __init__(self, context, name, seed):
        self.pipe, far = context.Pipe()
        self.process = context.Process(target=load.work, args=(far, name, seed), daemon=True)
        self.process.start()
        far.close()
        self.heard_s = time.monotonic()
        self.found = {}
        """Its last account."""
        self.said = {}
        """When it said each of its words last, by the clock that all processes share."""

    def say(self, word, worker=""):
        with contextlib.suppress(OSError):
            self.pipe.send((word, worker))

    def listen(self):
        """Take in what it has said."""
        with contextlib.suppress(EOFError, ConnectionError):
            while self.pipe.poll(0):
                word, at_s, self.found = self.pipe.recv()
                self.heard_s = time.monotonic()
                self.said[word] = at_s

    def has_said(self, word, since_s):
        """Whether it said that since then."""
        self.listen()
        return self.said.get(word, 0.0) > since_s

    def hangs(self):
        """Whether it is silent, or gone by itself."""
        self.listen()
        return time.monotonic() - self.heard_s > QUIET_S or not self.process.is_alive()

    def print_stack(self):
        """On standard error."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.process.pid, signal.SIGUSR2)
        time.sleep(0.2)

    def kill(self):
        """Kill it, as ``kill -9`` does; what it had said is taken in."""
        self.process.kill()
        self.process.join(PATIENCE_S)
        self.listen()
        self.pipe.close()
        self.process.close()
