"""Displays of pointers, workers and runs in a notebook: boxes are processes, arrows are pointers.

Law
    A display fetches nothing and waits for nothing: it shows what this client knows (``known``). So it works while
    every worker is busy, stopped or gone.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from farptr.client.pointer import Pointer
from farptr.client.variables import names_of
from farptr.notebook.known import Known, handles_of, reaches
from farptr.protocol.names import ME

if TYPE_CHECKING:
    from farptr.client.multi import MultiPointer
    from farptr.client.run import Run
    from farptr.client.session import Session
    from farptr.client.workers import Worker


def pointer(handle: Pointer) -> str:
    """The chain of a pointer, from me to the data, as far as this client knows it."""
    return _chains(handle._session, [handle], handle._text())


def several(pointers: MultiPointer) -> str:
    """The chains of a MultiPointer."""
    return _chains(pointers._session, pointers.pointers, repr(pointers))


def run(shown: Run) -> str:
    """Every worker of a run, with the objects that this client's handles lead to."""
    known = Known(shown._session, shown._workers.values())
    for handle, label in handles_of(shown._session):
        known.add(handle, label)
    return known.html(repr(shown))


def worker(shown: Worker) -> str:
    """One worker, with the chains of this client that visit it."""
    known = Known(shown._session, [shown.number])
    for handle, label in handles_of(shown._session):
        if reaches(handle, shown.number):
            known.add(handle, label)
    return known.html(worker_text(shown))


def worker_text(shown: Worker) -> str:
    """Its repr without the number of its objects: that would have to be asked for."""
    return f"<VirtualWorker id:{shown.name} #objects:?>"


def worker_bundle(shown: Worker) -> dict[str, str] | None:
    """Both forms where a page of HTML is shown; None elsewhere, where the repr may ask."""
    ipython: Any = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython else None
    if shell is None or "text/html" not in shell.display_formatter.active_types:
        return None
    return {"text/html": worker(shown), "text/plain": worker_text(shown)}


def _chains(session: Session, handles: Iterable[Pointer], words: str) -> str:
    known = Known(session)
    called = names_of(Pointer)
    for handle in handles:
        own = f"{ME}:{handle.id}"
        known.add(handle, " = ".join([own, *called.get(id(handle), ())]))
    return known.html(words)
