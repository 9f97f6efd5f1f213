"""``farptr demo``: the tour and the digits, one after the other or one of them."""

from __future__ import annotations

import click

from farptr.cli.manual import Manual, ManualGroup
from farptr.cli.output import console

DEMO_WIDTH = 100
"""Columns where there is no terminal: the demonstrations are for reading."""


@click.group(cls=ManualGroup, invoke_without_command=True)
@click.pass_context
def demo(ctx: click.Context) -> int:
    """Show what far pointers do: the tour, then the digits.

    Examples:
      farptr demo
      farptr demo tour
      farptr demo digits --workers 8

    Exit codes:
      1  scikit-learn, which the digits need, is not installed
      1  the client saw more than mean gradients (with one worker, the mean is its gradient)
    """
    if ctx.invoked_subcommand is not None:
        return 0
    ctx.invoke(tour)
    return int(ctx.invoke(digits))


@demo.command(cls=Manual)
def tour() -> None:
    """Pointers, and pointers to pointers, step by step: what each process holds."""
    from farptr.demo.tour import main

    main(console=console(pipe_width=DEMO_WIDTH))


@demo.command(cls=Manual)
@click.option(
    "--workers", type=click.IntRange(min=1), metavar="N", default=5, show_default=True, help="Processes with data."
)
@click.option(
    "--rounds", type=click.IntRange(min=1), metavar="N", default=40, show_default=True, help="Rounds of training."
)
@click.option("--seed", type=int, metavar="N", default=0, show_default=True, help="Who gets which samples.")
def digits(workers: int, rounds: int, seed: int) -> int:
    """Learn from digits on several workers; the client sees no digit of theirs and no single gradient."""
    from farptr.demo.digits import main

    return main(workers=workers, rounds=rounds, seed=seed, console=console(pipe_width=DEMO_WIDTH))
