"""The shell around ``BrokerCore``: one ROUTER, a blocking loop, and an eye on the peers' processes."""

from __future__ import annotations

import contextlib
import logging
import math
import os
import random
import socket
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import zmq

from farptr.broker.control import Control
from farptr.broker.core import BrokerCore
from farptr.broker.exits import GRACE_S, LEASE_S, Exits, ending
from farptr.broker.gate import Gate, user_of
from farptr.broker.guests import CUT, REVOKED, Guests
from farptr.broker.hello import hello_of, peer_of, with_broker
from farptr.broker.noted import Noted
from farptr.broker.passing import wire_bytes_of
from farptr.broker.roster import Party
from farptr.broker.telling import Delivery
from farptr.broker.waker import ROUTE as WAKER
from farptr.broker.waker import Waker
from farptr.protocol import body as bodies
from farptr.protocol.errors import (
    AuthenticationFailed,
    FarptrError,
    ProtocolError,
    RunError,
)
from farptr.protocol.header import Header, Kind, encode
from farptr.protocol.names import ME
from farptr.transport.ends import LAST_WORDS_LINGER_MS

if TYPE_CHECKING:
    from farptr.broker.links import Links
    from farptr.broker.timed import Timed
    from farptr.keys.ring import Ring

log = logging.getLogger("farptr.broker")

# Plain integers: the enumerations' operators cost a microsecond each.
_SNDMORE, _RCVMORE = int(zmq.SNDMORE), int(zmq.RCVMORE)
UNREAD = 16
"""Messages of one peer that wait to be looked at; the rest stays with the peer, so that a large array in parts does."""


class Broker:
    """The ZeroMQ shell around ``BrokerCore``."""

    def __init__(
        self,
        address: str,
        *,
        run: str,
        seed: int | None,
        control: socket.socket | None,
        bind: str | None = None,
        keys: str | None = None,
        journal: tuple[str, dict[str, Any]] | None = None,
        clock: dict[str, Any] | None = None,
    ) -> None:
        entropy = int.from_bytes(os.urandom(8), "little")
        epoch = int.from_bytes(os.urandom(7), "little")
        if clock is not None:
            from farptr.broker.timed import Timed, seeded  # late, as all that most runs have no use for

            seed, epoch = seeded(seed)
        self.core = BrokerCore(run=run, epoch=epoch, seed=entropy if seed is None else seed)
        self._came = self._take
        """Takes in what comes from a party."""
        self._timed: Timed | None = None
        if clock is not None:
            self._timed = Timed(
                self.core, clock, take=self._take, hand=self.hand, end_journal=lambda: self._noted.close()
            )
            self._came = self._timed.came
        self._noted = Noted(self.core, journal, near=bind is None, clock=self._timed.now_ns if self._timed else None)
        self._noted.tell_beside(address)
        self._context = zmq.Context()
        self._router: zmq.Socket[bytes] = self._context.socket(zmq.ROUTER)
        for option, value in (
            (zmq.LINGER, 0), (zmq.SNDHWM, 0), (zmq.RCVHWM, UNREAD), (zmq.ROUTER_MANDATORY, 1),
            (zmq.MAXMSGSIZE, bodies.MAX_FRAME_BYTES),
        ):  # fmt: skip
            self._router.setsockopt(option, value)
        self._numbers: dict[bytes, int] = {}
        self._routes: dict[int, bytes] = {}
        self._links: Links | None = None
        """What holds deliveries back, once a network is modelled."""
        self._hold: Callable[[list[Delivery]], list[Delivery]] | None = self._timed.hold if self._timed else None
        """What deliveries pass, if anything: it gives those that leave now."""
        self.core.network = self._network
        if clock is not None and clock.get("net"):
            self._network({"do": "set", "table": clock["net"]}, 0)
        self._exits = Exits()
        self._control = Control(control)
        fds = [source.fileno() for source in (self._exits, control) if source is not None]
        self._waker = Waker(self._context, self._router, [fd for fd in fds if fd is not None])
        ring = _ring(keys) if bind else None
        self._guests = Guests(ring)
        self.bound = ""
        """Where it listens for other machines."""
        try:
            self._bind(address)
            if bind and ring:
                self.bound = Gate(self._context, self._router, bind, ring).bound
        except FarptrError:
            self._waker.close()
            raise
        self.stopping = False
        """Whether the loop ends before it takes the next message."""
        self._control.tell({"event": "bound", "tcp": self.bound})

    def _bind(self, address: str) -> None:
        try:
            self._router.bind(address)
        except zmq.ZMQError as error:
            raise RunError(f"the broker cannot bind {address}: {error}") from None

    def close(self) -> None:
        """Close everything; peers notice by themselves."""
        self._waker.close()
        if self._guests.by_route:  # their machines cannot see this process end
            bye = encode(Header(Kind.BYE, epoch=self.core.epoch))
            with contextlib.suppress(zmq.ZMQError):
                # A signal may have struck between a route and its frame: then this is the frame, else it is refused.
                self._router.send(bye)
            for route in self._guests.by_route:
                with contextlib.suppress(zmq.ZMQError):
                    self._router.send_multipart([route, bye])
            self._guests.see_off()
        self._router.close(linger=LAST_WORDS_LINGER_MS if self._guests.by_route else 0)
        self._context.term()
        self._exits.close()
        self._noted.close()
        if self._timed:
            self._timed.close()

    # ------------------------------------------------------------ the loop

    def loop(self) -> None:
        """Serve until it is told to stop; EOFError says that there is no supervisor any more."""
        recv, numbers, suspects, stopped = self._router.recv, self._numbers, self._exits.suspects, self._exits.stopped
        guests = self._guests.by_route
        self._set_alarm()
        while not self.stopping:
            try:
                route = recv()
            except zmq.Again:
                self._look_around()
                continue
            number = numbers.get(route)
            if number is not None:
                self._envelope(number)
                if suspects:  # envelopes may come without a pause
                    self._lose_suspects()
                if stopped and number in stopped:
                    self._look_around()
            elif route == WAKER:
                recv()
                self._look_around()
                self._waker.heeded()
            elif route in guests:
                self._guest_envelope(route)
            else:
                self._first_frames(route)

    def _look_around(self) -> None:
        """What is not an envelope: processes that ended, the supervisor's word."""
        self._heed_supervisor()
        live = self.core.roster.live
        self._exits.notice({n for n, p in live.items() if p.role == "worker"} if self._control.there else ())
        if self._guests.by_route or self._guests.to_cut:
            self._look_at_guests()
        self._lose_suspects()
        busy = [number for number, turns in self.core.settling.turns.items() if turns]
        for number, stopped in self._exits.stops(busy):
            self._deliver(self.core.stall(number, "its process is stopped" if stopped else ""))
        self._deliver(self._noted.news())  # and what has arrived meanwhile
        if self._timed:
            self._timed.go()

    def _look_at_guests(self) -> None:
        for number in self._guests.cut_off():
            self._exits.suspect(number, LEASE_S if number in self.core.kept else GRACE_S, CUT)
        for number in self._guests.revoked():
            error = AuthenticationFailed(REVOKED, hint="`farptr keys new` on the broker's machine makes another one")
            self._cut_off(number, error, REVOKED)

    def _lose_suspects(self) -> None:
        for number, why in self._exits.due():
            self._lose(number, why)
        self._set_alarm()

    def _set_alarm(self) -> None:
        wait_ms = self._exits.next_ms()
        if self._links and not self._timed and (next_s := self._links.next_s()) is not None:
            next_ms = math.ceil(next_s * 1000)
            wait_ms = next_ms if wait_ms is None else min(wait_ms, next_ms)
        self._router.setsockopt(zmq.RCVTIMEO, -1 if wait_ms is None else wait_ms)

    def _envelope(self, number: int) -> None:
        recv, more = self._router.recv, self._router.getsockopt
        frame = recv()  # a DEALER cannot send a message without a frame
        buffers: list[Any] = []
        while more(_RCVMORE):
            buffers.append(recv(copy=False))
        self._came(number, frame, tuple(buffers))

    def _take(self, number: int, frame: bytes, buffers: tuple[Any, ...]) -> None:
        if self.core.watch:
            self._noted.in_bytes[number] += wire_bytes_of(frame, buffers)
        try:
            deliveries = self.core.take(number, frame, buffers)
        except ProtocolError as error:
            self._cut_off(number, error)
            return
        if deliveries or self._hold:
            self._deliver(deliveries)
        self.core.catch_up()
        if number not in self.core.roster.live:
            self._forget(number)

    def _guest_envelope(self, route: bytes) -> None:
        """As ``_envelope``, of a party on another machine; what comes by another key is not its own."""
        guest = self._guests.by_route[route]
        frame, *buffers = self._rest()
        if user_of(frame) != guest.user:
            self._refuse(route, AuthenticationFailed("this connection belongs to another key"))
            return
        self._came(guest.number, frame.bytes, tuple(buffers))
        if self._exits.suspects:
            self._lose_suspects()

    def _rest(self) -> list[Any]:
        """The frames of a message behind its route."""
        frames = []
        while self._router.getsockopt(zmq.RCVMORE):
            frames.append(self._router.recv(copy=False))
        return frames

    def _deliver(self, deliveries: list[Delivery]) -> None:
        if self._hold is None:
            self.hand(deliveries)
        else:
            self.hand(self._hold(deliveries))
            self._set_alarm()

    def _network(self, asked: dict[str, Any], client: int) -> Any:
        """A client asks something of the modelled network; from then on there is one."""
        if self._links is None:
            from farptr.broker.links import Links
            from farptr.network.network import Network

            clock = self._timed.now_s if self._timed else time.monotonic
            self._links = Links(self.core, clock, random.Random(self.core.seed), Network())
            if self._timed:
                self._timed.links = self._links
            else:
                self._hold = self._links.hold
        return self._links.ask(asked, client)

    def hand(self, deliveries: list[Delivery]) -> None:
        """Deliveries leave for their destinations, now and in this order."""
        for delivery in deliveries:
            kept = self.core.kept.get(delivery.destination)
            if kept is not None:
                kept.add(delivery)
        self._send(deliveries)

    def _send(self, deliveries: list[Delivery]) -> None:
        send, watch = self._router.send, self.core.watch
        for delivery in deliveries:
            destination, frame, buffers = delivery[:3]
            route = self._routes.get(destination)
            if route is None:
                if watch:
                    watch.cut(delivery, "its destination is gone")
                continue  # it was lost in the meantime, and everybody was told
            try:
                send(route, _SNDMORE)
            except zmq.ZMQError:
                if watch:
                    watch.cut(delivery, "its destination's connection was cut")
                # No such peer any more. Who knows how its process ended has a moment to say so; a client may resume.
                grace_s = LEASE_S if destination in self.core.kept else GRACE_S
                self._exits.suspect(destination, grace_s, CUT)
                self._set_alarm()
                continue
            if watch and delivery.lost:
                self._noted.lost_bytes[destination] += wire_bytes_of(frame, buffers)
                watch.cut(delivery, delivery.lost)
            elif watch:
                self._noted.out_bytes[destination] += wire_bytes_of(frame, buffers)
                watch.handed(delivery)
            if not buffers:
                send(frame)
                continue
            send(frame, _SNDMORE)
            for buffer in buffers[:-1]:
                send(buffer, _SNDMORE, copy=False)
            send(buffers[-1], copy=False)

    # ------------------------------------------------------------ parties come and go

    def _first_frames(self, route: bytes) -> None:
        """Somebody without a number: only a hello makes sense."""
        frames = self._rest()
        try:
            user = user_of(frames[0]) if frames else ""
            uid, pid = peer_of(frames[0]) if frames and not user else (None, None)
            hello = hello_of([f.bytes for f in frames], uid)
            hello["user"] = user.partition(" ")[0] or ME  # whatever it said
            if user:
                self._guests.admit(frames[0], user, hello)
            if pid is not None:  # whatever it says: who is believed to be elsewhere is not watched
                hello["pid"], hello["host"] = pid, socket.gethostname()
            if "resume" in hello:
                self._resume(route, hello, frames[0] if user else None)
                return
            waiting = (route, hello, frames, user)
            for now in (waiting,) if self._timed is None else self._timed.admissible(hello, waiting):
                self._admit(*now)
        except FarptrError as error:
            self._refuse(route, error)

    def _admit(self, route: bytes, hello: dict[str, Any], frames: list[Any], user: str) -> None:
        party, deliveries = self.core.register(hello)
        self._noted.joined(party, wire_bytes_of(b"", tuple(frames)))
        self._seat(route, party, frames[0] if user else None)
        if party.host == socket.gethostname():
            self._exits.watch(party.number, party.pid)
            self._set_alarm()
        # Who is there must be known before anything of theirs arrives: this waits for nothing.
        clock = self._timed.welcomed(party) if self._timed else None
        self.hand([with_broker(deliveries[0], near=not self.bound, clock=clock), *deliveries[1:]])
        if self._timed:
            self._timed.told(deliveries[1:])
        log.info("%s %s (%d) joined, pid %d", party.role, party.name, party.number, party.pid)
        if party.role == "worker":
            self._control.tell({"event": "joined", "name": party.name, "pid": party.pid, "number": party.number})

    def _seat(self, route: bytes, party: Party, frame: Any) -> None:
        """From now on what comes by this route is the party's; ``frame`` of its hello, if it is a guest."""
        before = self._routes.get(party.number)
        if before is not None:
            self._numbers.pop(before, None)  # what still comes of the old connection was cut off with it
        self._routes[party.number] = route
        if frame is None:
            self._numbers[route] = party.number
        else:
            self._guests.seat(route, party.number, party.host, frame)

    def _resume(self, route: bytes, hello: dict[str, Any], frame: Any) -> None:
        party, deliveries = self.core.resume(hello)
        log.info("client %d resumes its session with %d envelopes to get again", party.number, len(deliveries) - 1)
        self._seat(route, party, frame)
        self._exits.trust(party.number)
        self._set_alarm()
        self._send(deliveries)

    def _refuse(self, route: bytes, error: FarptrError) -> None:
        log.warning("refused a peer: %s", error)
        body = bodies.dumps({"kind": type(error).__name__, "message": error.message, "hint": error.hint})
        raw = encode(Header(Kind.REFUSED, epoch=self.core.epoch, body_bytes=len(body)))
        try:
            self._router.send_multipart([route, raw + body])
        except zmq.ZMQError:
            log.info("the refused peer is gone already")

    def _cut_off(self, number: int, error: FarptrError, why: str = "") -> None:
        route = self._routes.get(number)
        log.warning("party %d is cut off: %s", number, error.message)
        if route is not None:
            self._refuse(route, error)
        self._guests.forget(number, cut=True)
        self._lose(number, why or f"it broke the protocol: {error.message}")

    def _lose(self, number: int, why: str, code: int | None = None) -> None:
        party = self.core.roster.live.get(number)
        if party is None:
            self._exits.forget(number)
            return
        log.info("%s %s (%d) is gone: %s", party.role, party.name, number, why)
        deliveries = self.core.lose(number, why, code)
        self._forget(number)
        self._deliver(deliveries)

    def _forget(self, number: int) -> None:
        route = self._routes.pop(number, None)
        if self._links:
            self._links.gone(number)
            self._set_alarm()  # something may have waited for that alone
        if self._timed:
            self._timed.gone(number)
        if route is not None:
            self._numbers.pop(route, None)
            self._guests.forget(number)
        self._exits.forget(number)

    # ------------------------------------------------------------ the supervisor

    def _heed_supervisor(self) -> None:
        for event in self._control.heard():
            if event.get("event") == "exited":
                self._exited(event["name"], event["pid"], event["code"], event.get("note", ""))
            elif event.get("event") == "remove":
                self._remove(event["name"], event["why"])

    def _remove(self, name: str, why: str) -> None:
        """A worker is about to be ended on purpose: it is gone from now on, and the supervisor may go ahead."""
        party = self.core.roster.worker(name)
        if party is not None:
            self._lose(party.number, why)
        self._control.tell({"event": "lost", "name": name})

    def _exited(self, name: str, pid: int, code: int, note: str) -> None:
        """A process of the supervisor's is gone; another one, started by hand, may have its name by now."""
        party = self.core.roster.worker(name)
        if party is not None and party.pid == pid:
            self._lose(party.number, "; ".join(filter(None, (ending(code), note))), code)
        self._control.tell({"event": "lost", "name": name})


def _ring(keys: str | None) -> Ring:
    from farptr.keys.ring import Ring

    return Ring(keys)
