"""A client's turns under a virtual clock: what it says when it waits.

Laws
    Before it sleeps on the socket a client has sent all that it has to say, and then an IDLE: once for each time that
    something has come or was said since the last one. Time goes on only after that.
    One thread does all this, and issues all commands: another would make their order depend on who is faster.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from farptr.client.realtime import RealTime
from farptr.protocol.errors import BadClock
from farptr.protocol.header import Kind

if TYPE_CHECKING:
    from farptr.client.link import Link


class Turns:
    """The turns of one session."""

    def __init__(self, link: Link) -> None:
        self._link = link
        self._thread = threading.get_ident()
        self._real = RealTime()
        self._said = (0, 0)
        """The newest sequence number, and what had come, when it last said that it waits."""

    def check(self) -> None:
        """Raise BadClock in any thread but the first."""
        if threading.get_ident() != self._thread:
            raise BadClock(
                "a program under the virtual clock has one thread, and this is another one",
                hint="use the run in the thread that opened it, or take clock='wall'",
            )

    def begin(self) -> None:
        """The client goes on."""
        self._real.begin()

    def over(self) -> None:
        """The client is about to wait."""
        self.check()
        self._real.end()
        link = self._link
        core, batches = link.core, link.core.batches
        core.out.flush()
        if batches.ready or (batches.sequence, link.connection.received) != self._said:
            batches.received = link.connection.received
            batches.control(Kind.IDLE)
            link.send_now()
            self._said = (batches.sequence, batches.received)
