"""The thread that sends what nobody waits for; in an idle session it notices handles that died, and a cut."""

from __future__ import annotations

import contextlib
import threading
import time
import weakref
from typing import TYPE_CHECKING

from farptr.protocol.errors import FarptrError

if TYPE_CHECKING:
    from farptr.client.session import Session

FLUSH_AFTER_S = 0.002
"""A command that nobody waits for leaves at most about this long after it was issued."""
PARK_AFTER = 25
"""Ticks of FLUSH_AFTER_S without work, then the timer parks."""
IDLE_LOOK_S = 0.1
"""How often an idle session looks for handles that died."""
REST_LOOKS = 600
"""A session that was idle for so many looks gives memory for large arrays back."""


class FlushTimer:
    """It ticks while there is work and parks when there was none for a while: waking it costs a context switch."""

    def __init__(self) -> None:
        self.parked = True
        """It sleeps until it is told that there is work."""
        self._work = threading.Event()
        self._seen = 0
        """Commands at its last look."""
        self._idle = 0
        """Looks since then."""

    def start(self, session: Session) -> None:
        """Run for a session until that is unusable or gone."""
        threading.Thread(target=self._run, args=(weakref.ref(session),), daemon=True, name="farptr-flush").start()

    def wake(self) -> None:
        """There is work."""
        self._work.set()

    def _run(self, session: weakref.ref[Session]) -> None:
        quiet = PARK_AFTER
        while True:
            me = session()
            if me is None or not me.usable:
                return
            if self._flush_if_left(me):
                quiet = 0
            elif self.parked:
                me.look(rest=self._has_idled(me.core.commands))
            del me
            self.parked = parks = quiet >= PARK_AFTER
            if not parks:
                time.sleep(FLUSH_AFTER_S)
                quiet += 1
            elif self._work.wait(IDLE_LOOK_S):
                self._work.clear()
                quiet = 0

    def _has_idled(self, commands: int) -> bool:
        self._idle = self._idle + 1 if commands == self._seen else 0
        self._seen = commands
        return self._idle == REST_LOOKS

    def _flush_if_left(self, session: Session) -> bool:
        """Flush what has been waiting since the last look; whether there is anything to look after."""
        core = session.core
        if not (session.dead or core.batches.pending()):
            return False
        if core.commands == self._seen:
            with contextlib.suppress(FarptrError):  # whoever uses the session next is told
                session.flush()
        self._seen = core.commands
        return True
