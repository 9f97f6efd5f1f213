"""The document as text: Markdown tables, which a terminal shows as well as a page."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from farptr.bench.peers import FLOOR, OURS
from farptr.bench.steps import NOT_ASKED

Document = dict[str, Any]
NONE = "–"  # noqa: RUF001 # as in the pages


def page(document: Document) -> str:
    """Everything: the works, the targets, who was absent and why."""
    lines = list(_page(document))
    return "\n".join(line for line, following in zip(lines, [*lines[1:], "."], strict=True) if line or following)


def _page(document: Document) -> Iterator[str]:
    for work, about in document["works"].items():
        yield from ["", f"**{work}: {about['words']}**", ""]
        for figures in _apart(about["figures"]):
            yield from _table(figures, document["contestants"])
            yield ""
    yield from ["", *_targets(document), "", *_reasons(document)]
    machine = document["machine"]
    yield from ["", ", ".join(f"{name} {value}" for name, value in machine.items())]


def _apart(figures: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Figures of one table: those that go over depths or numbers of workers have one each."""
    groups: dict[str, dict[str, Any]] = {}
    for figure, about in figures.items():
        base, at, _ = figure.partition("@")
        groups.setdefault(base if at else "", {})[figure] = about
    yield from groups.values()


def _table(figures: dict[str, Any], names: dict[str, Any]) -> Iterator[str]:
    """One line for each contestant that has a figure here; a column for each figure that somebody has."""
    columns = [figure for figure, about in figures.items() if any("median" in row for row in about["of"].values())]
    yield "| | " + " | ".join(f"`{figure}`" for figure in columns) + " |"
    yield "|---|" + "---|" * len(columns)
    for name in names:
        cells = [_cell(figures[figure]["of"][name]) for figure in columns]
        if any(cell != NONE for cell in cells):
            yield f"| {name} | " + " | ".join(cells) + " |"
    if OURS in names and FLOOR in names:
        yield from _ratios(figures, columns)


def _ratios(figures: dict[str, Any], columns: list[str]) -> Iterator[str]:
    for key, words in (("to_floor", "farptr : floor"), ("to_best_peer", "farptr : best peer")):
        cells = []
        for figure in columns:
            value = figures[figure]["of"][OURS].get(key)
            which = f" ({figures[figure]['best_peer']})" if key == "to_best_peer" else ""
            cells.append(NONE if value is None else f"{value:.3g}{which}")
        if any(cell != NONE for cell in cells):
            yield f"| *{words}* | " + " | ".join(cells) + " |"


def _cell(row: dict[str, Any]) -> str:
    if "median" not in row:
        return NONE
    return f"{number(row['median'])} ({number(row['least'])} to {number(row['greatest'])})"


def number(value: float) -> str:
    """Three digits; all of those before the point."""
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.3g}"


def _targets(document: Document) -> Iterator[str]:
    yield from ["| target | found | |", "|---|---|---|"]
    for target in document["targets"]:
        state = {True: "met", False: "not met", None: "not measured"}[target["met"]]
        found = NONE if target["found"] is None else number(target["found"])
        yield f"| {target['work']} {target['words']} | {found} | {state} |"


def _reasons(document: Document) -> Iterator[str]:
    """Why there is no figure: each reason once, with those whom it concerns."""
    absent = {name: about["absent"] for name, about in document["contestants"].items() if "absent" in about}
    yield from (f"* {name}: {why}" for name, why in absent.items())
    seen: dict[str, tuple[dict[str, None], dict[str, None]]] = {}
    for work, about in document["works"].items():
        for figure, of in about["figures"].items():
            for name, row in of["of"].items():
                if row.get("absent", NOT_ASKED) != NOT_ASKED and name not in absent:
                    names, figures = seen.setdefault(row["absent"], ({}, {}))
                    names[name] = figures[f"{work} `{figure.partition('@')[0]}`"] = None
    yield from (f"* {', '.join(names)}: {why} ({', '.join(figures)})" for why, (names, figures) in seen.items())
