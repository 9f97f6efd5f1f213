"""Commands that change who is in a run that is up: add, rm."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import click

from farptr.cli.manual import Manual
from farptr.cli.names import complete_worker, run_option
from farptr.cli.output import hint_next, json_option, option_for, print_json
from farptr.cli.wanted import from_arguments, functions_of, functions_options, load_option

if TYPE_CHECKING:
    from pathlib import Path

    from farptr.launch.rundir import RunInfo
    from farptr.protocol.errors import FarptrError


@click.command(cls=Manual)
@click.argument("names", nargs=-1, required=True, metavar="NAME[=FILE]...")
@load_option("[NAME=]FILE", "Arrays of its own: an .npz or .npy file. Can be given again.")
@functions_options
@run_option()
@json_option
def add(
    names: tuple[str, ...], load: tuple[str, ...], functions: bool, functions_private: bool, run: str, json: bool
) -> None:
    """Add workers to a run that is up.

    One after the other; returns when all have registered. If one cannot start, those before it stay.

    Examples:
      farptr add bob
      farptr add bob --load shard2.npz -c team
      farptr add bob=shard2.npz eve=shard3.npz

    Exit codes:
      2  an illegal name, or one that is taken     3  no such run, or it is going down
      5  a worker did not start, or could not load its file; or the run has no supervisor
      7  the supervisor does not answer
    """
    from farptr.launch import ask
    from farptr.launch.rundir import find
    from farptr.protocol.errors import BadName

    info = find(run)
    wanted = from_arguments(names, load)
    for name in wanted:
        if name in info.workers:  # before the first one starts
            raise BadName(f"a worker called {name!r} is already here", hint="take another name")
    allowed = functions_of(functions, functions_private)
    added = [{"name": name, "pid": ask.add(info.directory, name, file, allowed)} for name, file in wanted.items()]
    if json:
        print_json({"run": run, "workers": added})
        return
    for worker in added:
        click.echo(f"{worker['name']} is up (pid {worker['pid']})")
    hint_next((f"farptr rm {added[0]['name']}{option_for(run)}", "ends it again"))


@click.command(cls=Manual)
@click.argument("workers", nargs=-1, required=True, metavar="WORKER...", shell_complete=complete_worker)
@run_option()
@json_option
def rm(workers: tuple[str, ...], run: str, json: bool) -> None:
    """End workers of a run, and leave the others up.

    What they held is lost. Whoever uses a pointer to it gets WorkerLost.

    Example:
      farptr rm bob

    Exit codes:
      2  no such worker     3  no such run, or it is going down
      5  the run has no supervisor     7  the supervisor does not answer
    """
    from farptr.launch import ask
    from farptr.launch.rundir import find

    info = find(run)
    for name in workers:
        if info.workers and name not in info.workers:  # before the first one ends
            raise not_started_here(info, name)
    removed = [{"name": name, "pid": of_supervisor(ask.remove, info, name)} for name in dict.fromkeys(workers)]
    if json:
        print_json({"run": run, "workers": removed})
        return
    for worker in removed:
        click.echo(f"{worker['name']} has ended")


def of_supervisor(act: Callable[[Path, str], int], info: RunInfo, name: str) -> int:
    """What the supervisor does with a worker; of one that it has not started the error says who that is."""
    from farptr.protocol.errors import UnknownWorker

    try:
        return act(info.directory, name)
    except UnknownWorker:
        raise not_started_here(info, name) from None


def not_started_here(info: RunInfo, name: str) -> FarptrError:
    """The error for a worker that the supervisor does not have: by hand, on another machine, or nobody's name."""
    from farptr.protocol.names import unknown_worker

    return joined_by_hand(info, name) or unknown_worker(name, info.workers)


def joined_by_hand(info: RunInfo, name: str) -> FarptrError | None:
    """The error for asking the supervisor for a worker that joined without it; None when nobody of that name did."""
    from farptr.client.members import by_hand
    from farptr.client.starting import connect
    from farptr.protocol.errors import FarptrError

    try:
        with connect(info.address) as joined:
            return by_hand(joined, name) if name in joined else None
    except FarptrError:  # a broker that is stopped, or a run whose clock takes one client
        return None


COMMANDS = (add, rm)
