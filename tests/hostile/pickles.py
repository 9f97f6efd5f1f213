"""A catalogue of hostile pickles, made from tables: (what it is, bytes). None of them is a body."""

from __future__ import annotations

import array
import pickle
import struct
from collections.abc import Iterator
from datetime import date, datetime
from decimal import Decimal
from fractions import Fraction
from functools import partial
from pathlib import PurePosixPath
from uuid import UUID

import numpy as np

from farptr.protocol import body as bodies

Entry = tuple[str, bytes]
P5 = b"\x80\x05"


def u32(n: int) -> bytes:
    return struct.pack("<I", n)


def u64(n: int) -> bytes:
    return struct.pack("<Q", n)


def short(text: str) -> bytes:
    """SHORT_BINUNICODE."""
    raw = text.encode()
    return b"\x8c" + bytes([len(raw)]) + raw


# ---------------------------------------------------------------- globals

GLOBALS = [
    ("os", "system"),
    ("posix", "system"),
    ("subprocess", "Popen"),
    ("builtins", "eval"),
    ("builtins", "exec"),
    ("builtins", "getattr"),
    ("builtins", "__import__"),
    ("builtins", "object"),
    ("builtins", "int"),
    ("builtins", "bytearray"),
    ("builtins", "set"),
    ("builtins", "complex"),
    ("numpy", "dtype"),
    ("numpy", "ndarray"),
    ("numpy", "load"),
    ("numpy._core.multiarray", "_reconstruct"),
    ("numpy.core.multiarray", "scalar"),
    ("numpy", "fromfile"),
    ("farptr", "up"),
    ("farptr.protocol.header", "Header"),
    ("tests.hostile.victim", "touched"),
    ("__main__", "__dict__"),
    ("copyreg", "_reconstructor"),
    ("copyreg", "__newobj__"),
    ("functools", "partial"),
    ("operator", "attrgetter"),
    ("ctypes", "string_at"),
    ("importlib", "import_module"),
    ("cloudpickle.cloudpickle", "_make_function"),
    ("a.b.c", "d.e.f"),
]
"""Module and name; some exist, some do not, one would leave a trace."""

WAYS = {
    "GLOBAL": lambda m, n: f"c{m}\n{n}\n".encode(),
    "STACK_GLOBAL": lambda m, n: short(m) + short(n) + b"\x93",
    "STACK_GLOBAL through the memo": lambda m, n: short(m) + b"\x94" + short(n) + b"\x94h\x00h\x01\x93",
    "INST": lambda m, n: f"(i{m}\n{n}\n".encode(),
    "OBJ": lambda m, n: f"(c{m}\n{n}\no".encode(),
    "REDUCE": lambda m, n: f"c{m}\n{n}\n".encode() + b")R",
    "NEWOBJ": lambda m, n: f"c{m}\n{n}\n".encode() + b")\x81",
    "NEWOBJ_EX": lambda m, n: f"c{m}\n{n}\n".encode() + b")}\x92",
    "BUILD": lambda m, n: f"c{m}\n{n}\n".encode() + b"}b",
}


def globals_() -> Iterator[Entry]:
    """Each name by each way, behind an honest beginning."""
    for way, write in WAYS.items():
        for module, name in GLOBALS:
            yield f"{way} of {module}.{name}", P5 + write(module, name) + b"."


# ---------------------------------------------------------------- objects


class Bomb:
    def __reduce__(self):
        return (print, ("it ran",))


OBJECTS = {
    "an object that runs": Bomb(),
    "an array": np.arange(3),
    "a scalar": np.float32(1),
    "a dtype": np.dtype("f8"),
    "a structured dtype": np.dtype([("a", "f8", (2,)), ("b", "O")]),
    "an object array": np.array([print], object),
    "a masked array": np.ma.masked_array([1]),
    "a datetime64": np.datetime64("2020"),
    "a complex": 1j,
    "a set": {1},
    "a frozenset": frozenset({1}),
    "a bytearray": bytearray(b"x"),
    "a range": range(3),
    "a slice": slice(1, 2),
    "a date": date.min,
    "a time": datetime.min,
    "a decimal": Decimal(1),
    "a fraction": Fraction(1, 2),
    "a path": PurePosixPath("x"),
    "a uuid": UUID(int=1),
    "a partial": partial(print, 1),
    "an array.array": array.array("d", [1.0]),
    "a function": print,
    "a class": int,
    "an exception": ValueError("x"),
    "Ellipsis": ...,
    "NotImplemented": NotImplemented,
    "a type of None": type(None),
}


def objects() -> Iterator[Entry]:
    """What is no plain builtin, in every protocol; and plain values in the protocols before 5."""
    for name, value in OBJECTS.items():
        for protocol in range(6):
            try:
                yield f"{name}, protocol {protocol}", pickle.dumps(value, protocol)
            except Exception:  # not every protocol has every object
                continue
    plain = (1, "text", b"raw", [1.5, None], {"a": True}, 2**70)
    for protocol in range(5):
        yield f"plain values, protocol {protocol}", pickle.dumps(plain, protocol)
    yield "plain values with a memo", pickle.dumps(plain, 5)
    yield "buffers out of band", pickle.dumps(pickle.PickleBuffer(b"xyz"), 5, buffer_callback=lambda _: None)


# ---------------------------------------------------------------- opcodes that bodies do not have

OPCODES = {
    "PERSID": b"Pid\n",
    "BINPERSID": b"NQ",
    "EXT1": b"\x82\x01",
    "EXT2": b"\x83\x01\x00",
    "EXT4": b"\x84\x01\x00\x00\x00",
    "NEXT_BUFFER": b"\x97",
    "READONLY_BUFFER": b"N\x98",
    "NEXT_BUFFER and READONLY_BUFFER": b"\x97\x98",
    "DUP": b"N2\x86",
    "POP": b"NN0",
    "POP_MARK": b"N(N1",
    "EMPTY_SET": b"\x8f",
    "ADDITEMS": b"\x8f(K\x01\x90",
    "FROZENSET": b"(K\x01\x91",
    "LIST": b"(Nl",
    "DICT": b"(d",
    "INT": b"I1\n",
    "LONG": b"L1L\n",
    "FLOAT": b"F1.0\n",
    "STRING": b"S'x'\n",
    "BINSTRING": b"T\x01\x00\x00\x00x",
    "SHORT_BINSTRING": b"U\x01x",
    "UNICODE": b"Vx\n",
    "PUT": b"Np0\n",
    "BINPUT": b"Nq\x00",
    "LONG_BINPUT": b"Nr\x00\x00\x00\x00",
    "MEMOIZE": b"N\x94",
    "GET": b"N\x94g0\n",
    "BINGET": b"N\x94h\x00",
    "LONG_BINGET": b"N\x94j\x00\x00\x00\x00",
    "BYTEARRAY8": b"\x96" + u64(1) + b"x",
    "BINBYTES8": b"\x8e" + u64(1) + b"x",
    "BINUNICODE8": b"\x8d" + u64(1) + b"x",
    "LONG4": b"\x8b" + u32(1) + b"x",
    "BUILD on plain values": b"N}b",
    "REDUCE on plain values": b"N)R",
    "NEWOBJ on plain values": b"N)\x81",
    "an unknown one": b"\xff",
    "a NUL": b"\x00",
    "PROTO again": b"\x80\x05N",
    "PROTO 4": b"\x80\x04N",
}


def opcodes() -> Iterator[Entry]:
    """Each alone, and inside a tuple behind a frame."""
    for name, code in OPCODES.items():
        yield name, P5 + code + b"."
        inner = b"(K\x01" + code + b"t."
        yield f"{name} in a frame", P5 + b"\x95" + u64(len(inner)) + inner


# ---------------------------------------------------------------- bombs


def _nested(levels: int) -> bytes:
    return b")" + b"\x85" * levels


def bombs() -> Iterator[Entry]:
    """Few bytes that would take much memory, much time, or the stack."""
    for index in (1 << 16, 1 << 20, 1 << 25, 1 << 31, (1 << 32) - 1):
        yield f"LONG_BINPUT {index}", P5 + b"Nr" + u32(index) + b"."
        yield f"PUT {index}", P5 + b"Np%d\n." % index
        yield f"LONG_BINGET {index}", P5 + b"Nj" + u32(index) + b"."
    for size in (1, 1 << 20, 1 << 31, (1 << 32) - 1):
        for name, code in (("BINBYTES", b"B"), ("BINUNICODE", b"X"), ("BINSTRING", b"T"), ("LONG4", b"\x8b")):
            yield f"{name} of {size} that are not there", P5 + code + u32(size) + b"."
    for size in (1 << 32, 1 << 40, (1 << 63) - 1, (1 << 64) - 1):
        for name, code in (
            ("BINBYTES8", b"\x8e"),
            ("BINUNICODE8", b"\x8d"),
            ("BYTEARRAY8", b"\x96"),
            ("FRAME", b"\x95"),
        ):
            yield f"{name} of {size} that are not there", P5 + code + u64(size) + b"N."
    yield "frames in frames", P5 + b"".join(b"\x95" + u64(9 * (2000 - i) + 2) for i in range(2001)) + b"N."
    yield "doubled tuples", P5 + b")" + b"\x942\x86" * 30 + b"."
    yield "doubled by the memo", P5 + b")" + b"".join(b"\x94h%c\x86" % i for i in range(30)) + b"."
    yield "a list in itself", P5 + b"]\x94h\x00a."
    yield "a key that is nested, and hashed", P5 + b"}" + _nested(17_000) + b"Ns."
    yield "keys of one hash", P5 + b"}(" + b"".join(_collision(i) + b"N" for i in range(1, 1500)) + b"u."
    yield "lists", P5 + b"(" + b"]" * 17_000 + b"t."
    yield "dictionaries", P5 + b"(" + b"}" * 17_000 + b"t."
    full = bodies.MAX_BODY_BYTES
    yield "16 MiB of marks", P5 + b"(" * (full - 4) + b"t."
    yield "16 MiB of None", P5 + b"(" + b"N" * (full - 5) + b"t."
    yield "16 MiB of empty tuples", P5 + b"(" + b")" * (full - 5) + b"t."
    yield "16 MiB of nesting", P5 + _nested(full - 4) + b"."
    yield "16 MiB of small tuples", P5 + b"(" + b"N\x85" * (full // 2 - 3) + b"t."
    yield "16 MiB of lists", P5 + b"(" + b"]" * (full - 5) + b"t."
    yield "a byte too many", P5 + b"(" + b"K\x01" * (full // 2 - 2) + b"t."
    yield "an integer of a million digits", P5 + b"L" + b"9" * 1_000_000 + b"L\n."
    yield "a text of 16 MiB without its end", P5 + b"X" + u32(full - 8) + b"x" * (full - 9) + b"."


def _collision(i: int) -> bytes:
    """LONG1: a number whose hash is 0."""
    return b"\x8a\x0c" + ((2**61 - 1) * i).to_bytes(12, "little")


# ---------------------------------------------------------------- malformed

HONEST = bodies.dumps(((1, 2, 1 << 40, "add", (1 << 40, ("L", 1.5)), {"axis": ("L", None)}), [b"raw"], True))


def malformed() -> Iterator[Entry]:
    """Cut anywhere, with something behind it, or built of what is not on the stack."""
    for at in range(len(HONEST)):
        yield f"cut at {at}", HONEST[:at]
    for more in (b".", b"N.", b"\n", HONEST):
        yield f"with {more[:4]!r} behind it", HONEST + more
    for code in (
        b"\x85",
        b"\x86",
        b"\x87",
        b"t",
        b"a",
        b"e",
        b"s",
        b"u",
        b"(",
        b"N\x86",
        b"NN\x87",
        b"(Na",
        b"Ne",
        b"NNs",
        b"]Ns",
        b"}Na",
        b"}(Nu",
        b"}(]Nu",
        b"N(Nu",
        b"N(Ne",
        b")(Ne",
        b"}]Ns",
        b"}}Ns",
        b"\x8c\x01\xff",
        b"X\x01\x00\x00\x00\xff",
    ):
        yield f"{code!r} on nothing, or on what it is not for", P5 + code + b"."
    for name, head in (
        ("no PROTO", b""),
        ("PROTO 0", b"\x80\x00"),
        ("PROTO 6", b"\x80\x06"),
        ("PROTO 255", b"\x80\xff"),
    ):
        yield name, head + b"N."


def catalogue() -> list[Entry]:
    """All of them."""
    return [*globals_(), *objects(), *opcodes(), *bombs(), *malformed()]
