"""Who gets into a run over the network: nobody but the holder of a key, by its own name, for as long as it has it.

A party's number is given once per registration, so a client that joins before and after some attempts knows, by its own
two numbers, that nobody was let in between: whatever the attempts themselves took the answers for.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import zmq

import farptr as fp
from farptr.keys.files import CLIENT, WORKER, load, new_key
from farptr.keys.ring import Ring
from tests.chaos.measure_tools import over, quantiles, until
from tests.chaos.strangers import Impostor, Peer, Tap, hello, replayed, tried

ATTEMPTS = {
    "no key": 1500, "a key that nobody has": 2000, "another's name": 2500, "a revoked key": 1500, "a replay": 1000,
    "another uid": 500, "a second broker on the path": 1000,
}  # fmt: skip
SHORT = 100
"""In the short form a hundredth part of them."""
ERROR_BAR_S = 1.0
HONEST = 5
"""``fp.connect`` calls of each kind that are timed; with a wrong broker's key it looks twice, 0.1 s apart."""
ROOT = Path(__file__).parents[2]

OTHER_UID = """
import json, os, sys
import zmq
from tests.chaos.strangers import tried
tried, zmq.utils.monitor  # imported while this may still read Python's own files
os.setgid(65534); os.setuid(65534)
context = zmq.Context()
print(json.dumps([tried(context, sys.argv[1]) for _ in range(int(sys.argv[2]))]))
context.destroy(0)
"""


class Bench:
    """A run with keys, and strangers at its door."""

    def __init__(self, folder):
        self.ring = Ring(folder)
        self.key = {name: load(self.ring.new(name, role)) for name, role in (
            ("ana", CLIENT), ("bob", CLIENT), ("julie", WORKER), ("toby", WORKER))}  # fmt: skip
        self.run = fp.up("carol", bind="tcp://127.0.0.1:*", keys=folder)
        self.context = zmq.Context()
        self.wrong = []

    def close(self):
        self.context.destroy(linger=0)
        self.run.close()

    # ------------------------------------------------------------ attempts: each gives what it was told

    def no_key(self, _):
        return tried(self.context, self.run.bound)

    def unknown_key(self, _):
        key = new_key("ana", CLIENT, self.key["ana"].server)
        return tried(self.context, self.run.bound, key)

    def others_name(self, at):
        """A worker's key for another's name or for a client, a client's for a worker, or for another's session."""
        hellos = (
            ("julie", hello(WORKER, "toby")), ("julie", hello(WORKER, "carol")), ("julie", hello(CLIENT)),
            ("ana", hello(WORKER, "toby")), ("ana", hello(WORKER, "ana")),
            ("ana", hello(CLIENT, resume=1, received=1)), ("bob", hello(CLIENT, resume=self.guest, received=1)),
        )  # fmt: skip
        name, frame = hellos[at % len(hellos)]
        return tried(self.context, self.run.bound, self.key[name], frame=frame)

    def revoked(self, _):
        return tried(self.context, self.run.bound, self.gone)

    def replay(self, _):
        answered = replayed(self.run.bound, bytes(self.tap.said))
        if b"\x07WELCOME" not in answered:
            return "this was no handshake"
        return "WELCOME" if b"\x05READY" in answered else "the broker hung up in the handshake"

    def on_the_path(self, _):
        return tried(self.context, self.impostor.address, self.key["ana"])

    def other_uid(self, count):
        """In one process: what each was told."""
        path = Path(self.run._running.info.address.removeprefix("ipc://"))
        opened = (path.parent.parent, 0o711), (path.parent, 0o711), (path, 0o777)
        try:
            for place, mode in opened:  # the directories alone keep strangers out: the broker is to do so, too
                place.chmod(mode)
            words = [sys.executable, "-c", OTHER_UID, f"ipc://{path}", str(count)]
            done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False)
        finally:
            path.parent.parent.chmod(0o700)
            path.parent.chmod(0o700)
        return json.loads(done.stdout) if done.returncode == 0 else [done.stderr]

    # ------------------------------------------------------------ counting

    def registered(self):
        """The number that the next client gets: it says how many were let in before."""
        with fp.connect(self.run._running.info.address) as client:
            return client._session.core.number

    def counted(self, kind, attempts):
        """How many were made and let in, and what they were told."""
        before = self.registered()
        told = list(attempts)
        accepted = self.registered() - before - 1
        accepted += sum(what == "WELCOME" for what in told)
        if accepted or not told or "this was no handshake" in told:
            self.wrong.append(f"{kind}: {accepted} accepted of {len(told)}")
        return {
            "attempts": len(told), "accepted": accepted, "told": {w: told.count(w) for w in sorted(set(told))}
        }  # fmt: skip

    def check_control(self):
        """Who has a key is let in, by the same means: else nothing above would say anything."""
        for name, frame in (("ana", hello(CLIENT)), ("julie", hello(WORKER, "julie"))):
            with Peer(self.context, self.run.bound, self.key[name]) as peer:
                peer.say(frame)
                if (told := peer.told()) != "WELCOME":
                    self.wrong.append(f"{name} with the right key: {told}")
        until(lambda: "julie" not in [row[1] for row in self.run._session.ask_broker("parties")])

    def seconds_to_error(self, address, file):
        """Of ``fp.connect`` with that key."""
        times_s = []
        for _ in range(HONEST):
            began_s = time.monotonic()
            try:
                with fp.connect(address, key=file):
                    self.wrong.append(f"{file} was let in at {address}")
            except fp.AuthenticationFailed:
                times_s.append(time.monotonic() - began_s)
        return times_s

    @contextlib.contextmanager
    def stage(self):
        """What the attempts need: a session to take, a tap that has heard one, a broker that is not the run's."""
        file = self.ring.path / "ana.key"
        self.ring.new("eve", CLIENT)
        self.gone = load(self.ring.path / "eve.key")
        self.ring.revoke("eve")
        self.tap = Tap(self.run.bound)
        self.impostor = Impostor(self.context, new_key("broker", "broker"))
        try:
            with fp.connect(self.tap.address, key=file) as heard:
                kept = fp.tensor([1]).send(heard["carol"])
                heard.sync()
                del kept
            with fp.connect(self.run.bound, key=file) as guest:
                self.guest = guest._session.core.number
                yield
                guest.sync()  # and nobody has taken it
        finally:
            self.tap.close()
            self.impostor.close()


def _wrong_keys(bench, folder):
    """How soon an honest client is told, by each kind of wrong key."""
    strange = Ring(f"{folder}/strange")
    strange.new("ana", CLIENT)
    revoked = bench.ring.new("tim", CLIENT, file=f"{folder}/tim.key")
    bench.ring.revoke("tim")
    plain = Impostor(bench.context)
    try:
        return {
            "a worker's key": bench.seconds_to_error(bench.run.bound, bench.ring.path / "julie.key"),
            "a revoked key": bench.seconds_to_error(bench.run.bound, revoked),
            "a key of another ring": bench.seconds_to_error(bench.run.bound, strange.path / "ana.key"),
            "a second broker": bench.seconds_to_error(bench.impostor.address, bench.ring.path / "ana.key"),
            "one without keys": bench.seconds_to_error(plain.address, bench.ring.path / "ana.key"),
        }
    finally:
        if plain.heard():
            bench.wrong.append("somebody spoke to a broker without keys")
        plain.close()


def identity(short):
    """0 of 10,000 let in; a client with a wrong key knows within a second."""
    with tempfile.TemporaryDirectory() as folder, contextlib.closing(Bench(f"{folder}/ring")) as bench:
        bench.check_control()
        found = {}
        with bench.stage():
            ways = {
                "no key": bench.no_key, "a key that nobody has": bench.unknown_key, "another's name": bench.others_name,
                "a revoked key": bench.revoked, "a replay": bench.replay,
                "a second broker on the path": bench.on_the_path,
            }  # fmt: skip
            for kind, count in ATTEMPTS.items():
                count = max(7, count // SHORT) if short else count
                if kind in ways:
                    found[kind] = bench.counted(kind, map(ways[kind], range(count)))
                elif os.getuid() == 0:
                    found[kind] = bench.counted(kind, bench.other_uid(count))
            if bench.impostor.heard():
                bench.wrong.append("somebody spoke to a broker that is not the run's")
            times_s = _wrong_keys(bench, folder)
        bench.check_control()
        together = [took_s for each in times_s.values() for took_s in each]
        bench.wrong += over("AuthenticationFailed", together, ERROR_BAR_S)
        return {
            "attempts": sum(each["attempts"] for each in found.values()),
            "accepted": sum(each["accepted"] for each in found.values()),
            "kinds": found,
            "to_error": quantiles(together) | {"by": {kind: quantiles(each) for kind, each in times_s.items()}},
            "wrong": bench.wrong,
        }  # fmt: skip
