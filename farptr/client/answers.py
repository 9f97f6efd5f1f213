"""What was asked, and what came back.

Laws
    A question that waits gets exactly one answer: a party's, or the loss of a worker on its path (or, where its path is
    longer than was believed, of one beyond: that is found out once all is done).
    A question that was given up gets none; what comes for it all the same is nobody's.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

from farptr.client.graph import Chain, Node, Path
from farptr.client.order import Outstanding
from farptr.protocol.shapes import Answers as Expected


class Fence(NamedTuple):
    """A question that holds what comes after it."""

    sequence: int
    """Of its envelope."""
    before: Outstanding
    """What it let the session forget."""


class Waiting(NamedTuple):
    """A command whose answer somebody waits for."""

    path: Path | None
    """The workers that it visits; empty for a question to the broker, None when they are not known."""
    fence: Fence | None = None
    """What stands at the broker for it, until everything before it is done."""
    chain: Chain = ()
    """For a value: the node asked and what was believed behind it when it was asked; as far as the value is meant."""
    expected: Expected | None = None
    """What the answer looks like."""
    first: int = 0
    """The worker that alone can answer, where that is known: one that was asked for what it has itself."""


class Answer(NamedTuple):
    """What came: ``value`` is an array, a Node (for a pointer), a plain value, or an error's report."""

    status: int
    value: Any
    buffers: tuple[Any, ...] = ()
    """For plain values that hold arrays (listings)."""
    about: Any = None
    """Tags and description that came with a value."""
    far: Node | None = None
    """Where the value was, when it was asked for through a chain."""


class Lost(NamedTuple):
    """The answer to a command whose worker is gone."""

    worker: int
    hop: int = 0
    """Its place on the path of the command, 0 for the first worker."""


class Answers:
    """The questions of a session, by key: a command's number, or minus the sequence number of what the broker got."""

    def __init__(self) -> None:
        self.come: dict[int, Answer | Lost] = {}
        """For whoever asked to take."""
        self._waiting: dict[int, Waiting] = {}

    def expect(
        self,
        key: int,
        path: Path | None,
        fence: Fence | None = None,
        chain: Chain = (),
        expected: Expected | None = None,
        first: int = 0,
    ) -> int:
        """Somebody will wait for this; the key."""
        self._waiting[key] = Waiting(path, fence, chain, expected, first)
        return key

    def needs(self, key: int, workers: Iterable[int]) -> int:
        """One of these workers that may be needed for the answer; 0 for none."""
        waiting = self._waiting.get(key)
        if waiting is None:
            return 0
        everybody = waiting.path is None or waiting.fence is not None
        return next((w for w in workers if everybody or w in (waiting.path or ())), 0)

    def waiting(self, key: int) -> Waiting | None:
        """The question, if somebody still waits for it."""
        return self._waiting.get(key)

    def give(self, key: int, answer: Answer | Lost) -> None:
        """An answer came."""
        if self._waiting.pop(key, None) is not None:
            self.come[key] = answer

    def lose(self, worker: int) -> None:
        """A worker is gone: what it may have been needed for is answered with that."""
        for key, waiting in list(self._waiting.items()):
            if waiting.path is None or worker in waiting.path:
                self.give(key, Lost(worker, waiting.path.index(worker) if waiting.path else 0))

    def asked(self, after: int, upto: int) -> list[int]:
        """The commands of that range whose answer somebody waits for, or could take."""
        return [key for key in (*self._waiting, *self.come) if after < key <= upto]

    def newest(self) -> int:
        """The newest command whose answer somebody waits for; 0 for none."""
        return max(0, *self._waiting) if self._waiting else 0

    def lose_up_to(self, number: int, worker: int) -> None:
        """All commands up to that one are done: those that still wait were lost with a worker."""
        for key in [key for key in self._waiting if 0 < key <= number]:
            self.give(key, Lost(worker))

    def give_up(self, key: int) -> tuple[Answer | Lost | None, Fence | None]:
        """Nobody waits for this any more: the answer, if it has come, and the fence, if it stands."""
        waiting = self._waiting.pop(key, None)
        return self.come.pop(key, None), waiting.fence if waiting else None

    def check(self) -> None:
        """Assert the laws that one look can see."""
        assert not self._waiting.keys() & self.come.keys(), "a command both waits and is answered"
