"""Who may do what to this worker (``protocol.authority``), and what failures may say where it has data of its own.

Laws
    1. Who a client is, the broker says: a client of the broker's machine is ``me``, another has its key's name.
    2. A refusal is an error that says who lacks which right; nothing was done then.
    3. Without ``use`` a client has to do with nothing here but what it made, whatever names it writes.
    4. Where there is data of the worker's own, what NumPy says of a failure names shapes, dtypes and operations, and no
       value: it may be one of that data, or computed of it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

from farptr.protocol.authority import FETCH, NAMES, NOTHING, RUN, USE, Allowed
from farptr.protocol.commands import CELL, CLEAR, FORGET, LIST, NAMED, SEARCH
from farptr.protocol.errors import NotAllowed, Report
from farptr.protocol.values import LITERAL

_NEEDED = {LIST: NAMES, NAMED: USE, SEARCH: USE, CLEAR: USE, FORGET: USE, CELL: RUN}
_FREE_LISTS = ("count", "edges", "sockets")
"""They show numbers and ids alone."""
_WORDS = {
    NAMES: "see what {0} has", USE: "use what others have on {0}", FETCH: "have {0}'s own data",
    RUN: "run functions on {0}",
}  # fmt: skip
_SAFE = re.compile(
    r"operands could not be broadcast|matmul: |ufunc '|cannot reshape array|axis \d|all the input|shapes? \(|"
    r"could not broadcast|zero-size array|unsupported operand|non-broadcastable|The requested dtype|Cannot cast|"
    r"index \S+ is out of bounds for axis|too many indices|Last 2 dimensions|Singular matrix|Incompatible dimension|"
    r"array must|dtype|input must|No loop matching|setting an array element"
)
_VALUES = (
    (re.compile(r"index \S+ is"), "an index is"), (re.compile(r"axis \S+ is"), "an axis is"),
    (re.compile(r"^cannot reshape (.*) into shape .*"), r"cannot reshape \1 into that shape"),
    (re.compile(r"and requested shape .*"), "and the requested one"),
)  # fmt: skip
"""Numbers that may be elements: a pointer can stand for an index, an axis, a shape."""
WITHHELD = "its message is withheld: this worker has data of its own, and the message may tell of values"


class Authority:
    """The rights at one worker. Without ``allowed`` everybody has all."""

    def __init__(self, allowed: Allowed | None, called: Callable[[], str]) -> None:
        self._allowed, self._called = allowed, called
        self.users: dict[int, str] = {}
        """Clients by number."""

    def check(self, root: int, right: str) -> None:
        """Raise NotAllowed unless that client has the right."""
        if self._allowed is None:
            return
        user = self.users.get(root, "")
        if right not in self._allowed.get(user, NOTHING):
            worker = self._called()
            everybody = ", ".join(name for name, rights in self._allowed.items() if right in rights) or "nobody"
            raise NotAllowed(
                f"client {user or root} may not {_WORDS[right].format(worker)}",
                hint=f"{worker} was started so that {everybody} may (--allow, fp.up(allow=…))",
            )

    def shown_to(self, root: int) -> Callable[[int], bool]:
        """Whether a listing for that client shows the values of what some client has made: without ``use`` its own."""
        return root.__eq__ if self.confined(root) else lambda maker: True

    def confined(self, root: int) -> bool:
        """Whether that client may use nothing here but what it has made itself."""
        return self._allowed is not None and USE not in self._allowed.get(self.users.get(root, ""), NOTHING)

    def check_made(self, root: int, command: Any, made_by: Callable[[int], int]) -> None:
        """Raise NotAllowed when a command of such a client names what another one has made.

        ``made_by``: the client that made what has a name here; ``root`` where nothing has. Names are no secrets, so
        who was not given a pointer could write one.
        """
        if any(made_by(name) != root for name in _names_in(command[2:])):
            self.check(root, USE)

    def check_run(self, root: int) -> None:
        """Raise NotAllowed unless that client may run functions here."""
        self.check(root, RUN)

    def check_command(self, root: int, command: Any) -> None:
        """Raise NotAllowed for a command that takes a right which the client lacks."""
        right = None if self._allowed is None else _NEEDED.get(command[1])
        if right is not None and not (command[1] == LIST and command[2] in _FREE_LISTS):
            self.check(root, right)


def _names_in(wire: Any) -> Iterator[int]:
    """All that may be a name in a part of a command."""
    if type(wire) is int:
        yield wire
    elif type(wire) is tuple and wire[:1] != (LITERAL,):
        for part in wire:
            yield from _names_in(part)
    elif type(wire) is dict:
        for part in wire.values():
            yield from _names_in(part)


def without_values(report: Report) -> Report:
    """The report of a failure of NumPy's, without anything that may be a value."""
    text = report.message if _SAFE.match(report.message) else WITHHELD
    for pattern, words in _VALUES:
        text = pattern.sub(words, text)
    return report._replace(message=text, trace="")
