"""Bodies: pickles of plain builtins, in both directions (docs/protocol.md, "Body").

Laws
    No global is ever resolved: ``find_class`` raises, so a pickle can build nothing but builtins.
    Whatever the bytes are, the outcome is a plain value or a ProtocolError.
    No memo entry beyond MAX_PUT is written (but in a ``batch``): seven bytes could make the unpickler allocate 64 GiB.
"""

from __future__ import annotations

import io
import pickle
import pickletools
import re
from typing import Any, NoReturn

from farptr.protocol.errors import ProtocolError

MAX_BODY_BYTES = 16 * 1024 * 1024
"""A batch is flushed long before this; array data beyond a few KiB travels in buffers."""
MAX_DEPTH = 16
"""Nesting of arguments: deep enough for any index or list of lists that people write."""


MAX_PUT = 1 << 16
_MAY_PUT = re.compile(rb"r(?=..[\x01-\xff]|...[\x01-\xff])|p(?=[0-9]{5})", re.DOTALL)
"""LONG_BINPUT and PUT with an index from MAX_PUT on; or the same bytes in a text, which only a walk can tell."""


class _Plain(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> NoReturn:
        raise ProtocolError(f"a body names {module}.{name}; bodies hold plain values only")

    def persistent_load(self, pid: Any) -> NoReturn:
        raise ProtocolError("a body with a persistent id; bodies hold plain values only")


def dumps(value: Any) -> bytes:
    """The bytes of plain builtins."""
    return pickle.dumps(value, protocol=5)


def loads(data: bytes, *, batch: bool = False) -> Any:
    """The plain value that the bytes hold; raises ProtocolError for anything else.

    ``batch`` is for bodies of many commands or answers, of peers that could as well kill this process (the same user,
    on this machine): their opcodes are not walked, which would cost as much as the commands.
    """
    if len(data) > MAX_BODY_BYTES:
        raise ProtocolError(f"a body of {len(data)} bytes (at most {MAX_BODY_BYTES})")
    try:
        if not batch and _MAY_PUT.search(data):
            _check_puts(data)
        return _Plain(io.BytesIO(data)).load()
    except ProtocolError:
        raise
    except Exception as error:  # unpickling hostile bytes raises nearly any type
        raise ProtocolError(f"a body that is no pickle of plain values: {error}") from None


def _check_puts(data: bytes) -> None:
    """Raise ProtocolError for a memo index that is too large. Walks the opcodes as far as there may be one."""
    last = max(found.start() for found in _MAY_PUT.finditer(data))
    for opcode, index, at in pickletools.genops(data):
        if at is None or at > last:
            return
        if opcode.name in ("PUT", "LONG_BINPUT") and isinstance(index, int) and index >= MAX_PUT:
            raise ProtocolError(f"a body with a memo index of {index} (below {MAX_PUT} is legal)")


def loads_as(kind: type, data: bytes, *, batch: bool = False) -> Any:
    """As ``loads``, and the value is of that builtin type."""
    value = loads(data, batch=batch)
    if type(value) is not kind:
        raise ProtocolError(f"a body holds {type(value).__name__} where {kind.__name__} belongs")
    return value
