"""Bodies: pickles of plain builtins, in both directions (docs/protocol.md, "Body").

Laws
    No global is ever resolved: the opcodes that could are refused before anything is built (``opcodes``), and
    ``find_class`` raises, so a pickle can build nothing but builtins.
    Whatever the bytes are, the outcome is a plain value or a ProtocolError, and takes no more memory than about 25
    times the bytes.
"""

from __future__ import annotations

import io
import pickle
from typing import Any, NoReturn

from farptr.protocol.errors import ProtocolError
from farptr.protocol.header import MAX_HEADER_BYTES
from farptr.protocol.opcodes import check

MAX_BODY_BYTES = 16 * 1024 * 1024
"""A batch is flushed long before this; array data beyond a few KiB travels in buffers."""
MAX_FRAME_BYTES = MAX_BODY_BYTES + MAX_HEADER_BYTES
"""No frame is longer; who sends one is cut off before anything of it is kept."""
WIDEST_PID = 1 << 30

MAX_DEPTH = 16
"""Nesting of arguments: deep enough for any index or list of lists that people write."""

INT_LIMIT = 1 << 2000
"""Integers that travel are below it, and above its negative."""


class _Plain(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> NoReturn:
        raise ProtocolError(f"a body names {module}.{name}; bodies hold plain values only")

    def persistent_load(self, pid: Any) -> NoReturn:
        raise ProtocolError("a body with a persistent id; bodies hold plain values only")


def dumps(value: Any) -> bytes:
    """The bytes of plain builtins: a tree, in which what is there twice stands twice."""
    file = io.BytesIO()
    pickler = pickle.Pickler(file, 5)
    pickler.fast = True  # no memo
    pickler.dump(value)
    return file.getvalue()


def filler(value: Any, widest: Any) -> bytes:
    """What, told beside ``value``, makes the two take as many bytes as in any other run, up to ``widest``.

    What names a process differs from run to run in length, too; under a virtual clock nothing else does.
    """
    least = len(dumps([widest]))  # in a list: of a number alone the framing differs
    even = 256 if least >= 256 else 0  # so that the length of its length is the same, too
    return bytes(max(0, least - len(dumps([value]))) + even)


def loads(data: bytes, *, near: bool = False) -> Any:
    """The plain value that the bytes hold; raises ProtocolError for anything else.

    ``near`` is for the batches of runs that nobody but processes of this user can reach, any of which could as well
    kill this one: their opcodes are not read beforehand, which costs a worker a tenth of its time. ``find_class`` is
    all that stands there, and memory is not bounded.
    """
    if len(data) > MAX_BODY_BYTES:
        raise ProtocolError(f"a body of {len(data)} bytes (at most {MAX_BODY_BYTES})")
    if not near:
        check(data)
    try:
        return _Plain(io.BytesIO(data)).load()
    except ProtocolError:
        raise
    except Exception as error:  # unpickling hostile bytes raises nearly any type
        raise ProtocolError(f"a body that is no pickle of plain values: {error}") from None


def loads_as(kind: type, data: bytes, *, near: bool = False) -> Any:
    """As ``loads``, and the value is of that builtin type."""
    value = loads(data, near=near)
    if type(value) is not kind:
        raise ProtocolError(f"a body holds {type(value).__name__} where {kind.__name__} belongs")
    return value
