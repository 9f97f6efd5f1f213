"""``farptr bench``: how fast this is here, beside the floor and, if wished, beside other libraries."""

from __future__ import annotations

from pathlib import Path

import click

from farptr.cli.manual import Manual
from farptr.cli.output import json_option, print_json

WORKS = ("W1", "W2", "W3", "W4", "W5", "W6", "W7", "W8")


def _works(_: click.Context, __: click.Parameter, text: str | None) -> tuple[str, ...]:
    """The works that are named, in their order; all without a name."""
    named = {name.strip().upper() for name in text.split(",")} if text else set(WORKS)
    if unknown := sorted(named - set(WORKS)):
        raise click.BadParameter(f"there is no work {', '.join(unknown)}; there are {', '.join(WORKS)}")
    return tuple(work for work in WORKS if work in named)


@click.command(cls=Manual)
@json_option
@click.option("--peers", is_flag=True, help="Beside every other library that is installed, on the same works.")
@click.option("--quick", is_flag=True, help="Smaller works and fewer rounds: for a look, not for judging.")
@click.option("--work", "works", callback=_works, metavar="W1,W2,…", help="Only these works.")
@click.option(
    "--plots",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="DIR",
    help="Draw what was found there, as SVG files.",
)
def bench(json: bool, peers: bool, quick: bool, works: tuple[str, ...], plots: Path | None) -> int:
    """Measure farptr beside the floor: what raw ZeroMQ costs for the same passages.

    The floor, farptr and peers take turns in each round, so that a noisy machine is noisy for all. Each is in
    processes of its own; one that fails or hangs is reported, and the others go on. A full run with peers takes a
    quarter of an hour, a quick one without them half a minute.

    Works: W1 one operation, W2 dependent operations, W3 an average over eight workers, W4 100 MB there and back, W5
    start and memory, W6 a pointer to a pointer, W7 longer chains, W8 up to 256 workers.

    Example:
      farptr bench --quick
      farptr bench --peers --work W1,W2 --json

    Exit codes:
      1  matplotlib, which the plots need, is not installed
    """
    from farptr.bench.peers import FLOOR, OURS, PEERS
    from farptr.bench.report import make
    from farptr.bench.steps import Sizes
    from farptr.bench.works import QUICK

    if plots is not None:
        from farptr.bench.plots import check

        check()
    names = [FLOOR, OURS, *(PEERS if peers else ())]
    document = make(names, works, QUICK if quick else Sizes(), lambda text: click.echo(text, err=True))
    if plots is not None:
        from farptr.bench.plots import draw

        for path in draw(document, plots):
            click.echo(f"drawn: {path}", err=True)
    if json:
        print_json(document)
    else:
        from farptr.bench.tables import page

        click.echo(page(document).lstrip("\n"))
    return 0
