"""What is fed with hostile bytes: each decoder, with what must hold of whatever it lets through.

A target takes bytes, and returns or raises ProtocolError; anything else is a defect.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable

import numpy as np

from farptr.protocol import body as bodies
from farptr.protocol import shapes, values
from farptr.protocol.apart import Joined, Offer, Part, Place
from farptr.protocol.dtypes import KINDS
from farptr.protocol.errors import BadName, MessageTooLarge, ProtocolError
from farptr.protocol.header import MAX_HEADER_BYTES, Ones, decode, encode, forwarded, length, names_of, read
from farptr.protocol.kept import Kept
from farptr.protocol.names import check_name
from farptr.protocol.texts import check_about

EXPECTED = (ProtocolError, MessageTooLarge)


def header(data: bytes) -> None:
    """A header alone, and as the beginning of a frame that the broker hands on."""
    try:
        found = decode(data)
    except ProtocolError:
        found = None
    if found is not None:
        assert len(data) <= MAX_HEADER_BYTES
        assert decode(encode(found)) == found
        for flat in (found.creates, found.refs, found.releases):
            assert len(list(names_of(flat))) == length(flat)
    envelope, end = read(data)
    assert len(data) - end == envelope.body_bytes
    str(envelope)
    frees = Ones((1, 2, 3))
    again, _ = read(forwarded(data, envelope, end, frees))
    assert (again.creates, tuple(again.refs), again.releases) == ((), tuple(envelope.refs), frees)


def body(data: bytes) -> None:
    """A body: what comes out is what goes in again, and nothing is in it that is not plain."""
    value = bodies.loads(data)
    assert plain(value), "something that is not plain"
    again = bodies.dumps(value)
    assert bodies.dumps(bodies.loads(again)) == again, "it is read otherwise than it was written"


def plain(value: object, depth: int = 0) -> bool:
    """Whether it is made of plain builtins (as far as one cares to look)."""
    kind = type(value)
    if kind in (tuple, list):
        return depth > 100 or all(plain(item, depth + 1) for item in value)  # type: ignore[attr-defined]
    if kind is dict:
        return depth > 100 or all(plain(k) and plain(v, depth + 1) for k, v in value.items())  # type: ignore[attr-defined]
    return kind in (int, float, str, bytes, bool, type(None))


PREFIX = b"\x80\x05"


def wires(data: bytes) -> None:
    """What a body holds, as each thing that it may stand for."""
    value = bodies.loads(PREFIX + data)
    fits = shapes.is_numbered(value) and shapes.COMMANDS.get(value[1], shapes.text)(value)
    if not fits:
        for look in (
            shapes.wire,
            shapes.report,
            shapes.about,
            values.is_argument,
            *shapes._LISTS.values(),
            shapes._found,
        ):
            look(value)
    array(value)
    argument(value)


def array(value: object) -> None:
    """An array, its data inline or in a buffer."""
    raw = bytes(range(64))
    for buffers in ((raw,), Joined(memoryview(raw), (64,))):
        if type(value) is tuple:
            try:
                found = values.decode_array(value, buffers, view=True)
            except ProtocolError:
                continue
            assert found.dtype.kind in KINDS
            assert found.nbytes == values.encoded_bytes(value)
            assert found.nbytes <= 64 + len(value[4] if type(value[4]) is bytes else b"")
            repr(found[..., None])


def argument(value: object) -> None:
    """An argument of an operation; one that is well-formed can be gone through by everybody."""
    with contextlib.suppress(ProtocolError):
        values.decode_argument(value, lambda name: name, [])
    if values.is_argument(value):
        values.argument_bytes(value, literals=True)
        values.weight(value)
        values.names_in(value)
        bodies.dumps(values.renamed(value, lambda name: name + 1, lambda wire: wire))


def apart(data: bytes) -> None:
    """Where buffers lie."""
    for kind in (Place, Offer, Part):
        try:
            found = kind.decode(data)
        except ProtocolError:
            continue
        assert found.encode() == data
        if isinstance(found, Place):
            try:
                joined = Joined(memoryview(bytes(256)), found.sizes)
            except ProtocolError:
                continue
            assert sum(len(joined[i]) for i in range(len(joined))) == 256


def kept(data: bytes) -> None:
    """What is kept for the other side, which says anything about what it has."""
    mine: Kept[int] = Kept()
    for number, code in enumerate(data):
        if code < 128:
            mine.add(number)
        elif code < 192:
            mine.forget_up_to(int.from_bytes(data[number : number + 1 + code % 9], "little"))
        else:
            after = mine.after(code - 192)
            assert len(after) == len(mine)
        mine.check()


def words(data: bytes) -> None:
    """Names, and texts beside the data."""
    text = data.decode("utf-16-le", "surrogatepass" if len(data) % 2 == 0 else "replace")
    with contextlib.suppress(BadName):
        check_name(text)
    check_about((text, text), text)


TARGETS: dict[str, Callable[[bytes], None]] = {
    "header": header, "body": body, "wires": wires, "apart": apart, "kept": kept, "words": words,
}  # fmt: skip


def seeds(name: str) -> list[bytes]:
    """A few honest inputs to begin with."""
    from tests.hostile.samples import SEEDS

    return SEEDS[name]()


def run_one(target: Callable[[bytes], None], data: bytes) -> None:
    """One execution: it returns, or refuses."""
    with contextlib.suppress(*EXPECTED):
        target(data)


np.seterr(all="ignore")
