"""Failures of commands that nobody waits for, until somebody has raised them.

Laws
    A failure is raised once: by a handle of what it changed, as the value of what it made, or by ``sync()``.
    After a SYNC nothing is remembered of the commands before it: none of them can still fail.
"""

from __future__ import annotations

import weakref
from itertools import islice

from farptr.client.graph import Node
from farptr.protocol.commands import LABELS, QUESTIONS
from farptr.protocol.errors import Report

WATCHED = 32768
"""In-place commands whose handle is remembered at least; an older one's failure is raised by ``sync()`` alone."""
_QUESTIONS = frozenset(LABELS[code] for code in QUESTIONS)

_Key = tuple[int, int, int]
"""(command, worker, hop)."""


class Reports:
    """The failures that a session was told of and that nobody has raised yet."""

    def __init__(self) -> None:
        self.unseen: list[Report] = []
        self._raised: set[_Key] = set()
        """Failures that were raised before their report came."""
        self._changed: dict[int, weakref.ref[Node]] = {}
        """In-place commands that may still fail, to find the handle that should say so."""

    def watch(self, number: int, node: Node) -> None:
        """Remember whose handle says so if this command fails."""
        self._changed[number] = weakref.ref(node)
        if len(self._changed) > 2 * WATCHED:  # many at once: finding the oldest passes all that went before it
            self._changed = dict(islice(self._changed.items(), WATCHED, None))

    def add(self, report: Report) -> None:
        """A report came."""
        if _key(report) in self._raised:
            self._raised.discard(_key(report))
            return
        self.unseen.append(report)
        changed = self._changed.pop(report.command, None)
        node = changed() if changed else None
        if node is not None:
            node.fault = report.command

    def raised(self, report: Report) -> None:
        """A failure was raised as the value of a result: its report, here or on its way, says nothing new."""
        left = [r for r in self.unseen if _key(r) != _key(report)]
        if len(left) == len(self.unseen) and report.operation not in _QUESTIONS:
            self._raised.add(_key(report))
        self.unseen = left

    def take(self, command: int) -> Report | None:
        """The first report of a command, to be raised."""
        for i, report in enumerate(self.unseen):
            if report.command == command:
                return self.unseen.pop(i)
        return None

    def settle(self, upto: int) -> list[Report]:
        """A SYNC was answered: no command up to that number can still fail. All reports, to be raised."""
        if self._changed:
            self._changed = {number: node for number, node in self._changed.items() if number > upto}
        if self._raised:
            self._raised = {key for key in self._raised if key[0] > upto}
        reports, self.unseen = self.unseen, []
        return reports


def _key(report: Report) -> _Key:
    return (report.command, report.worker, report.hop)
