"""Parties on other machines: by which key they came, and whether their connection and their key are good still.

Laws
    1. A key is for one name and one role: nobody else's hello is heard, and nobody else's envelopes pass.
    2. What a guest says of its process is no reason to touch any process here: its host is its address.
    3. Whose key is revoked or replaced is cut off, at the next look.
"""

from __future__ import annotations

import contextlib
import os
import socket
import time
from typing import TYPE_CHECKING, Any, NamedTuple

import zmq

from farptr.broker.gate import user_id, user_of
from farptr.broker.roster import WORKER
from farptr.protocol.errors import AuthenticationFailed, SessionExpired
from farptr.protocol.names import FAR

if TYPE_CHECKING:
    from farptr.keys.ring import Ring

CUT = "its connection was cut"
REVOKED = "its key was revoked"
LEAVE_S = 1.0
"""How long guests may take to leave when the run has ended."""


class Connection(NamedTuple):
    """One TCP connection: its descriptor is ZeroMQ's, which may close it at any time."""

    descriptor: int
    peer: Any

    @classmethod
    def of(cls, frame: Any) -> Connection:
        """By which a message came."""
        try:
            descriptor = int(frame.get(zmq.SRCFD))
        except zmq.ZMQError:
            return cls(-1, None)
        return cls(descriptor, _peer(descriptor))

    def lives(self) -> bool:
        """Whether it is open still; a descriptor can be another connection's by now."""
        return self.peer is not None and _peer(self.descriptor) == self.peer

    def cut(self) -> None:
        """Shut it down."""
        if self.lives():
            with contextlib.suppress(OSError), socket.socket(fileno=os.dup(self.descriptor)) as found:
                found.shutdown(socket.SHUT_RDWR)

    def place(self) -> str:
        """Where it comes from, as a host that is nobody's name."""
        host, port = self.peer[:2] if self.peer else ("?", 0)
        return f"{FAR}{f'[{host}]' if ':' in host else host}:{port}"


class Guest(NamedTuple):
    """One party that came by a key."""

    number: int
    user: str
    host: str
    """As in the roster: where it came from first."""
    connection: Connection


class Guests:
    """The guests of a run, by route."""

    def __init__(self, ring: Ring | None) -> None:
        self._ring = ring
        self.by_route: dict[bytes, Guest] = {}
        self.to_cut: list[Connection] = []

    def admit(self, frame: Any, user: str, hello: dict[str, Any]) -> None:
        """Check and complete the hello of who came by that key; raises AuthenticationFailed, SessionExpired."""
        holder = self._holder(user)
        if holder is None:
            raise AuthenticationFailed(REVOKED, hint="`farptr keys new` on the broker's machine makes another one")
        role, name = hello.get("role"), hello.get("name")
        if role != holder.role or (role == WORKER and name != holder.name):
            asked = f"worker {name}" if role == WORKER else f"{role}"
            raise AuthenticationFailed(
                f"the key of {holder.role} {holder.name} is no key for {asked}",
                hint="each worker, and each client, has a key of its own: `farptr keys new NAME [--client]`",
            )
        hello["host"] = Connection.of(frame).place()
        resumed = hello.get("resume")
        if resumed is not None:
            mine = [guest for guest in self.by_route.values() if guest.number == resumed and guest.user == user]
            if not mine:
                raise SessionExpired("this broker knows no session of that key and number", hint="fp.connect() anew")
            hello["host"] = mine[0].host  # the same client, at another port

    def seat(self, route: bytes, number: int, host: str, frame: Any) -> None:
        """It is a party of the run now, by this connection and no other."""
        self.forget(number)
        self.by_route[route] = Guest(number, user_of(frame), host, Connection.of(frame))

    def forget(self, number: int, *, cut: bool = False) -> None:
        """It is gone, or comes by another connection; ``cut`` what it came by, when its last words had their time."""
        for route in [route for route, guest in self.by_route.items() if guest.number == number]:
            guest = self.by_route.pop(route)
            if cut:
                self.to_cut.append(guest.connection)

    def cut_off(self) -> list[int]:
        """Who lost its connection, by number; and cut those that were to be."""
        for connection in self.to_cut:
            connection.cut()
        self.to_cut.clear()
        return [guest.number for guest in self.by_route.values() if not guest.connection.lives()]

    def see_off(self) -> None:
        """The run has ended and they were told: wait, not for long, until they have gone; a cut would come first."""
        deadline_s = time.monotonic() + LEAVE_S
        while any(guest.connection.lives() for guest in self.by_route.values()) and time.monotonic() < deadline_s:
            time.sleep(LEAVE_S / 100)

    def revoked(self) -> list[int]:
        """Whose key is not on the ring any more."""
        return [guest.number for guest in self.by_route.values() if self._holder(guest.user) is None]

    def _holder(self, user: str) -> Any:
        """Who has the key of that user, under its name; None when that is nobody any more."""
        holder = self._ring.holder(user.partition(" ")[0]) if self._ring is not None else None
        return holder if holder is not None and user_id(holder.name, holder.public) == user else None


def _peer(descriptor: int) -> Any:
    """Host and port at the other end of a descriptor; None when it is no connection."""
    try:
        with socket.socket(fileno=os.dup(descriptor)) as found:
            return found.getpeername()
    except OSError:
        return None
