"""The document as pictures: small SVG files, the same bytes for the same document."""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from farptr.bench.peers import CONTESTANTS, FLOOR, OURS, PEERS
from farptr.bench.report import metric_of
from farptr.protocol.errors import FarptrError

Document = dict[str, Any]

DOTS = (
    ("W1", "confirmed_us", "one operation, confirmed"),
    ("W2", "best_per_s", "dependent operations"),
    ("W3", "best_ms", "mean over eight workers"),
    ("W4", "put_{}_gb_s", "100 MB there"),
    ("W4", "get_{}_gb_s", "100 MB back"),
    ("W5", "start_s", "eight workers up"),
)
LINES = (("W7", "confirmed_us", "confirmed, by depth of the chain"), ("W7", "pipelined_per_s", "pipelined, by depth"))
SCALES = (("W8", "start_s", "start, by workers"), ("W8", "confirmed_us", "confirmed, by workers"))
DECIMALS = re.compile(r"(\d+\.\d{2})\d+")
_PAINT = "#bc8f4f #d1495b #66a182 #8d5a97 #edae49 #2e7d8c #a0522d #c77dba".split()
COLOURS = {FLOOR: "#8c959f", OURS: "#0969da"} | dict(zip(PEERS, _PAINT, strict=True))
STYLE = {
    "svg.hashsalt": "farptr",  # else the ids in a file are random
    "svg.fonttype": "none",
    "font.size": 8,
    "axes.spines.top": False,
    "axes.spines.right": False,
}


def check() -> None:
    """Raises FarptrError when matplotlib is missing; asked before minutes are spent on measuring."""
    if importlib.util.find_spec("matplotlib") is None:
        raise FarptrError("matplotlib, which draws the plots, is not installed", hint="pip install 'farptr[plot]'")


def draw(document: Document, folder: Path) -> list[Path]:
    """Draw what the document has: ``works.svg``, ``chains.svg``, ``workers.svg``; returns those that were written."""
    check()
    import matplotlib as mpl

    folder.mkdir(parents=True, exist_ok=True)
    drawn = []
    with mpl.rc_context(STYLE):
        for name, panels, show in (
            ("works.svg", DOTS, _dots),
            ("chains.svg", LINES, _lines),
            ("workers.svg", SCALES, _lines),
        ):
            there = [panel for panel in panels if any(_points(document, *panel[:2]))]
            if there:
                _figure(document, there, show, folder / name)
                drawn.append(folder / name)
    return drawn


def _figure(document: Document, panels: list[tuple[str, str, str]], show: Callable[..., None], path: Path) -> None:
    from matplotlib.figure import Figure

    columns = min(3, len(panels))
    rows = -(-len(panels) // columns)  # rounded up
    figure = Figure(figsize=(3.1 * columns, 2.4 * rows), layout="constrained")
    axes = figure.subplots(rows, columns, squeeze=False).ravel()
    for axis, (work, template, title) in zip(axes, panels, strict=False):
        show(axis, list(_points(document, work, template)))
        axis.set_title(f"{work}: {title}", fontsize=8)
    for axis in axes[len(panels) :]:
        axis.set_axis_off()
    labels = dict(zip(*axes[0].get_legend_handles_labels()[::-1], strict=True))
    if len(labels) > 1:
        figure.legend(labels.values(), labels, loc="outside right upper", fontsize=7, frameon=False)
    figure.savefig(path, format="svg", metadata={"Date": None, "Creator": None})
    text = DECIMALS.sub(r"\1", path.read_text(encoding="utf-8"))
    path.write_text("\n".join(line.strip() for line in text.splitlines()) + "\n", encoding="utf-8")


class Point(NamedTuple):
    """One median with its spread."""

    name: str
    place: float
    """A depth, a number of workers, or 0."""
    median: float
    least: float
    greatest: float
    unit: str
    is_view: bool
    """Whether it ends with a view of shared memory."""


def _points(document: Document, work: str, template: str) -> Iterator[Point]:
    figures = document["works"].get(work, {}).get("figures", {})
    for name in document["contestants"]:
        for figure, row in _rows(figures, template, name):
            metric = metric_of(figure)
            unit = f"{metric.unit}, {'less' if metric.less else 'more'} is better"
            is_view = figure.endswith("best_gb_s") and not CONTESTANTS[name].private
            place = float(figure.partition("@")[2] or 0)
            yield Point(name, place, row["median"], row["least"], row["greatest"], unit, is_view)


def _rows(figures: dict[str, Any], template: str, name: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """A contestant's rows of one figure: at each place, and in the better of the modes where it has two."""
    if "{}" in template or template.startswith("best_"):
        modes = (template.format("best"), template.format("plain"), template.replace("best_", "plain_"))
        rows = [(mode, figures[mode]["of"][name]) for mode in dict.fromkeys(modes) if mode in figures]
        found = [(mode, row) for mode, row in rows if "median" in row]
        if found:
            choose = min if metric_of(found[0][0]).less else max
            yield choose(found, key=lambda item: float(item[1]["median"]))
        return
    for figure, about in figures.items():
        if figure.partition("@")[0] == template and "median" in about["of"][name]:
            yield figure, about["of"][name]


def _dots(axis: Any, points: list[Point]) -> None:
    """A dot for each contestant, on the line from the least round to the greatest."""
    for height, point in enumerate(reversed(points)):
        axis.plot([point.least, point.greatest], [height] * 2, color=COLOURS[point.name], linewidth=3, alpha=0.35)
        axis.plot([point.median], [height], "o", color=COLOURS[point.name], markersize=4.5)
    axis.set_yticks(range(len(points)), [f"{p.name} (a view)" if p.is_view else p.name for p in reversed(points)])
    axis.set_ylim(-0.6, len(points) - 0.4)
    axis.set_xscale("log")
    _plain_ticks(axis.xaxis)
    axis.set_xlabel(points[0].unit)


def _lines(axis: Any, points: list[Point]) -> None:
    """A line for each contestant, over depths or numbers of workers."""
    for name in dict.fromkeys(point.name for point in points):
        own = [point for point in points if point.name == name]
        xs, ys = [point.place for point in own], [point.median for point in own]
        axis.plot(xs, ys, marker=".", label=name, color=COLOURS[name])
    axis.set_xscale("log", base=2)
    axis.set_yscale("log")
    for one in (axis.xaxis, axis.yaxis):
        _plain_ticks(one)
    axis.set_ylabel(points[0].unit)


def _plain_ticks(axis: Any) -> None:
    """10k, 100k: powers as text take four times the room, and ticks between them a third of the file."""
    from matplotlib.ticker import EngFormatter, NullLocator

    axis.set_minor_locator(NullLocator())
    axis.set_major_formatter(EngFormatter(sep=""))
