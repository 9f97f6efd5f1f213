"""The broker's door to other machines: a TCP endpoint of its one ROUTER, where a handshake with a key comes first.

The endpoint is another one beside the Unix socket: options of a ZeroMQ socket count for what is bound after they were
set, so the Unix socket knows nothing of keys.

Laws
    1. Whoever the ring does not have is refused within the handshake (ZAP), before any byte of its own is looked at.
    2. Every message of a connection carries who it is from, by its key (``User-Id``); the sender cannot write that.
"""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING, Any

import zmq
from zmq.utils import z85

from farptr.protocol.errors import RunError
from farptr.transport.curve import patience

if TYPE_CHECKING:
    from farptr.keys.ring import Ring

log = logging.getLogger("farptr.broker")

DOMAIN = b"farptr"
MAX_FRAME_BYTES = 24 << 20
"""A body has at most 16 MiB, a header 64 KiB."""
_ZAP = "inproc://zeromq.zap.01"
_KEY_BYTES = 32


def user_id(name: str, public: str) -> str:
    """What the messages of that key carry."""
    return f"{name} {public}"


def user_of(frame: Any) -> str:
    """Whose key a message came by; empty for one that came by the Unix socket."""
    try:
        return str(frame.get("User-Id"))
    except zmq.ZMQError:
        return ""


class Gate:
    """Listens at ``address``; ``bound`` is that with the port that it got. Raises RunError when it cannot be bound."""

    def __init__(self, context: zmq.Context[Any], router: zmq.Socket[Any], address: str, ring: Ring) -> None:
        self._ring = ring
        self._zap: zmq.Socket[bytes] = context.socket(zmq.REP)
        self._zap.setsockopt(zmq.LINGER, 0)
        self._zap.bind(_ZAP)
        # It ends with the context.
        threading.Thread(target=self._judge_all, daemon=True, name="farptr-gate").start()
        router.setsockopt(zmq.CURVE_SERVER, 1)
        router.setsockopt(zmq.CURVE_SECRETKEY, ring.server().secret.encode())
        router.setsockopt(zmq.ZAP_DOMAIN, DOMAIN)
        router.setsockopt(zmq.ZAP_ENFORCE_DOMAIN, 1)  # without somebody to judge nobody comes in
        router.setsockopt(zmq.MAXMSGSIZE, MAX_FRAME_BYTES)
        router.setsockopt(zmq.IPV6, int("[" in address))
        patience(router)
        try:
            router.bind(address)
        except zmq.ZMQError as error:
            raise RunError(f"the broker cannot listen at {address}: {error}") from None
        self.bound = bytes(router.getsockopt(zmq.LAST_ENDPOINT)).rstrip(b"\0").decode()

    def _judge_all(self) -> None:
        try:
            while True:
                self._zap.send_multipart(self._judged(self._zap.recv_multipart()))
        except zmq.ContextTerminated:
            pass
        finally:
            self._zap.close()

    def _judged(self, question: list[bytes]) -> list[bytes]:
        """The answer to one question of ZeroMQ's (RFC 27)."""
        request = question[1] if len(question) > 1 else b""
        try:
            user = self._user(question)
        except Exception:
            log.exception("a key could not be judged")
            user = ""
        if user:
            return [b"1.0", request, b"200", b"OK", user.encode(), b""]
        return [b"1.0", request, b"400", b"no such key", b"", b""]

    def _user(self, question: list[bytes]) -> str:
        _, _, domain, address, _, mechanism, *credentials = question
        if (domain, mechanism) != (DOMAIN, b"CURVE") or len(credentials) != 1 or len(credentials[0]) != _KEY_BYTES:
            return ""
        public = z85.encode(credentials[0]).decode("ascii")
        holder = self._ring.holder_of(public)
        if holder is None:
            log.warning("refused a key that nobody has, from %s", address.decode("ascii", "replace"))
            return ""
        return user_id(holder.name, public)
