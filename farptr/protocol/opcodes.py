"""Which pickles are bodies: the few opcodes that ``body.dumps`` writes, checked before anything is built.

Laws
    1. No opcode that resolves a name, calls, persists, or shares: no global, no REDUCE, no memo, no DUP, no set. What a
       body holds is a tree, so that whoever walks it takes no longer than the body is long.
    2. No length is more than what comes behind it, so no few bytes allocate many.
    3. No integer has more than 255 bytes: such can be told of in messages, and take no time.
    4. A body is one pickle of protocol 5 and nothing behind it.
    5. Keys of dictionaries are texts, unless the body is small: hashing tuples exhausts the stack if they are nested
       deep enough, and integers can be chosen to have one hash.
    6. Lists, dictionaries and tuples are so few that they take little more memory than as many numbers would.

One expression reads a usual body in C: an interpreted walk would cost several times what the commands themselves do.
What that does not read to the end (long texts, frames, anything forbidden) is walked from there, step by step.
"""

from __future__ import annotations

import re
from struct import Struct

from farptr.protocol.errors import ProtocolError

SMALL_BYTES = 16 * 1024
"""In a body that is no larger, opcodes and lengths are all that can do harm."""
MAX_CONTAINERS = 1 << 14
"""Lists and dictionaries in one body: the empty one takes one byte here and 88 in memory."""
MAX_TINY = 1 << 22
"""Opcodes of one byte in one body, about: tuples, marks, constants. Each takes 8 to 64 bytes in memory. A listing that
fills a body has half as many.
"""

_SHORT = 64
"""Texts up to this length are read by the expression."""
_U32 = Struct("<I")
_U64 = Struct("<Q")


def _of_length(longest: int) -> bytes:
    """A count in one byte, then so many bytes."""
    return b"(?:" + b"|".join(b"\\x%02x.{%d}" % (n, n) for n in range(longest + 1)) + b")"


_TEXT = b"\\x8c" + _of_length(_SHORT)
_NAME = rb"\x8a\x06.{6}"
_INT = rb"K.|M..|J.{4}"
_LONG = b"\\x8a" + _of_length(24)
_USUAL = (
    b"\\((?:" + _INT + b")K." + _NAME + _TEXT + _NAME,  # a CALL begins: number, code, result, operation, operand
    rb"\x8c\x01LK.\x86\x86Nt",  # its other operand is a small number, and it has no keywords
    _NAME + rb"\x86Nt",  # … or another object
    rb"\x85Nt",  # … or there is none
)  # fmt: skip
"""Several opcodes at once: most commands are of one form, and four of five steps are saved."""
_ATOMS = (_NAME, _INT, rb"N", _TEXT, rb"[\x88\x89]", b"C" + _of_length(_SHORT), rb"G.{8}", _LONG)
_BUILDERS = rb"[()t\x85-\x87aesu]"
_FEW = rb"[\]}]"


def _run(*alternatives: bytes) -> bytes:
    return b"(?:" + b"|".join(alternatives) + b")*+"


_WHOLE = re.compile(rb"\x80\x05(?:\x95.{8})?" + _run(*_USUAL, *_ATOMS, _BUILDERS, _FEW) + rb"\.", re.DOTALL)
_RUN = re.compile(_run(*_USUAL, *_ATOMS, _BUILDERS), re.DOTALL)
_FRAME = 0x95


def check(data: bytes) -> None:
    """Raise ProtocolError for bytes that are not one pickle of the opcodes above."""
    if len(data) <= SMALL_BYTES and _WHOLE.fullmatch(data):
        return
    if data[:2] != b"\x80\x05":
        raise ProtocolError(f"a body that begins {data[:2]!r}, which is no pickle of protocol 5")
    if len(data) > MAX_TINY:
        _check_tiny(data)
    if _walk(data) and len(data) > SMALL_BYTES:
        _check_keys(data)


def _check_tiny(data: bytes) -> None:
    """Raise ProtocolError when too many bytes look like tiny opcodes; before the walk, which takes time for each.

    Long texts stand between frames, and are left out.
    """
    at, end, count = 2, len(data), 0
    while at < end:
        start, code = at, data[at]
        if code == _FRAME:
            start, at = at + 1 + _U64.size, _skip(data, at, _U64)
        elif code in _LONG_ONES:
            start = at = _skip(data, at, _LONG_ONES[code])
        else:
            at = end
        count += at - start - len(data[start:at].translate(None, _TINY))
        if count > MAX_TINY:
            raise ProtocolError(f"a body of more than {MAX_TINY} opcodes of one byte")


_TINY = b"()]}Nt\x85\x86\x87\x88\x89"


def _walk(data: bytes) -> bool:
    """Whether there is a dictionary; raises ProtocolError."""
    at, end, framed, containers, dictionary = 2, len(data), 0, 0, False
    run = _RUN.match
    while True:
        at = run(data, at).end()  # type: ignore[union-attr] # it matches nothing, too
        code = data[at] if at < end else 0
        if code == 0x2E:
            break
        if code in b"]}":
            containers += 1
            dictionary |= code == 0x7D
            if containers > MAX_CONTAINERS:
                raise ProtocolError(f"a body with more than {MAX_CONTAINERS} lists and dictionaries")
            at += 1
        elif code == _FRAME and at >= framed:  # a frame in a frame would be copied once more, again and again
            framed, at = _skip(data, at, _U64), at + 1 + _U64.size
        elif code in _LONG_ONES:
            at = _skip(data, at, _LONG_ONES[code])
        elif code in _SHORT_ONES and at + 1 < end:
            at = _past(data, at, at + 2 + data[at + 1])
        else:
            raise ProtocolError(f"a body that is no pickle of plain values: byte {at} of {end} is {code:#x}")
    if at != end - 1:
        raise ProtocolError(f"a body with {end - 1 - at} bytes behind its end")
    return dictionary


_SHORT_ONES = frozenset(b"C\x8c\x8a")
"""BINBYTES, BINUNICODE and LONG of a length in one byte."""
_LONG_ONES = {ord("B"): _U32, ord("X"): _U32}
"""The first two of a length in four; of eight they have no use below 4 GiB. Integers so long could not be printed."""


def _skip(data: bytes, at: int, count: Struct) -> int:
    """Where what has its length behind its opcode ends."""
    start = at + 1 + count.size
    if start > len(data):
        raise ProtocolError(f"a body of {len(data)} bytes that ends inside an opcode")
    size = count.unpack_from(data, at + 1)[0]
    return _past(data, at, start + size)


def _past(data: bytes, at: int, end: int) -> int:
    if end > len(data):
        raise ProtocolError(f"a body of {len(data)} bytes that claims {end} at byte {at}")
    return end


# ---------------------------------------------------------------- keys

_STEP = re.compile(
    b"(?P<text>"
    + _TEXT
    + b")|(?P<other>"
    + b"|".join((*_ATOMS, _FEW, rb"\)"))
    + rb")|(?P<mark>\()|(?P<some>[\x85-\x87])"
    rb"|(?P<many>[teu])|(?P<one>[as])",
    re.DOTALL,
)
_TEXTS = frozenset(b"X\x8c")


def _check_keys(data: bytes) -> None:
    """Raise ProtocolError when a key is no text. ``_walk`` has found that these are opcodes."""
    at, end = 2, len(data) - 1
    stack: list[bool | None] = []
    """As the unpickler's: whether it is a text, None for a mark."""
    while at < end:
        found = _STEP.match(data, at)
        if found is None:
            at = _over(data, at, stack)
            continue
        at, what = found.end(), found.lastgroup
        if what in _PUSHED:
            stack.append(_PUSHED[what])
        elif what == "some":
            del stack[-(data[at - 1] - 0x84) :]
            stack.append(False)
        else:
            _gather(stack, data[at - 1])


_PUSHED = {"text": True, "other": False, "mark": None}


def _over(data: bytes, at: int, stack: list[bool | None]) -> int:
    """Past what the expression does not read."""
    code = data[at]
    if code == _FRAME:
        return at + 1 + _U64.size
    stack.append(code in _TEXTS)
    return _skip(data, at, _LONG_ONES[code]) if code in _LONG_ONES else at + 2 + data[at + 1]


def _gather(stack: list[bool | None], code: int) -> None:
    """What stands on top goes into a tuple, or into the list or dictionary below it."""
    if code == ord("a"):
        del stack[-1:]
        return
    first = len(stack) - 2
    if code != ord("s"):
        first = len(stack)
        while first and stack[first - 1] is not None:
            first -= 1
    if first <= 0:
        raise ProtocolError("a body that ends what it did not begin")
    if code in b"su" and not all(stack[first::2]):
        raise ProtocolError("a body with a dictionary whose keys are not all texts")
    del stack[first - (code != ord("s")) :]
    if code == ord("t"):
        stack.append(False)
