"""What each process holds: as panels, as a table, and as chains of pointers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from rich.columns import Columns
from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text
from rich.tree import Tree

from farptr.client.look import Holder, look
from farptr.client.stored import OwnData, StoredError, StoredPointer, StoredValue
from farptr.views.palette import colours

if TYPE_CHECKING:
    from farptr.client.run import Run

WIDTH = 48
"""Characters of a value that are shown."""
ARROW = "→"
NOTHING = "no worker holds anything"
NOBODY = "no client points at"
_LONGEST_CHAIN = 65  # the protocol's hop limit, and one

Place = tuple[str, int]
"""A worker, and the id of an object there."""
Stores = Mapping[Place, Any]


def holdings(run: Run) -> RenderableType:
    """What every process of the run holds now, a panel each, pointers as arrows. Waits until the run is settled."""
    return panels(look(run))


def panels(holders: Sequence[Holder]) -> RenderableType:
    """A panel for each holder, side by side as far as they fit."""
    styles = colours(holder.label for holder in holders)
    return Columns([_panel(holder, styles) for holder in holders], padding=(0, 1))


def table(holders: Iterable[Holder]) -> RenderableType:
    """One row for each object of each worker."""
    rows = [holder for holder in holders if holder.role == "worker"]
    styles = colours(holder.name for holder in rows)
    grid = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="bold")
    lines = [
        (Text(holder.name, styles[holder.name]), str(id), kind(value), *_measures(value), _cut(summary(value, styles)))
        for holder in rows
        for id, value in holder.objects.items()
    ]
    if not lines:
        return Text(NOTHING, "dim")
    headings = ("WORKER", "ID", "KIND", "SHAPE", "DTYPE")
    for i, heading in enumerate(headings):  # where it is narrow, the value gives way
        grid.add_column(heading, no_wrap=True, min_width=max(len(heading), *(len(line[i]) for line in lines)))
    grid.add_column("VALUE")
    for line in lines:
        grid.add_row(*line)
    return grid


def tree(holders: Sequence[Holder], *, title: str = "", through: str = "") -> RenderableType:
    """Every chain from the client that has its first pointer to its data; then what nobody points at.

    Args:
        holders: what every party holds.
        title: the root of the tree.
        through: a worker; only the chains that visit it.
    """
    styles = colours(holder.label for holder in holders)
    stores = {(holder.name, id): value for holder in holders for id, value in holder.objects.items()}
    root = Tree(Text(title, "bold"), guide_style="dim", hide_root=not title)
    for label, chains in chains_of(holders, through=through):
        branch = root.add(Text(label, styles.get(label, "dim"))) if chains else root
        for chain in chains:
            branch.add(_chain(chain, stores, styles))
    return root if root.children else Text(NOTHING, "dim")


def chains_of(holders: Sequence[Holder], *, through: str = "") -> Iterator[tuple[str, list[list[Place]]]]:
    """Who has the first pointers, and the chains from there; at last, under NOBODY, those that no client points at.

    Args:
        holders: what every party holds.
        through: a worker; only the chains that visit it.
    """
    stores = {(holder.name, id): value for holder in holders for id, value in holder.objects.items()}
    for label, starts in _starts(holders, stores):
        chains = [_places(start, stores) for start in starts]
        yield label, [chain for chain in chains if not through or through in (worker for worker, _ in chain)]


def kind(value: Any) -> str:
    """What sort of thing a listed object is, in a word or two."""
    kinds = {StoredPointer: "pointer", StoredError: "failed", OwnData: "own data", StoredValue: "value"}
    return kinds.get(type(value), "array")


def summary(value: Any, styles: Mapping[str, str] | None = None) -> Text:
    """A listed object on one line; of a worker's own data only the name."""
    if isinstance(value, StoredPointer):
        return _arrow((value.location, value.id_at_location), styles or {})
    if isinstance(value, StoredError):
        return Text(_short(f"{value.kind}: {value.message}"), "red")
    if isinstance(value, OwnData):
        return Text(f"{value.name!r}, not shown", "dim")
    return Text(_short(repr(value)))


# ---------------------------------------------------------------- parts


def _panel(holder: Holder, styles: Mapping[str, str]) -> Panel:
    lines = [_arrow((ref.location, ref.id), styles) for ref in holder.references]
    for id, value in holder.objects.items():
        shape, dtype = _measures(value)
        measures = f"  {shape} {dtype}" if isinstance(value, OwnData) else ""
        lines.append(Text.assemble((str(id), "dim"), "  ", summary(value, styles), measures))
    body = Group(*lines) if lines else Text("nothing", "dim")
    pid = f" pid {holder.pid}" if holder.label == holder.name else ""
    title = Text.assemble((holder.label, styles[holder.label]), (pid, "dim"))
    return Panel(body, title=title, title_align="left", border_style=styles[holder.label], expand=False)


def _starts(holders: Sequence[Holder], stores: Stores) -> Iterator[tuple[str, list[Place]]]:
    """Where chains begin: at each client's handles, then at objects that no pointer and no client points at."""
    pointed = {(value.location, value.id_at_location) for value in stores.values() if isinstance(value, StoredPointer)}
    for holder in holders:
        if holder.references:
            starts = [(ref.location, ref.id) for ref in holder.references]
            pointed.update(starts)
            yield holder.label, starts
    yield NOBODY, [place for place in stores if place not in pointed]


def _places(start: Place, stores: Stores) -> list[Place]:
    chain = [start]
    while isinstance(value := stores.get(chain[-1]), StoredPointer) and len(chain) <= _LONGEST_CHAIN:
        chain.append((value.location, value.id_at_location))
    return chain


def _chain(chain: Sequence[Place], stores: Stores, styles: Mapping[str, str]) -> Text:
    line = Text(" ").join(_arrow(place, styles) for place in chain)
    value = stores.get(chain[-1])
    return line.append("  ").append_text(Text("gone", "red") if value is None else summary(value, styles))


def _arrow(place: Place, styles: Mapping[str, str]) -> Text:
    worker, id = place
    return Text.assemble((f"{ARROW} ", "dim"), (worker, styles.get(worker, "")), f":{id}")


def _cut(text: Text) -> Text:
    """The text as one line, cut where there is no room; a column that forbids wrapping would not give way."""
    text.no_wrap, text.overflow = True, "ellipsis"
    return text


def _measures(value: Any) -> tuple[str, str]:
    shape = getattr(value, "shape", None)
    if shape is None:
        return "", ""
    import numpy as np

    return "x".join(map(str, shape)) or "scalar", np.dtype(value.dtype).name


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= WIDTH else f"{line[: WIDTH - 1]}…"
