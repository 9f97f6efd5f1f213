"""The way out for what a function prints while it runs: not too often, so that printing costs little."""

from __future__ import annotations

import time
from collections.abc import Callable

from farptr.protocol.commands import Envelope

EVERY_S = 0.1


class Telling:
    """Sends at once, with EVERY_S between two envelopes at least (``turn.Tell``)."""

    def __init__(self, send: Callable[[Envelope], None], *, quiet: bool = False) -> None:
        self._send = send
        self._next_s = float("inf") if quiet else 0.0
        """What a function prints comes at its end where time is modelled: how long it takes in reality says nothing."""

    def due(self) -> bool:
        """Whether enough time has passed."""
        return time.monotonic() >= self._next_s

    def send(self, envelope: Envelope) -> None:
        """Send one."""
        self._next_s = time.monotonic() + EVERY_S
        self._send(envelope)
