"""Somebody between the parties and their broker who sends envelopes again: at once, and later."""

from __future__ import annotations

import contextlib
import random
from collections import Counter, deque

import zmq

from farptr.protocol.header import Kind, read

KEPT = 300
"""Envelopes of each link that may be sent again later."""
TO_WORKERS = (Kind.COMMAND, Kind.FREE)


class Proxy:
    """A ROUTER that parties connect to, and for each of them a DEALER that is connected to the broker.

    What has a sequence number and goes to the broker or a worker is sent twice at once, and once more later. What goes
    to a client runs nothing, and is passed on.
    """

    def __init__(self, front, back, seed):
        self.chance = random.Random(seed)
        self.context = zmq.Context()
        self.back = back
        self.front = self._socket(zmq.ROUTER)
        self.front.bind(front)
        self.poller = zmq.Poller()
        self.poller.register(self.front, zmq.POLLIN)
        self.behind = {}
        """The DEALER of each party, by its route."""
        self.routes = {}
        self.old = {}
        """Newest envelopes by direction and route."""
        self.again = Counter()
        """Envelopes that were sent again, by direction, kind and when."""

    def _socket(self, kind):
        found = self.context.socket(kind)
        for option in (zmq.SNDHWM, zmq.RCVHWM, zmq.LINGER):
            found.setsockopt(option, 0)
        return found

    def serve(self, pipe):
        """Until the pipe says ``end``; it is answered with the counts, as is anything else."""
        self.poller.register(pipe.fileno(), zmq.POLLIN)
        with contextlib.suppress(EOFError):
            while True:
                for source, _ in self.poller.poll():
                    if source is self.front:
                        self.up()
                    elif source in self.routes:
                        self.down(source)
                    else:
                        word = pipe.recv()
                        pipe.send(dict(self.again))
                        if word == "end":
                            return

    def close(self):
        for socket in (self.front, *self.behind.values()):
            socket.close(linger=0)
        self.context.term()

    def up(self):
        """A party says something to the broker."""
        route, *frames = self.front.recv_multipart()
        dealer = self.behind.get(route)
        if dealer is None:
            dealer = self.behind[route] = self._socket(zmq.DEALER)
            dealer.connect(self.back)
            self.routes[dealer] = route
            self.poller.register(dealer, zmq.POLLIN)
        dealer.send_multipart(frames)
        self.repeat(("to the broker", route), frames, dealer.send_multipart)

    def down(self, dealer):
        """The broker says something to a party."""
        frames, route = dealer.recv_multipart(), self.routes[dealer]
        self.front.send_multipart([route, *frames])
        if read(frames[0])[0].kind in TO_WORKERS:
            self.repeat(("to a worker", route), frames, lambda again: self.front.send_multipart([route, *again]))

    def repeat(self, link, frames, send):
        header, _ = read(frames[0])
        if not header.sequence:
            return  # a party's first and last words
        old = self.old.setdefault(link, deque(maxlen=KEPT))
        old.append(frames)
        for when, again in (("at once", frames), ("later", self.chance.choice(old))):
            send(again)
            self.again[link[0], Kind(read(again[0])[0].kind).name, when] += 1


def serve(front, back, seed, pipe):
    """A process of its own; says ``ready`` first."""
    proxy = Proxy(front, back, seed)
    pipe.send("ready")
    try:
        proxy.serve(pipe)
    finally:
        proxy.close()
