"""A worker that is ended on purpose: taken out of its run, or started again."""

from __future__ import annotations

import signal
import time

from farptr.launch.children import Child
from farptr.launch.requests import Request

WHY = "it was removed from the run"
"""What clients are told of its end."""
_WORD_PATIENCE_S = 0.5
"""The broker must know the reason before the process goes; one that hangs is not waited for longer."""
_STEPS = ((signal.SIGTERM, 1.0), (signal.SIGKILL, float("inf")))


class Leaving:
    """First the broker is told, then the process ends: in good order, or by force after a second."""

    def __init__(self, child: Child, request: Request, *, again: bool = False) -> None:
        self.child = child
        self.request = request
        self.again = again
        """Whether it is to be started again."""
        self._steps = iter(_STEPS)
        self.deadline_s = time.monotonic() + _WORD_PATIENCE_S
        """When it is time to go on, whether or not the broker has said that it knows."""

    def go_on(self) -> None:
        """Take the next step, if there is one left."""
        number, patience_s = next(self._steps, (None, float("inf")))
        if number is not None:
            self.child.signal(number)
        self.deadline_s = time.monotonic() + patience_s
