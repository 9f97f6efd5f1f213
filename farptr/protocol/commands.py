"""Command codes, reply states and the envelope that carries them (docs/protocol.md, "Body")."""

from __future__ import annotations

from typing import Any, NamedTuple

from farptr.protocol.header import Header

SEND = 1
CALL = 2
GET = 3
ASK = 4
MOVE = 5
PULL_HERE = 6
PULL = 7
PUSH = 8
LIST = 9
NAMED = 10
KEEP = 11
CLEAR = 12
TAG = 13
SEARCH = 14
PUBLISH = 15
FORGET = 16
CELL = 17
FUNCTION = 18

LABELS = {
    SEND: "send", CALL: "call", GET: "get", ASK: "ask", MOVE: "move", PULL_HERE: "remote_get", PULL: "pull",
    PUSH: "push", LIST: "list", NAMED: "named", KEEP: "keep", CLEAR: "clear_objects",
    TAG: "tag", SEARCH: "search", PUBLISH: "publish", FORGET: "forget", CELL: "cell",
    FUNCTION: "function",
}  # fmt: skip

QUESTIONS = frozenset({GET, ASK, LIST, NAMED, SEARCH, PUBLISH, FORGET, CELL})
"""Commands whose failure is their answer: no report comes."""

HERE = "here"
"""A question of ASK: whether the object is there at the first hop, whatever it is."""

# How a reply answers its command.
VALUE = 0
PLAIN = 1
FAILED = 2
REPORT = 3
FOUND = 4
SAID = 5
"""No answer: what a function printed and warned of."""

# Why an object stays without references.
KEEP_NOT = 0
KEEP_SENT = 1
"""Sent with ``garbage_collect_data=False``: stays until removed on purpose; leaves when moved."""
KEEP_OWN = 2
"""Loaded by the worker itself: a move or remote_get takes a copy."""
KEEP_NAMED = 3
"""Published under a name: stays until the name is taken away."""

About = tuple[tuple[str, ...], str]
"""Tags and description of an object."""


class Envelope(NamedTuple):
    """A header with its body and buffers, as cores hand them around."""

    header: Header
    body: bytes = b""
    buffers: tuple[Any, ...] = ()

    def __str__(self) -> str:
        return f"{self.header} body {len(self.body)} B" + (f" +{len(self.buffers)} buffers" if self.buffers else "")
