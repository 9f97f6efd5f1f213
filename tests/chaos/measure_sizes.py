"""Sizes from one byte on, and one below, at and above every limit: what is right is done, what is too large is refused
by who would send it, and nothing else is lost with it."""

from __future__ import annotations

import contextlib
import time

import numpy as np
import psutil

import farptr as fp
from farptr.client.batches import BATCH_BYTES, BATCH_COMMANDS, MANY_CREATES
from farptr.protocol import values
from farptr.protocol.body import MAX_BODY_BYTES, MAX_DEPTH
from farptr.protocol.errors import HopLimit
from farptr.protocol.header import HOP_LIMIT, MAX_TRIPLES
from farptr.protocol.texts import MAX_ABOUT_BYTES, MAX_TEXT_BYTES
from farptr.worker.finding import MOST_FOUND
from tests.chaos.measure_lifetimes import left
from tests.chaos.measure_tools import peak_mib, rss_mib

LARGE_BYTES = 64 << 20
"""From here on an array is sent and fetched, and not copied and moved besides: memory is not what is measured."""
COPIES = 8
"""Of an array that is sent and fetched, in all processes together, at most."""


# ---------------------------------------------------------------- arrays


def array_of(size):
    return np.resize(np.arange(251, dtype=np.uint8), size) if size < LARGE_BYTES else np.full(size, 7, np.uint8)


def go_round(run, size):
    """Send it, use it as an argument, move it, bring it back; as an array that takes part in an operation, too."""
    a, (julie, toby) = array_of(size), run
    p = fp.tensor(a).send(julie)
    if size < LARGE_BYTES:
        q = p.copy()
        q[...] = a
        assert bool((p.move(toby).move(julie) + a == q + a).all()), f"{size} bytes: another result"
    back = p.get()
    assert back.nbytes == size, f"{size} bytes: {back.nbytes} came back"
    assert np.array_equal(back.view(np.ndarray), a), f"{size} bytes: others came back"


def array_sizes(short):
    top = 20 if short else 30
    corners = {1 << power for power in range(top + 1)}
    corners |= {values.INLINE_BYTES, values.CHUNK_BYTES, *(() if short else (8 * values.CHUNK_BYTES,))}
    sizes = {corner + d for corner in corners for d in (-1, 0, 1)}
    room = psutil.virtual_memory().available // COPIES
    return sorted(size for size in sizes if 1 <= size <= min(room, (1 << top) + 1))


# ---------------------------------------------------------------- limits


def literal(run, size):
    """One command whose arguments weigh that much."""
    p = fp.tensor(np.array([b"a"])).send(run[0])
    _ = (p == b"x" * (size - 64 - 16 - 32)).shape  # what a literal, a result and a pointer weigh


def commands(run, count):
    p = fp.tensor([0]).send(run[0])
    run.flush()
    for _ in range(count):
        p += 1
    assert int(p[0]) == count


def handles(run, count):
    """So many are made, and dropped at once."""
    held = [fp.tensor([1]).send(run[0]) for _ in range(count)]
    run.sync()
    held.clear()


def results(run, count):
    """Of one operation, at the end of a chain."""
    p = fp.tensor(np.arange(count)).send(run[0]).send(run[1])
    parts = np.split(p, count)
    assert int(parts[-1][0]) == count - 1


def about(run, size):
    p = fp.tensor([1]).describe("x" * size).send(run[0])
    assert len(p.move(run[1]).get().description) == size


def terms(run, size):
    assert run[0].search("x" * size) == []


def fits(run, count):
    held = [fp.tensor([1]).tag("#fits").send(run[0]) for _ in range(count)]
    assert len(run[0].search("#fits")) == len(held)


def value(run, size):
    """Without the memory that it would take: below the limit nothing is sent."""
    if size > values.MAX_VALUE_BYTES:
        fp.tensor([1]).send(run[0]) + np.broadcast_to(np.uint8(1), (size,))


def hops(run, count):
    p = fp.tensor([1])
    for hop in range(count):
        p = p.send(run[hop % 2])
    assert p.shape == (1,)


def nested(run, depth):
    index = 0
    for _ in range(depth):
        index = [index]
    np.add(fp.tensor(np.zeros((1,) * depth)).send(run[0]), index).shape  # noqa: B018


LIMITS = {
    "bytes of a batch": (BATCH_BYTES, literal, None),
    "commands of a batch": (BATCH_COMMANDS, commands, None),
    "objects made by a batch": (MANY_CREATES, handles, None),
    "references in a header": (MAX_TRIPLES, handles, None),
    "results of an operation": (MAX_TRIPLES, results, None),
    "arguments of a command, in bytes": (MAX_BODY_BYTES // 2, literal, fp.MessageTooLarge),
    "tags and description, in bytes": (MAX_ABOUT_BYTES, about, fp.MessageTooLarge),
    "texts of a command, in bytes": (MAX_TEXT_BYTES, terms, fp.MessageTooLarge),
    "objects that a search finds": (MOST_FOUND, fits, fp.MessageTooLarge),
    "an array, in bytes": (values.MAX_VALUE_BYTES, value, fp.MessageTooLarge),
    "hops of a chain": (HOP_LIMIT, hops, HopLimit),
    "nesting of an argument": (MAX_DEPTH, nested, fp.UnsupportedValue),
}
"""Each limit, what comes close to it, and what is raised above it (None: it is a seam that nobody should notice)."""


def at_limit(run, name, limit, call, refused, delta):
    """What is wrong just below, at or above a limit; empty when nothing is."""
    where = f"{name}: {limit} {delta:+}"
    try:
        call(run, limit + delta)
    except fp.FarptrError as error:
        if not (refused and delta > 0 and isinstance(error, refused)):
            return f"{where}: {type(error).__name__}: {error.message[:200]}"
        if isinstance(error, fp.MessageTooLarge) and str(limit) not in error.message:
            return f"{where}: the limit is not named: {error.message[:200]}"
        return ""
    except AssertionError as error:
        return f"{where}: {error}"
    return f"{where}: it was not refused" if refused and delta > 0 else ""


# ---------------------------------------------------------------- neighbours


class Neighbours:
    """Small commands right before and behind, of this client in the same batch and of another: all must be done."""

    def __init__(self, run, other):
        self.counts = [(client, [fp.tensor([0]).send(worker) for worker in client]) for client in (run, other)]
        self.issued, self.wrong = 0, []

    def issue(self):
        for _, pointers in self.counts:
            for pointer in pointers:
                pointer += 1
        self.issued += 1

    @contextlib.contextmanager
    def around(self, what):
        self.issue()
        try:
            yield
        except (AssertionError, fp.FarptrError) as error:
            self.wrong.append(f"{what}: {type(error).__name__}: {str(error)[:200]}")
        self.issue()
        for client, pointers in self.counts:
            found = [int(pointer[0]) for pointer in pointers]
            if found != [self.issued] * len(pointers):
                self.wrong.append(f"{what}: neighbours of {client.name} are at {found}, issued {self.issued}")
                self.issued = max(found)


def sizes(short):
    """1 B to 1 GiB, and limit-1, limit, limit+1 of every limit: neighbours' messages are never lost."""
    run = fp.up("julie", "toby", timeout=120)
    with contextlib.closing(run), fp.connect(run._running.info.address, timeout=120) as other:
        near, slowest_s, tried = Neighbours(run, other), 0.0, array_sizes(short)
        for size in tried:
            began_s = time.monotonic()
            with near.around(f"{size} bytes"):
                go_round(run, size)
            slowest_s = max(slowest_s, time.monotonic() - began_s)
        for name, (limit, call, refused) in LIMITS.items():
            for delta in (-1, 0, 1):
                with near.around(name):
                    near.wrong += filter(None, [at_limit(run, name, limit, call, refused, delta)])
        wrong, issued = near.wrong, near.issued
        pids = {"broker": run._running.info.broker_pid, **run._running.info.workers}
        memory = {name: [round(rss_mib(pid)), round(peak_mib(pid))] for name, pid in pids.items()}
        del near
        other.sync()  # its releases go another way than our questions
        wrong += left(run)
    return {
        "arrays": len(tried), "largest_bytes": tried[-1], "slowest_s": round(slowest_s, 2),
        "limits": {name: limit for name, (limit, _, _) in LIMITS.items()}, "at_limits": 3 * len(LIMITS),
        "neighbours": 4 * issued, "rss_mib_after_and_at_most": memory,
        "wrong": wrong,
    }  # fmt: skip
