"""One connection that many threads share: a lock, and who sleeps on the socket.

Laws
    1. Whoever holds the lock may send, and takes in what has come.
    2. One thread at most, the *leader*, sleeps on the socket, with the lock released. Others that wait sleep until it
       hands them their answer or the lead.
    3. What the broker may not have is kept, and sent again when a cut connection is mended: by whoever waits next, or
       by the flush timer. Nobody else notices the cut.
"""

from __future__ import annotations

import threading
from typing import Protocol

from farptr.client.core import SessionCore
from farptr.client.turns import Turns
from farptr.protocol.commands import Envelope
from farptr.protocol.errors import (
    AuthenticationFailed,
    BrokerLost,
    FarptrError,
    ProtocolError,
    SessionClosed,
    SessionExpired,
)
from farptr.protocol.header import Kind
from farptr.protocol.kept import Kept

CONFIRM_AFTER = 64
"""The broker is told that so many envelopes have come, even if there is nothing else to say."""
CONFIRM_BYTES = 1 << 18
"""And at once when one of this size has: it keeps them until then."""
CONFIRM_PARTS = 4
"""And when so many have, while parts of a large one come."""
_PART = int(Kind.PART)
LAST_WORDS_S = 0.2
"""The broker gets what was sent before the end within this time, or not at all."""


class Connection(Protocol):
    """What a session needs of its way to the broker (``transport.dealer.Dealer``, or the simulator's)."""

    received: int
    """Envelopes that have come, the welcome included."""
    cut: bool
    """Nothing comes or goes any more, and the broker lives."""

    def again(self, number: int) -> int:
        """Resume the session of that number after a cut; the newest envelope of its that the broker has."""

    def own(self, envelope: Envelope) -> Envelope:
        """The same with buffers that nobody changes."""

    def send(self, envelope: Envelope) -> None:
        """Queue one envelope."""

    def receive(self) -> Envelope | None:
        """The next envelope, if one is here."""

    def readable(self) -> bool:
        """Whether one is here."""

    def wait(self, timeout_s: float) -> None:
        """Sleep until one may be here."""

    def wake(self) -> None:
        """End another thread's ``wait``."""

    def check(self) -> None:
        """Raise when the broker is gone."""

    def rest(self) -> None:
        """Give memory back that is kept for large arrays."""

    def close(self, linger_s: float = 0.0) -> None:
        """End the connection."""


class Link:
    """The way of a core's envelopes. Every method wants the lock to be held."""

    def __init__(self, core: SessionCore, connection: Connection) -> None:
        self.core = core
        self.connection = connection
        self.mutex = threading.RLock()
        self.leader: int | None = None
        """The thread that sleeps on the socket."""
        self.closed = ""
        """Why, once it is."""
        self.usable = True
        """Neither closed nor a forked child's."""
        self.expired: FarptrError | None = None
        """Why it closed by itself."""
        self.kept: Kept[Envelope] = Kept()
        """What the broker may not have."""
        self.forked = False
        """This is a forked child: the connection is the parent's."""
        self.turns: Turns | None = None
        """What it says of its turns, where time is modelled."""
        self._handed_over = threading.Condition(self.mutex)
        self._followers = 0
        """Threads that wait for the leader to hand them their answer."""

    def send_ready(self) -> None:
        """Send what is ready; take in what has come, or see that the leader does."""
        self._send()
        # Sending can swallow the signal that the leader waits for; and what has come may be of use now.
        if self.leader is None:
            self.take_in()
        elif self.connection.readable():
            self.connection.wake()

    def send_now(self) -> None:
        """Send what is ready, and take nothing in."""
        self._send()

    def _send(self) -> None:
        if self.turns is not None:
            self.turns.check()
        ready, self.core.batches.ready = self.core.batches.ready, []
        for envelope in ready:
            mine = self.connection.own(envelope) if envelope.buffers else envelope
            self.kept.add(mine)
            self.connection.send(mine)

    def take_in(self) -> None:
        """Give the core what has come; raises ProtocolError, and closes, when the broker breaks the protocol."""
        try:
            self._take_in()
        except ProtocolError as error:
            if not self.closed:
                self.expired = error.with_traceback(None)
                self.close(error.message)
            raise

    def _take_in(self) -> None:
        core, connection, large = self.core, self.connection, False
        while (envelope := connection.receive()) is not None:
            if envelope.header.kind >= _PART:
                if connection.received - core.batches.confirmed >= CONFIRM_PARTS:
                    self._confirm()
                continue
            core.receive(envelope)
            large = large or envelope.header.value_bytes >= CONFIRM_BYTES
        self.kept.forget_up_to(core.arrived)
        batches = core.batches
        batches.received = connection.received
        if large or batches.received - batches.confirmed >= CONFIRM_AFTER:
            self._confirm()

    def _confirm(self) -> None:
        self.core.batches.received = self.connection.received
        self.core.batches.control(Kind.NOTE)
        self._send()

    def mend(self) -> None:
        """Resume the session if the connection was cut; raises SessionExpired when it is too late for that."""
        if not self.connection.cut or self.closed:
            return
        try:
            newest = self.connection.again(self.core.number)
        except BrokerLost:
            raise
        except FarptrError as error:
            told = isinstance(error, SessionExpired | AuthenticationFailed)
            self.expired = error if told else SessionExpired(error.message)
            self.close(error.message)
            raise self.ended() from None
        for envelope in self.kept.after(newest):
            self.connection.send(envelope)
        self.take_in()

    def look(self) -> None:
        """See whether the connection was cut, if nobody is looking; for a session that has nothing to wait for."""
        if self.leader is None and not self.closed:
            self.connection.wait(0.0)
            self.mend()

    def ended(self) -> FarptrError:
        """The error for who wants something of it now that it is closed."""
        if self.expired is not None:
            return type(self.expired)(self.expired.message, hint=self.expired.hint)
        return SessionClosed(self.closed, hint="fp.up(…) starts a new run, fp.connect() joins one")

    def lead(self, timeout_s: float) -> None:
        """Sleep on the socket with the lock released, then take in what came."""
        if self.turns is not None:
            self.turns.over()
        self.leader = threading.get_ident()
        depth = 0
        try:
            # The lock may be held more than once by this thread; nobody else could send meanwhile.
            depth = self._handed_over._release_save()  # type: ignore[attr-defined]
            try:
                self.connection.wait(timeout_s)
            finally:
                self._handed_over._acquire_restore(depth)  # type: ignore[attr-defined]
        finally:
            self.leader = None
            try:
                self.take_in()
                self.mend()
            finally:
                if self.turns is not None:
                    self.turns.begin()
                if self._followers:  # one of them finds its answer here, or takes the lead
                    self._handed_over.notify_all()

    def follow(self, timeout_s: float) -> None:
        """Sleep, with the lock released, until the leader has taken something in."""
        self._followers += 1
        try:
            self._handed_over.wait(timeout_s)
        finally:
            self._followers -= 1

    def close(self, why: str) -> None:
        """Send the last words, end the connection, wake whoever waits."""
        self.closed, self.usable = why, False
        if not self.forked:
            self._send_quietly()
        self._followers += 1  # to be told
        try:
            if self.leader is not None:
                self.connection.wake()
                self._handed_over.wait_for(lambda: self.leader is None, 1.0)
        finally:
            self._followers -= 1
            self.connection.close(linger_s=0.0 if self.forked else LAST_WORDS_S)
            self._handed_over.notify_all()

    def _send_quietly(self) -> None:
        try:
            self.send_ready()
        except FarptrError:
            return  # the run is going down; what was queued for it is of no use

    def in_child(self) -> None:
        """This is a forked child now: whoever held the lock may be the parent's thread."""
        self.mutex = threading.RLock()
        self._handed_over = threading.Condition(self.mutex)
        self.forked, self.usable = True, False
