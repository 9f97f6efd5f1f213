"""Commands about whole runs: up, down, ps, objects, logs."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import click

from farptr.cli.interrupts import ignored
from farptr.cli.manual import Manual
from farptr.cli.names import complete_log, complete_worker, run_option
from farptr.cli.net import model, net_option, read
from farptr.cli.output import INTERRUPTED, console, hint_next, json_option, option_for, print_json
from farptr.cli.roles import join_from_afar
from farptr.cli.wanted import (
    allow_option,
    bind_options,
    functions_of,
    functions_options,
    journal_option,
    key_option,
    memory_limit_option,
)

if TYPE_CHECKING:
    from farptr.client.look import Holder
    from farptr.client.status import Status
    from farptr.launch.rundir import RunInfo
    from farptr.launch.start import Running
    from farptr.protocol.errors import FarptrError


@click.command(cls=Manual)
@click.argument("names", nargs=-1, metavar="[NAME[=FILE]]...")
@click.option("-n", "count", type=click.IntRange(min=1), metavar="N", help="N workers called w1, w2, … as well.")
@click.option("-d", "--detach", is_flag=True, help="Return when all are up; the run goes on.")
@click.option("--restart", "restart", is_flag=True, help="Start a worker that dies again, 5 times in 30 s at most.")
@memory_limit_option
@allow_option
@journal_option
@net_option
@functions_options
@bind_options
@run_option()
@json_option
def up(
    names: tuple[str, ...],
    count: int | None,
    detach: bool,
    restart: bool,
    memory_limit: int | None,
    allow: str | None,
    journal: str | None,
    net: str | None,
    functions: bool,
    functions_private: bool,
    bind: str | None,
    keys: str | None,
    run: str,
    json: bool,
) -> int:
    """Start a broker and one process for each worker.

    NAME=FILE gives a worker data of its own: the arrays of an .npz or .npy file. Returns (with -d) or shows the logs
    (without) once every worker has registered. In the foreground Ctrl-C ends the run.

    A worker that --restart starts again has its own data, and nothing else. With --memory-limit an operation that needs
    more fails with WorkerOutOfMemory, and the worker goes on (Linux only).
    With --allow only the clients it names may see, use and fetch what workers have, and run functions there.
    With --net what passes between the parties takes time, or is lost, as a file describes (docs/network.md).
    With --bind workers and clients on other machines can join, each with a key (`farptr keys`); NAMEs may be left out.

    Examples:
      farptr up julie toby
      farptr up julie=shard0.npz toby=shard1.npz -d
      farptr up -n 3 -c team
      farptr up julie toby --restart --memory-limit 512MB -d
      farptr up toby --bind tcp://192.0.2.7:7600

    Exit codes:
      2  an illegal name, a network that cannot be meant     4  a run of that name is up
      5  a worker did not start, or could not load its file; --bind, and nobody has a key
      6  the broker died while the logs were shown     130  ended by Ctrl-C
    """
    from farptr.launch.start import start
    from farptr.protocol.authority import allowed_text

    if json and not detach:
        raise click.UsageError("--json goes with -d: what follows in the foreground are logs")
    allowed = functions_of(functions, functions_private)
    network = read(net)
    running = start(
        _workers(names, count, may_be_none=bind is not None),
        name=run,
        detached=detach,
        functions=allowed,
        restart=restart,
        memory_limit_bytes=memory_limit,
        bind=bind,
        keys=keys,
        allow=allowed_text(allow),
        journal=journal and os.path.abspath(journal),  # noqa: PTH100 - as the shell has it
        net=network.to_table() if network else None,
    )
    model(running, network)
    _show_started(running.info, detach=detach, as_json=json)
    return 0 if detach else _attend(running)


def _show_started(info: RunInfo, *, detach: bool, as_json: bool) -> None:
    if as_json:
        from farptr.cli import records

        print_json(records.started(info))
        return
    from farptr.views.processes import started

    console().print(started(info))
    run, option = info.name, option_for(info.name)
    hint_next(
        *join_from_afar(info),
        (f"farptr ps{option}", "the processes"),
        (f"farptr objects{option}", "what each worker holds"),
        (f"fp.connect({run!r})" if option else "fp.connect()", "joins from Python, after `import farptr as fp`"),
        (f"farptr down{option}", "ends the run") if detach else ("Ctrl-C", "ends the run"),
    )


def _workers(names: tuple[str, ...], count: int | None, *, may_be_none: bool) -> dict[str, str | None]:
    from farptr.cli.wanted import from_arguments
    from farptr.protocol.names import numbered

    wanted = from_arguments([*names, *numbered(count or 0)])
    if not wanted and not may_be_none:
        raise click.UsageError("a run needs workers, as in `farptr up julie toby` or `farptr up -n 3`")
    return wanted


def _attend(running: Running) -> int:
    """Show the logs until the run ends, or Ctrl-C ends it."""
    from farptr.protocol.errors import BrokerLost

    interrupted = False
    try:
        _print_logs(running.info, None, follow=True)
    except KeyboardInterrupt:
        interrupted = True
    finally:
        with ignored():
            running.close()
    if interrupted:
        click.echo(f"run {running.info.name} has ended (Ctrl-C)")
        return INTERRUPTED
    if running.exit_code:
        raise BrokerLost(f"run {running.info.name!r} has ended: its broker or supervisor died", hint="start a new run")
    click.echo(f"run {running.info.name} has ended")
    return 0


@click.command(cls=Manual)
@run_option()
def down(run: str) -> None:
    """End a run and everything in it.

    Example:
      farptr down -c team

    Exit codes:
      3  no such run     7  a process cannot be killed
    """
    from farptr.launch.stop import stop

    stop(run)
    click.echo(f"run {run} has ended")


@click.command(cls=Manual)
@run_option("Only this run.", default=None)
@json_option
def ps(run: str | None, json: bool) -> None:
    """List the runs that are up, and their processes.

    OBJECTS is "?" while a run is busy: they can be counted once everything that was issued is done.

    Example:
      farptr ps

    Exit codes:
      0  also when nothing is up     3  no such run (with -c)
    """
    from farptr.launch.rundir import find, list_runs

    found = [find(run)] if run else list_runs()
    if json:
        from farptr.cli import records

        print_json(records.runs(map(_status, found)))
        return
    if not found:
        click.echo("no run is up")
        hint_next(("farptr up julie toby -d", "starts one"))
        return
    from farptr.views.processes import table

    console().print(table(map(_status, found)))


def _status(info: RunInfo) -> Status:
    from farptr.client.status import status

    return status(info)


@click.command(cls=Manual)
@click.argument("worker", required=False, shell_complete=complete_worker)
@click.option("--tree", "tree", is_flag=True, help="Follow pointers from worker to worker.")
@run_option("Name or address of the run.")
@key_option
@json_option
def objects(worker: str | None, tree: bool, run: str, key: str | None, json: bool) -> None:
    """Show what each worker holds.

    Waits until everything that was issued is done. Of data that a worker loaded itself only name, shape
    and dtype are shown. With --tree each line is a chain, from who has the first pointer to the data at its end.

    Examples:
      farptr objects
      farptr objects julie --tree

    Exit codes:
      2  no such worker     3  no such run     7  the run stays busy
    """
    from farptr.client.look import look
    from farptr.client.starting import connect

    with connect(run, key=key) as joined:
        if worker is not None:
            joined[worker]  # raises for one that the run does not have
        holders = look(joined)
    if not tree:
        holders = [holder for holder in holders if worker in (None, holder.name)]
    (_print_records if json else _print_objects)(run, holders, worker or "", tree)


def _print_records(run: str, holders: list[Holder], worker: str, as_tree: bool) -> None:
    from farptr.cli import records

    print_json(records.tree(run, holders, worker) if as_tree else records.objects(run, holders))


def _print_objects(run: str, holders: list[Holder], worker: str, as_tree: bool) -> None:
    from farptr.views.objects import table, tree

    console().print(tree(holders, title=run, through=worker) if as_tree else table(holders))


@click.command(cls=Manual)
@click.argument("worker", required=False, shell_complete=complete_log)
@click.option("-f", "--follow", is_flag=True, help="Go on until the run ends, or Ctrl-C.")
@click.option("-n", "--tail", "tail", type=click.IntRange(min=0), metavar="N", help="Only the last N lines of each.")
@run_option()
def logs(worker: str | None, follow: bool, tail: int | None, run: str) -> None:
    """Show what the processes of a run have written.

    WORKER is one of them; broker and supervisor have logs too.

    Examples:
      farptr logs -f
      farptr logs julie --tail 20
      farptr logs broker

    Exit codes:
      2  no such worker     3  no such run     130  ended by Ctrl-C
    """
    from farptr.launch.rundir import find

    _print_logs(find(run), worker, follow=follow, lines=tail)


def _print_logs(info: RunInfo, only: str | None, *, follow: bool, lines: int | None = None) -> None:
    from farptr.launch import logs as files
    from farptr.launch.rundir import is_live
    from farptr.views.logs import Prefixes

    known = files.known(info.directory)
    if only is not None and only not in known:
        raise _no_log(info, only, known)
    prefixes, out = Prefixes(known if only is None else [only]), console()
    wanted = None if only is None else [only]
    for name, line in files.follow(info.directory, wanted, lambda: not (follow and is_live(info)), lines=lines):
        out.print(prefixes.line(name, line), soft_wrap=True)


def _no_log(info: RunInfo, name: str, known: list[str]) -> FarptrError:
    """The error for a process that has no log: one that was started by hand writes to its own terminal."""
    from farptr.cli.members import joined_by_hand
    from farptr.protocol.errors import UnknownWorker
    from farptr.protocol.names import unknown_worker

    if joined_by_hand(info, name) is None:
        return unknown_worker(name, known)
    why = "it was started by hand, or on another machine"
    return UnknownWorker(f"{name} has no log here: {why}", hint="it writes to the terminal that it was started in")


COMMANDS = (up, down, ps, objects, logs)
