"""Journals that no run has written: any number of envelopes, for tests of views."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

from farptr.journal import folder
from farptr.journal.recorder import CAME, CAME_HEAD, CLOSE, CLOSE_ITEM, HANDED, Recorder
from farptr.journal.records import HANDED as HANDED_PAYLOAD
from farptr.journal.records import encode_fact
from farptr.protocol import body as bodies
from farptr.protocol import commands as c
from farptr.protocol.header import FIXED_BYTES, Flag, Header, Kind, encode, ones
from farptr.protocol.ids import make_name

ME = 1
HELLO_BYTES = 100
STEP_NS = 40_000


def items(envelopes: int, workers: tuple[str, ...] = ("julie", "toby"), *, pause_every: int = 1000) -> Iterator[bytes]:
    """What the broker would note of a client that has workers add numbers: so many commands, each with its DONE."""
    rng = random.Random(1)
    numbers = {2 + i: name for i, name in enumerate(workers)}
    for number, name, role in [(ME, "me", "client"), *((n, name, "worker") for n, name in numbers.items())]:
        yield encode_fact(0, "joined", {"party": [number, name, role], "bytes": HELLO_BYTES})
    in_bytes, out_bytes, now = HELLO_BYTES * (1 + len(numbers)), 0, 1000
    held = {number: make_name(number, 10_000_000_000) for number in numbers}
    for i in range(1, envelopes + 1):
        now += STEP_NS + (10**9 if i % pause_every == 0 else 0)
        worker = rng.choice(list(numbers))
        made = make_name(worker, 10_000_000_000 + i)
        body = bodies.dumps(((i, c.CALL, made, "add", (held[worker], held[worker]), None),))
        before = held[worker]
        header = Header(
            Kind.COMMAND, source=ME, destination=worker, root=ME, sequence=i, body_bytes=len(body), value_bytes=8,
            creates=ones([made]), releases=ones([before]) if i > 2 else (),
        )  # fmt: skip
        frame = encode(header) + body
        in_bytes += len(frame)
        yield CAME_HEAD.pack(CAME, now, ME, len(frame)) + frame
        out = FIXED_BYTES + len(body)
        out_bytes += out
        yield HANDED_PAYLOAD.pack(HANDED, now + 9000, worker, ME, header.kind, i, out, FIXED_BYTES)
        done = encode(Header(Kind.REPLY, Flag.DONE, source=worker, destination=0, root=ME, sequence=i))
        in_bytes += len(done)
        yield CAME_HEAD.pack(CAME, now + 20_000, worker, len(done)) + done
        held[worker] = made
    yield CLOSE_ITEM.pack(CLOSE, now + 1, in_bytes, out_bytes)


def journal(base: Path, envelopes: int, workers: tuple[str, ...] = ("julie", "toby"), **options: int) -> Path:
    """The directory of a journal with so many envelopes."""
    path = folder.make(base)
    recorder = Recorder(path, folder.manifest("made", 1, {"workers": [{"name": name} for name in workers]}), near=True)
    batch: list[bytes] = []
    for item in items(envelopes, workers, **options):
        batch.append(item)
        if len(batch) == 1000 or item[0] == CLOSE:
            recorder.take(batch)
            batch.clear()
    assert not recorder.trouble
    return path
