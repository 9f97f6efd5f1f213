"""Who holds what, as a table; what nobody can reach stands out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from farptr.views.palette import colours

if TYPE_CHECKING:
    from farptr.client.leaks import Leak
    from farptr.client.trace import Hold, Trace, Traced

HEADINGS = ("WORKER", "ID", "KIND", "SHAPE", "DTYPE", "HELD BY")
LEAKED = "(leaked)"


def table(trace: Trace) -> RenderableType:
    """A row for each object; below, references that are counted for somebody who does not have them."""
    grid = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="bold")
    for heading in HEADINGS:
        grid.add_column(heading, no_wrap=heading != HEADINGS[-1])
    styles = colours(found.worker for found in trace.objects)
    for found in trace.objects:
        grid.add_row(*_cells(found, styles[found.worker]))
    counted = [Text(f"{leak.object} is {leak.what}, and not there", "red") for leak in _counted(trace.leaks)]
    return Group(*([grid] if trace.objects else []), *counted)


def verdict(trace: Trace) -> str:
    """What came of it, in a line."""
    objects = len(trace.objects)
    counted = len(list(_counted(trace.leaks)))
    lost = [f"{len(trace.leaks) - counted} of them leaked"] if len(trace.leaks) > counted else []
    lost += [f"{counted} counted for who does not have them"] if counted else []
    return f"{objects} {'object' if objects == 1 else 'objects'}, {', '.join(lost) or 'none leaked'}"


def _cells(found: Traced, style: str) -> Iterator[Text]:
    yield Text(found.worker, style)
    yield Text(str(found.id))
    yield Text(found.kind)
    yield Text("" if found.shape is None else str(found.shape))
    yield Text("" if found.dtype is None else np.dtype(found.dtype).name)
    held = "; ".join(map(_hold, found.holds)) or "nobody"
    yield Text(f"{held} {LEAKED}", "red") if found.leaked else Text(held)


def _hold(hold: Hold) -> str:
    times = f" ({hold.references})" if hold.references > 1 else ""
    return f"{hold.holder}{times}{': ' if hold.how else ''}{', '.join(hold.how)}"


def _counted(leaks: Sequence[Leak]) -> Iterator[Leak]:
    return (leak for leak in leaks if leak.what != "stored")
