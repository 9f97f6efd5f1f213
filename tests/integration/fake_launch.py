"""A supervisor with small fake roles: ``python -m fake_launch``. They speak the control protocol and no ZeroMQ.

What a worker does is chosen by its ``load``, what the broker does by $FAKE_BROKER. Tests talk to the broker through
its socket: a JSON line {"say": event} goes to the supervisor, {"heard": null} is answered by what came from there.
"""

from __future__ import annotations

import json
import os
import selectors
import signal
import socket
import sys
import time
from pathlib import Path

from farptr.launch.__main__ import main
from farptr.protocol.errors import LoadFailed


class FakeBroker:
    def __init__(self, address, control):
        self.control = control
        self.heard = []
        self.selector = selectors.DefaultSelector()
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(address.removeprefix("ipc://"))
        self.listener.listen()
        self.selector.register(self.listener, selectors.EVENT_READ)
        self.selector.register(control, selectors.EVENT_READ)

    def say(self, **event):
        self.control.sendall(json.dumps(event).encode() + b"\n")

    def serve(self):
        while True:
            for key, _ in self.selector.select():
                if key.fileobj is self.listener:
                    peer, _ = self.listener.accept()
                    self.selector.register(peer, selectors.EVENT_READ)
                elif key.fileobj is self.control:
                    data = self.control.recv(65536)
                    if not data:
                        return
                    self.hear([json.loads(line) for line in data.splitlines()])
                else:
                    self.on_peer(key.fileobj)

    def hear(self, events):
        self.heard += events
        for event in events if os.environ.get("FAKE_BROKER") == "knows" else ():
            self.say(event="lost", name=event["name"])

    def on_peer(self, peer):
        data = peer.recv(65536)
        if not data:
            self.selector.unregister(peer)
            peer.close()
        for line in data.splitlines():
            message = json.loads(line)
            if "say" in message:
                self.say(**message["say"])
            elif "heard" in message:
                peer.sendall(json.dumps(self.heard).encode() + b"\n")
            elif message["hello"].startswith("unwelcome"):
                error = {"kind": "VersionMismatch", "message": "too old", "hint": "upgrade"}
                self.say(event="refused", name=message["hello"], error=error)
            else:
                self.say(event="joined", name=message["hello"], pid=message["pid"], number=1)


def broker_main(address, *, run, seed, control, cleanup):
    how = os.environ.get("FAKE_BROKER", "")
    if how == "raise":
        raise RuntimeError(f"{run} cannot bind, seed {seed}")
    if how == "die":
        print("dying", flush=True)
        os._exit(9)
    broker = FakeBroker(address, control)
    if how != "mute":
        broker.say(event="bound")
    broker.serve()
    broker.listener.close()
    cleanup()


def worker_main(name, address, *, load, functions, lifeline, memory_limit_bytes):
    print(f"{name} says hello")
    if load == "load-failed":
        raise LoadFailed("no such file", hint="give another")
    if load == "value-error":
        raise ValueError("bad bytes")
    if load == "die":
        os._exit(3)
    if load == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    if load == "hang":
        time.sleep(60)
    if load and load.startswith("once:"):
        path = Path(load.removeprefix("once:"))
        if path.exists():
            os._exit(3)
        path.touch()
    if load == "stubborn":
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    broker = socket.socket(socket.AF_UNIX)
    broker.connect(address.removeprefix("ipc://"))
    broker.sendall(json.dumps({"hello": name, "pid": os.getpid()}).encode() + b"\n")
    if load == "fds":
        print("fds", *(path.name for path in Path("/dev/fd").iterdir()), flush=True)
    os.read(lifeline, 1)


if __name__ == "__main__":
    sys.exit(main(lambda: (broker_main, worker_main)))
