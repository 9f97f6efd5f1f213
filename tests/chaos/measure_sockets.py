"""Malformed and half-open sessions against a real broker: what that costs an honest client, and the broker."""

from __future__ import annotations

import contextlib
import multiprocessing
import random
import socket
import struct
import time
from collections import deque

import psutil

import farptr as fp
from farptr.protocol import body as bodies
from farptr.protocol.header import Header, Kind, encode
from tests.chaos.measure_tools import p99, quantiles, rss_mib, until
from tests.chaos.strangers import hello

SESSIONS = 100_000
RATIO_BAR = 2.0
RSS_BAR_MIB = 32.0
FDS_BAR = 16
HALF_OPEN = 100
"""As many connections stay open and say nothing more."""
PAUSE_S = 0.0004
"""Between two sessions: an attacker that takes a whole processor would measure the machine's, not the broker's."""

GREETING = b"\xff" + bytes(8) + b"\x7f\x03\x01NULL".ljust(23, b"\0") + bytes(32)
_SAID = b"\x05READY\x0bSocket-Type\x00\x00\x00\x06DEALER"
READY = b"\x04" + bytes([len(_SAID)]) + _SAID


def _long(claimed, more=b""):
    """A long frame that claims so many bytes."""
    return b"\x02" + struct.pack(">Q", claimed) + more


def _message(*frames):
    """Frames as they travel."""
    last = len(frames) - 1
    return b"".join(bytes([2 + (i < last)]) + struct.pack(">Q", len(f)) + f for i, f in enumerate(frames))


def _said(draw):
    """What a session says on its socket, by kind."""
    noise, ready = draw.randbytes(draw.randrange(1, 200)), GREETING + READY
    spoilt = bytearray(hello())
    spoilt[draw.randrange(len(spoilt))] ^= 1 << draw.randrange(8)
    role = draw.choice([None, 5, "broker", ["client"], "x" * 999])
    mad = bodies.dumps({"role": role, "host": draw.choice([5, "h"]), "x": {"y": [1] * 99}})
    return {
        "nothing": b"",
        "noise": noise,
        "half a greeting": GREETING[: draw.randrange(1, 64)],
        "a greeting": GREETING,
        "a greeting of another mechanism": GREETING.replace(b"NULL", b"LOUD"),
        "a session without a word": ready,
        "noise as a message": ready + _message(noise),
        "no hello": ready + _message(encode(Header(Kind.COMMAND))),
        "many frames": ready + _message(*[noise] * 50),
        "a frame of 2**62 bytes": ready + _long(2**62, b"x"),
        "a frame of a GiB": ready + _long(1 << 30, noise),
        "a frame without its end": ready + _long(500, noise),
        "a message without its end": ready + b"\x01\x01x" * 50,
        "a spoilt hello": ready + _message(bytes(spoilt)),
        "a hello that makes no sense": ready + _message(encode(Header(Kind.HELLO, body_bytes=len(mad))) + mad),
        "a hello, and gone": ready + _message(hello()),
        "a hello, and noise": ready + _message(hello()) + _message(noise),
        "somebody else's session": ready + _message(hello(resume=draw.randrange(1, 5), received=1)),
    }


def _say(raw, data):
    """Say it; ZeroMQ hangs up on who goes on before it has answered a greeting."""
    if not data.startswith(GREETING + READY):
        raw.sendall(data)
        return
    raw.sendall(GREETING)
    heard = 0
    while heard < len(GREETING):
        heard += len(raw.recv(1 << 12)) or len(GREETING)
    raw.sendall(data[len(GREETING) :])


LET_IN = ("a hello, and gone", "a hello, and noise", "a spoilt hello")
"""These become clients for a moment. One that is gone while its process lives keeps its place for ten seconds, and all
the others hear of it: they are few.
"""
LET_IN_EACH = 500
KINDS = tuple(kind for kind in _said(random.Random(0)) if kind not in LET_IN)


class Attacker:
    """Opens sessions, a few hundred a second, and leaves some half open."""

    def __init__(self, path, seed):
        self.path, self.draw, self.open, self.count = path, random.Random(seed), deque(), 0

    def session(self):
        self.count += 1
        turn, rest = divmod(self.count, LET_IN_EACH)
        kind = KINDS[self.count % len(KINDS)] if rest else LET_IN[turn % len(LET_IN)]
        raw = socket.socket(socket.AF_UNIX)
        raw.settimeout(5.0)
        with contextlib.suppress(OSError):  # the broker may hang up
            raw.connect(self.path)
            _say(raw, _said(self.draw)[kind])
        if self.draw.random() < 0.5:
            raw.close()  # at once: nobody has read it yet
        else:
            self.open.append(raw)
        if len(self.open) > HALF_OPEN:
            self.open.popleft().close()

    def close(self):
        while self.open:
            self.open.popleft().close()


def attack(pipe, path, seed):
    """For a process: so many sessions when told to; how many there were."""
    attacker = Attacker(path, seed)
    with contextlib.suppress(EOFError):
        pipe.send("ready")
        while True:
            for _ in range(pipe.recv()):
                attacker.session()
                time.sleep(PAUSE_S)
            pipe.send(attacker.count)


class Bench:
    def __init__(self):
        self.run = fp.up("julie")
        self.broker = self.run._running.info.broker_pid
        self.pipe, theirs = multiprocessing.get_context("spawn").Pipe()
        path = self.run._running.info.address.removeprefix("ipc://")
        self.process = multiprocessing.get_context("spawn").Process(target=attack, args=(theirs, path, 1), daemon=True)
        self.process.start()
        self.x = fp.tensor([1.0, 2.0]).send(self.run["julie"])
        assert self.heard() == "ready"

    def heard(self):
        assert self.pipe.poll(300), "the attacker does not answer"
        return self.pipe.recv()

    def window(self, times_s, over):
        """Round trips until then; at least fifty."""
        turn = 0
        while turn < 50 or not over():
            began_s = time.perf_counter()
            (self.x + 1).get()
            times_s.append(time.perf_counter() - began_s)
            turn += 1

    def attacked(self, sessions, times_s):
        """Seconds that it took."""
        began_s = time.perf_counter()
        self.pipe.send(sessions)
        self.window(times_s, self.pipe.poll)
        self.pipe.recv()
        return time.perf_counter() - began_s

    def holds(self):
        """(Descriptors, MiB, threads) of the broker."""
        process = psutil.Process(self.broker)
        return process.num_fds(), rss_mib(self.broker), process.num_threads()

    def parties(self):
        """The roles of all parties."""
        return [row[2] for row in self.run._session.ask_broker("parties")]

    def close(self):
        self.x = None
        self.process.kill()
        self.process.join()
        self.run.close()


def sockets(short):
    """100,000 malformed or half-open sessions: the broker is up and flat, an honest client's p99 at most 2 x."""
    count, rounds = (600, 2) if short else (SESSIONS, 40)
    quiet_s, attacked_s, took_s, wrong = [], [], 0.0, []
    with contextlib.closing(Bench()) as bench:
        before, *_ = bench.holds()
        bench.attacked(count // rounds, [])  # buffers and tables have their size from here on
        first, mib, threads = bench.holds()
        held = [first]
        for _ in range(rounds):
            round_s = bench.attacked(count // rounds, attacked_s)
            took_s += round_s
            end_s = time.perf_counter() + round_s / 4
            bench.window(quiet_s, lambda end_s=end_s: time.perf_counter() > end_s)
            held.append(bench.holds()[0])
        most_mib = bench.holds()[1]
        bench.process.kill()
        bench.process.join()
        with contextlib.suppress(TimeoutError):
            until(lambda: bench.holds()[0] <= before, patience_s=10)
        left_fds, left_mib, left_threads = bench.holds()
        with contextlib.suppress(TimeoutError):
            until(lambda: len(bench.parties()) == 2, patience_s=10)
        parties = bench.parties()
        left = len(bench.run["julie"]._objects)
        log = (bench.run._directory / "logs" / "broker.log").read_text(errors="replace")
        refused, joined = log.count("refused a peer"), log.count(") joined, pid")
    ratio = p99(attacked_s) / p99(quiet_s)
    if ratio > RATIO_BAR:
        wrong.append(f"over the bar: p99 {ratio:.2f} x")
    half = len(held) // 2
    if max(held[half:]) > max(held[: half + 1]) + FDS_BAR or left_fds > before or left_threads != threads:
        wrong.append(f"the broker has {held} descriptors, {left_fds} in the end, and had {before}")
    if max(most_mib, left_mib) > mib + RSS_BAR_MIB:
        wrong.append(f"the broker has {most_mib:.0f} MiB, {left_mib:.0f} in the end, and had {mib:.0f}")
    if sorted(parties) != ["client", "worker"] or left != 1:
        wrong.append(f"left behind: {len(parties)} parties, {left} objects")
    if refused < 4 * count // len(KINDS) or joined < count // LET_IN_EACH // 2:
        wrong.append(f"the sessions do not reach the broker: {refused} were refused, {joined} let in")
    return {
        "refused": refused, "joined": joined, "log_mib": round(len(log) / 2**20, 1),
        "sessions": count, "kinds": len(KINDS + LET_IN),
        "sessions_per_s": round(count / took_s), "quiet": quantiles(quiet_s),
        "attacked": quantiles(attacked_s), "p99_ratio": round(ratio, 2), "descriptors": [before, max(held), left_fds],
        "broker_mib": [round(mib, 1), round(most_mib, 1), round(left_mib, 1)], "wrong": wrong,
    }  # fmt: skip
