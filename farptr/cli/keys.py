"""``farptr keys``: who may join over the network."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from farptr.cli.manual import Manual, ManualGroup
from farptr.cli.names import complete_file
from farptr.cli.output import console, hint_next, json_option, print_json
from farptr.cli.wanted import keys_option

if TYPE_CHECKING:
    from farptr.keys.ring import Holder


@click.group(cls=ManualGroup, invoke_without_command=True)
@click.pass_context
def keys(ctx: click.Context) -> None:
    """Say who may join over the network (`farptr up --bind`).

    Each name has a key of its own, and is bound to it: julie's key is no key for toby. What is made or revoked counts
    at once, also for a run that is up.

    Example:
      farptr keys new julie
      farptr keys list
    """
    if ctx.invoked_subcommand is None:
        click.echo(ctx.get_help())


@keys.command(cls=Manual)
@click.argument("name")
@click.option("--client", is_flag=True, help="For a client; by default it is for the worker of that name.")
@click.option("-o", "--output", "file", metavar="FILE", shell_complete=complete_file, help="Where to write it.")
@click.option("--replace", is_flag=True, help="Another key for a name that has one, which is refused from then on.")
@keys_option
def new(name: str, client: bool, file: str | None, replace: bool, keys: str | None) -> None:
    """Make a key for a name.

    The file is all that the other machine needs, and whoever has it is NAME: carry it there by a way that you trust. It
    has the public key of the broker in it, so that its holder talks to that broker and no other.

    Examples:
      farptr keys new julie
      farptr keys new ana --client -o ana.key

    Exit codes:
      2  an illegal name, or one that has a key     5  a file or directory will not do
    """
    from farptr.keys.files import CLIENT, WORKER
    from farptr.keys.ring import Ring

    path = Ring(keys).new(name, CLIENT if client else WORKER, file=file, replace=replace)
    click.echo(f"{name} may join as {'a client' if client else 'a worker'}, with the key in {path}")
    if client:
        hint_next(("fp.connect('tcp://…', key='…')", "joins from Python there, after `import farptr as fp`"))
    else:
        hint_next((f"farptr worker {name} --connect tcp://… --key {name}.key", "joins from there"))


@keys.command("list", cls=Manual)
@keys_option
@json_option
def show(keys: str | None, json: bool) -> None:
    """List who has a key.

    Example:
      farptr keys list

    Exit codes:
      0  also where nobody has a key
    """
    from farptr.keys.ring import Ring

    ring = Ring(keys)
    holders = list(ring.holders())
    if json:
        print_json({"directory": str(ring.path), "keys": [holder._asdict() for holder in holders]})
    elif holders:
        _print(holders)
    else:
        click.echo(f"nobody has a key in {ring.path}")
        hint_next(("farptr keys new julie", "makes one"))


def _print(holders: list[Holder]) -> None:
    from rich.table import Table

    table = Table("NAME", "ROLE", "MADE", "PUBLIC KEY", box=None, padding=(0, 2, 0, 0), pad_edge=False)
    for holder in holders:
        table.add_row(*holder._replace(public=holder.made, made=holder.public))
    console().print(table)


@keys.command(cls=Manual)
@click.argument("name")
@keys_option
def revoke(name: str, keys: str | None) -> None:
    """Let a name in no more; one that is in a run is cut off.

    Example:
      farptr keys revoke julie

    Exit codes:
      2  it has no key
    """
    from farptr.keys.ring import Ring

    Ring(keys).revoke(name)
    click.echo(f"{name} may not join any more")
