"""The pointers of a run at one moment, as SVG: boxes are processes, arrows are pointers."""

from __future__ import annotations

from farptr.ledger.pointers import Graph
from farptr.views.boxes import Box, Drawing, Row
from farptr.views.boxes import draw as draw_boxes


def draw(graph: Graph) -> Drawing:
    """Every party that was there; what does not fit is counted (``boxes``)."""
    return draw_boxes(boxes(graph))


def boxes(graph: Graph) -> list[Box]:
    """A box for each party, clients first."""
    rows: dict[int, list[Row]] = {number: [] for number in graph.parties}
    held = {found.name: found for found in graph.objects}
    for client, name in graph.handles:
        found = held[name]
        rows[client].append(Row(f"{graph.parties[found.worker][0]}:{found.id}", found.label, target=name))
    for found in graph.objects:
        text = found.label or ("pointer" if found.target is not None else "")
        target = found.target if found.target in held else None
        faint = found.target is not None and target is None
        rows[found.worker].append(Row(str(found.id), text, key=found.name, target=target, faint=faint))
    order = sorted(graph.parties, key=lambda number: (graph.parties[number][1] != "client", number))
    return [Box(graph.parties[n][0], graph.parties[n][1], rows[n]) for n in order]
