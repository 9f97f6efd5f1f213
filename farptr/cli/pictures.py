"""Commands that draw what a journal tells: report, draw."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

import click

from farptr.cli.manual import Manual
from farptr.cli.names import complete_file
from farptr.cli.output import no_endless, opened

if TYPE_CHECKING:
    from farptr.journal.reading import Reader
    from farptr.views.boxes import Drawing

_path = click.argument("path", required=False, shell_complete=complete_file)
_seconds = functools.partial(click.option, type=click.FloatRange(min=0), callback=no_endless, metavar="SECONDS")


@click.command(cls=Manual)
@_path
@click.option("-o", "--output", metavar="FILE", default="report.html", show_default=True, help="Where to write it.")
def report(path: str | None, output: str) -> None:
    """Write all that a run's journal tells as one page of HTML.

    Traffic as a matrix, what each party was handed and of whose data it was made, a sequence diagram, and who pointed
    at what at some moments. The page needs nothing else and runs no script.

    Example:
      farptr report runs/latest -o report.html

    Exit codes:
      1  the journal is damaged or of another version     3  no journal in that place
    """
    from farptr.views.report import Report

    made = Report(path)
    _write(output, made.html())
    for notice in made.ledger.notices:
        click.echo(f"note: {notice}", err=True)


@click.command(cls=Manual)
@click.argument("what", type=click.Choice(["sequence", "matrix", "pointers"]))
@_path
@click.option("-o", "--output", metavar="FILE", help="Where to write it, by default WHAT.svg.")
@_seconds("--from", "from_s", help="Only what came later.")
@_seconds("--to", "to_s", help="Up to that moment of the run.")
def draw(what: str, path: str | None, output: str | None, from_s: float | None, to_s: float | None) -> None:
    """Draw a run from its journal as SVG: a sequence diagram, the traffic matrix, or who points at what.

    Seconds count from the run's beginning. `farptr draw pointers --to 1.5` shows the pointers at that moment.

    Examples:
      farptr draw sequence runs/latest --from 0.5 --to 0.8
      farptr draw pointers --to 1.5 -o then.svg

    Exit codes:
      1  the journal is damaged or of another version     3  no journal in that place
    """
    from farptr.journal.reading import Reader
    from farptr.views.boxes import picture

    if from_s is not None and (what != "sequence" or (to_s is not None and to_s < from_s)):
        raise click.UsageError("--from is for a sequence, and comes before --to")
    reader = Reader(path)
    drawing = _DRAWINGS[what](reader, from_s, to_s)
    _write(output or f"{what}.svg", picture(drawing, what))
    if reader.cut and to_s is None:
        click.echo(f"note: {reader.cut}", err=True)


def _ns(seconds: float | None) -> int | None:
    return None if seconds is None else int(seconds * 1e9)


def _sequence(reader: Reader, from_s: float | None, to_s: float | None) -> Drawing:
    from farptr.views import sequence
    from farptr.views.strokes import Strokes

    return sequence.draw(Strokes(from_ns=_ns(from_s) or 0, to_ns=_ns(to_s)).fold(reader.until(_ns(to_s))).done())


def _matrix(reader: Reader, from_s: float | None, to_s: float | None) -> Drawing:
    from farptr.ledger.account import Ledger
    from farptr.views import heat

    return heat.draw(Ledger(reader, until_ns=_ns(to_s)).matrix())


def _pointers(reader: Reader, from_s: float | None, to_s: float | None) -> Drawing:
    from farptr.ledger.folding import Fold
    from farptr.ledger.pointers import Pointers
    from farptr.views import pointer_graph

    fold = Fold()
    pointers = Pointers(fold.lineage)
    for record in reader.until(_ns(to_s)):
        fold.add(record)
        pointers.add(record)
    return pointer_graph.draw(pointers.graph())


_DRAWINGS = {"sequence": _sequence, "matrix": _matrix, "pointers": _pointers}


def _write(output: str, text: str) -> None:
    with opened(output) as file:
        file.write(text)
    if output != "-":
        click.echo(f"{len(text.encode()):,} bytes in {output}", err=True)


COMMANDS = (report, draw)
