"""``farptr gc``: whether a run holds anything that nobody can reach."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from farptr.cli.manual import Manual
from farptr.cli.names import run_option
from farptr.cli.output import console, json_option, print_json
from farptr.cli.wanted import key_option

if TYPE_CHECKING:
    from farptr.client.trace import Trace, Traced

LEAKED = 10


@click.command(cls=Manual)
@click.option("--trace", "trace", is_flag=True, help="Show each object, and by whom it is held.")
@run_option("Name or address of the run.")
@key_option
@json_option
def gc(trace: bool, run: str, key: str | None, json: bool) -> int:
    """Look whether a run holds anything that nobody can reach; free nothing.

    Marks what can be reached, from the handles of clients and what workers keep, along the pointers in stores. The rest
    has leaked: there should never be any. Waits until everything that was issued is done; exact only while no client
    works.

    The handles of clients are in other processes: they are known only by the references that the broker counts for each
    client. What a client has forgotten to release is shown as held by it. In Python, sim.leaks() and sim.why(p) know
    the handles of their own process one by one.

    Examples:
      farptr gc
      farptr gc --trace

    Exit codes:
      0  nothing has leaked     3  no such run
      7  the run stays busy     10  something has leaked
    """
    from farptr.client.starting import connect
    from farptr.client.trace import trace as look

    with connect(run, key=key) as joined:
        found = look(joined)
    if json:
        print_json(_record(run, found, objects=trace))
    else:
        _show(found, objects=trace)
    return LEAKED if found.leaks else 0


def _show(found: Trace, *, objects: bool) -> None:
    from farptr.views.trace import table, verdict

    shown = found if objects else found._replace(objects=[o for o in found.objects if o.leaked])
    if shown.objects or found.leaks:
        console().print(table(shown))
    click.echo(verdict(found))


def _record(run: str, found: Trace, *, objects: bool) -> dict[str, Any]:
    document: dict[str, Any] = {"run": run, "leaks": [leak._asdict() for leak in found.leaks]}
    if objects:
        document["objects"] = [_object(traced) for traced in found.objects]
    return document


def _object(traced: Traced) -> dict[str, Any]:
    import numpy as np

    dtype = None if traced.dtype is None else np.dtype(traced.dtype).name
    holds = [hold._asdict() for hold in traced.holds]
    return traced._asdict() | {"dtype": dtype, "holds": holds}
