"""Cells: Python source that workers run, and what they say."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

from farptr.client.answers import Answer
from farptr.protocol.errors import FarptrError, Report, from_report

if TYPE_CHECKING:
    from farptr.client.workers import Worker


class Said(NamedTuple):
    """What one worker said of a cell."""

    worker: str
    output: str = ""
    """What was printed, both streams."""
    shown: str | None = None
    """The repr of the last line, where that was an expression with a value."""
    error: FarptrError | None = None


def run_cell(workers: Sequence[Worker], source: str) -> Iterator[Said]:
    """Have each worker run the source, all at the same time; what they say, in the order given, as it comes.

    A failure of one is its answer; the others go on. Whoever stops listening leaves nothing behind here, but the cell
    runs to its end at its worker.
    """
    keys: list[tuple[Worker, int | FarptrError]] = []
    try:
        for worker in workers:
            keys.append((worker, _ask(worker, source)))  # noqa: PERF401  # what was asked must not be lost
        while keys:
            worker, key = keys[0]
            said = _said(worker, key)
            del keys[0]
            yield said
    finally:
        for worker, key in keys:
            if isinstance(key, int):
                with worker._session.link.mutex:
                    worker._session.core.give_up(key)


def _ask(worker: Worker, source: str) -> int | FarptrError:
    try:
        with worker._session.command() as core:
            return core.cell(worker.number, source)
    except FarptrError as error:
        return error


def _said(worker: Worker, key: int | FarptrError) -> Said:
    if isinstance(key, FarptrError):
        return Said(worker.name, error=key)
    try:
        answer: Answer = worker._session.answer(key, doing=lambda: f"for the cell on {worker.name}")
    except FarptrError as error:
        return Said(worker.name, error=error)
    output, shown, report = answer.value
    failure = None if report is None else from_report(Report(*report), worker=worker.name)
    return Said(worker.name, output, shown, failure)
