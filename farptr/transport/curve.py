"""CURVE over TCP: what both ends set on their sockets, and what a handshake that fails means.

Laws
    1. Nobody speaks before the handshake has shown that both ends have the keys that they say: the broker that of its
       pinned public key, the party that of a name on the broker's ring.
    2. A handshake that cannot succeed is an AuthenticationFailed at once, and no wait.
    3. A peer that gives no sign of life is taken for gone after SILENCE_MS.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import zmq

from farptr.protocol.errors import AuthenticationFailed, UnusableKey

if TYPE_CHECKING:
    from farptr.keys.files import Key

BEAT_MS, SILENCE_MS = 1000, 4000
HANDSHAKE_MS = 3000
"""By then a handshake is over, or the connection is."""
NO_DETAIL_TRIES = 2
"""A broker without the pinned key just hangs up; so does a network once in a while."""
EVENTS = (
    zmq.EVENT_HANDSHAKE_SUCCEEDED
    | zmq.EVENT_HANDSHAKE_FAILED_AUTH
    | zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL
    | zmq.EVENT_HANDSHAKE_FAILED_NO_DETAIL
    | zmq.EVENT_DISCONNECTED
)


def patience(router: zmq.Socket[Any]) -> None:
    """Heartbeats, and a bound on the handshake: for what is bound or connected from now on."""
    for option, value in (
        (zmq.HEARTBEAT_IVL, BEAT_MS), (zmq.HEARTBEAT_TIMEOUT, SILENCE_MS), (zmq.HANDSHAKE_IVL, HANDSHAKE_MS),
    ):  # fmt: skip
        router.setsockopt(option, value)


class Login:
    """One party's side. Raises AuthenticationFailed when there is no key, UnusableKey when it is none."""

    def __init__(self, address: str, path: str | os.PathLike[str] | None) -> None:
        from farptr.keys.files import load  # late: most runs stay on one machine

        self.address = address
        try:
            self.key: Key = load(path)
        except UnusableKey as error:
            if path or os.environ.get("FARPTR_KEY"):
                raise
            raise AuthenticationFailed(f"{address}: {error.message}", hint=error.hint) from None
        self._failures = 0
        self._up = False
        self.broken = False
        """Whether the connection ended after its handshake."""

    def prepare(self, connection: zmq.Socket[Any]) -> zmq.Socket[Any]:
        """Set the keys, before it connects; the monitor that tells of its handshake, and later of its end."""
        self._failures, self._up, self.broken = 0, False, False
        connection.setsockopt(zmq.CURVE_SERVERKEY, self.key.server.encode())
        connection.setsockopt(zmq.CURVE_PUBLICKEY, self.key.public.encode())
        connection.setsockopt(zmq.CURVE_SECRETKEY, self.key.secret.encode())
        connection.setsockopt(zmq.IPV6, int("[" in self.address))
        patience(connection)
        return connection.get_monitor_socket(EVENTS)

    def heed(self, monitor: zmq.Socket[Any]) -> None:
        """What the monitor has to tell so far; raises AuthenticationFailed."""
        from zmq.utils.monitor import recv_monitor_message  # late: it brings asyncio, which most runs do without

        while monitor.poll(0):
            self._judge(recv_monitor_message(monitor)["event"])

    def _judge(self, event: int) -> None:
        self._up = self._up or event == zmq.EVENT_HANDSHAKE_SUCCEEDED
        self.broken = self.broken or (self._up and event == zmq.EVENT_DISCONNECTED)
        if event == zmq.EVENT_HANDSHAKE_FAILED_AUTH:
            raise AuthenticationFailed(
                f"the broker at {self.address} does not let in the key of {self.key.name}",
                hint="it was revoked or replaced: `farptr keys list` on the broker's machine shows who has one",
            )
        if event == zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL:
            raise AuthenticationFailed(
                f"what listens at {self.address} does not ask for keys: it is not the broker that this key is for",
                hint="the address is that which `farptr up --bind` printed",
            )
        if event == zmq.EVENT_HANDSHAKE_FAILED_NO_DETAIL:
            self._failures += 1
            if self._failures >= NO_DETAIL_TRIES:
                raise AuthenticationFailed(
                    f"what listens at {self.address} has not the key of the broker that {self.key.name}'s key is for",
                    hint="another ring's broker, or somebody in between; `farptr keys new` makes keys for this one",
                )
