"""``%%on julie``: a cell of a notebook that runs on workers; ``%on julie expression`` for one line."""

from __future__ import annotations

import itertools
import sys
from collections.abc import Iterator, Mapping
from typing import Any

from farptr.client.cells import Said, run_cell
from farptr.client.run import Run
from farptr.client.workers import Worker
from farptr.protocol.errors import FarptrError, SeveralFailed, UnknownWorker, UsageError
from farptr.protocol.names import unknown_worker

NAME = "on"


def load(shell: Any) -> None:
    """Give an IPython shell the magic."""

    def on(line: str, cell: str | None = None) -> None:
        """Run Python on workers that were started with functions.

        ``%%on julie`` runs the cell on julie, ``%%on julie toby`` on both at the same time; ``%on julie expression``
        one line. What the worker has under a name is a variable there, and an array in a public variable is data
        under that name: ``julie["w"]``. What is printed comes back, each line with the worker's name before it.
        """
        __tracebackhide__ = True
        names, source = parsed(line, cell)
        run(workers_of(names, shell.user_ns), source)

    shell.register_magic_function(on, "line_cell", NAME)


def unload(shell: Any) -> None:
    """Take the magic away."""
    for kind in ("line", "cell"):
        shell.magics_manager.magics[kind].pop(NAME, None)


def parsed(line: str, cell: str | None) -> tuple[list[str], str]:
    """The names of workers and the source; raises UsageError when one is missing."""
    if cell is None:
        words, _, source = line.strip().partition(" ")
        names = words.split(",")
    else:
        names, source = line.replace(",", " ").split(), cell
    names = [name for name in dict.fromkeys(names) if name]
    if not names or not source.strip():
        raise UsageError(
            f"%{NAME} needs a worker and something to run",
            hint=f"%%{NAME} julie over a cell, or %{NAME} julie x.mean()",
        )
    return names, source


def run(workers: list[Worker], source: str) -> None:
    """Run the source on the workers and print what they say; then raise what failed."""
    __tracebackhide__ = True
    errors = _printed(workers, source)
    try:
        if len(errors) == 1:
            raise errors[0]
        if errors:
            raise SeveralFailed(f"the cell failed on {len(errors)} workers", errors)
    finally:
        del errors  # an error whose traceback leads to itself would keep the callers' frames, and what they own


def _printed(workers: list[Worker], source: str) -> list[FarptrError]:
    """What failed, once everybody has said what there is to say."""
    width = max(len(worker.name) for worker in workers)
    errors: list[FarptrError] = []
    for said in run_cell(workers, source):
        sys.stdout.writelines(f"{said.worker:<{width}} | {line}\n" for line in _lines(said))
        sys.stdout.flush()
        if said.error is not None:
            errors.append(said.error)
    return errors


def _lines(said: Said) -> Iterator[str]:
    return itertools.chain(said.output.splitlines(), (said.shown or "").splitlines())


# ---------------------------------------------------------------- who is meant


def workers_of(names: list[str], space: Mapping[str, Any]) -> list[Worker]:
    """The workers that a notebook's variables give these names: a worker variable first, then the workers of its runs.

    Raises UnknownWorker, and UsageError when two runs have a worker of one name.
    """
    return [_worker(name, space) for name in names]


def _worker(name: str, space: Mapping[str, Any]) -> Worker:
    variable = space.get(name)
    if isinstance(variable, Worker):
        return variable
    runs = {id(value): (text, value) for text, value in space.items() if isinstance(value, Run) and text[0] != "_"}
    open_runs = [(text, value) for text, value in runs.values() if not value._session.closed]
    found = [(text, value) for text, value in open_runs if name in value]
    if not open_runs:
        raise UnknownWorker(
            f"no worker called {name!r}: this notebook has no run", hint="sim = fp.up('julie', functions=True)"
        )
    if not found:
        raise unknown_worker(name, [known for _, value in open_runs for known in value._workers])
    if len(found) > 1:
        texts = " and ".join(sorted(text for text, _ in found))
        raise UsageError(f"{name} is in {texts}", hint=f"{name} = {found[0][0]}[{name!r}] says which one is meant")
    return found[0][1][name]
