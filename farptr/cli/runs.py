"""Commands about whole runs: up, down, ps, objects, logs."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

import click

from farptr.cli.interrupts import ignored
from farptr.cli.manual import Manual
from farptr.cli.output import INTERRUPTED, console, hint_next, option_for

if TYPE_CHECKING:
    from farptr.launch.rundir import RunInfo
    from farptr.launch.start import Running

Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]


def run_option(text: str = "Name of the run.", *, default: str | None = "default") -> Decorator:
    """``-c/--run NAME``, on every command that addresses a run."""
    return click.option("-c", "--run", "run", metavar="NAME", default=default, show_default=True, help=text)


@click.command(cls=Manual)
@click.argument("names", nargs=-1, metavar="[NAME[=FILE]]...")
@click.option("-n", "count", type=click.IntRange(min=1), metavar="N", help="N workers called w1, w2, … as well.")
@click.option("-d", "--detach", is_flag=True, help="Return when all are up; the run goes on.")
@run_option()
def up(names: tuple[str, ...], count: int | None, detach: bool, run: str) -> int:
    """Start a broker and one process for each worker.

    NAME=FILE gives a worker data of its own: the arrays of an .npz or .npy file. Returns (with -d) or shows the logs
    (without) once every worker has registered. In the foreground Ctrl-C ends the run.

    Examples:
      farptr up julie toby
      farptr up julie=shard0.npz toby=shard1.npz -d
      farptr up -n 3 -c team

    Exit codes:
      2  an illegal name     4  a run of that name is up
      5  a worker did not start, or could not load its file
      6  the broker died while the logs were shown     130  ended by Ctrl-C
    """
    from farptr.launch.start import start
    from farptr.views.processes import started

    out = console()
    workers = _workers(names, count)
    running = start(workers, name=run, detached=detach)
    out.print(started(running.info))
    option = option_for(run)
    hint_next(
        (f"farptr ps{option}", "the processes"),
        (f"farptr objects{option}", "what each worker holds"),
        (f"fp.connect({run!r})" if option else "fp.connect()", "joins from Python, after `import farptr as fp`"),
        (f"farptr down{option}", "ends the run") if detach else ("Ctrl-C", "ends the run"),
    )
    return 0 if detach else _attend(running)


def _workers(names: Iterable[str], count: int | None) -> dict[str, str | None]:
    from pathlib import Path

    from farptr.protocol.names import check_names, numbered

    pairs = [(name, file) for name, _, file in (text.partition("=") for text in names)]
    pairs += [(name, "") for name in numbered(count or 0)]
    if not pairs:
        raise click.UsageError("a run needs workers, as in `farptr up julie toby` or `farptr up -n 3`")
    check_names(name for name, _ in pairs)
    return {name: str(Path(file).absolute()) if file else None for name, file in pairs}


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
def ps(run: str | None) -> None:
    """List the runs that are up, and their processes.

    OBJECTS is "?" while a run is busy: they can be counted once everything that was issued is done.

    Example:
      farptr ps

    Exit codes:
      0  also when nothing is up     3  no such run (with -c)
    """
    from farptr.launch.rundir import find, list_runs

    found = [find(run)] if run else list_runs()
    if not found:
        click.echo("no run is up")
        hint_next(("farptr up julie toby -d", "starts one"))
        return
    from farptr.client.status import status
    from farptr.views.processes import table

    console().print(table(map(status, found)))


@click.command(cls=Manual)
@click.argument("worker", required=False)
@click.option("--tree", "as_tree", is_flag=True, help="Follow pointers from worker to worker.")
@run_option("Name or address of the run.")
def objects(worker: str | None, as_tree: bool, run: str) -> None:
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
    from farptr.client.run import connect
    from farptr.views.objects import table, tree

    with connect(run) as joined:
        if worker is not None:
            joined[worker]  # raises for one that the run does not have
        holders = look(joined)
    if as_tree:
        console().print(tree(holders, title=run, through=worker or ""))
    else:
        console().print(table(holder for holder in holders if worker in (None, holder.name)))


@click.command(cls=Manual)
@click.argument("worker", required=False)
@click.option("-f", "--follow", is_flag=True, help="Go on until the run ends, or Ctrl-C.")
@click.option("-n", "--tail", "lines", type=click.IntRange(min=0), metavar="N", help="Only the last N lines of each.")
@run_option()
def logs(worker: str | None, follow: bool, lines: int | None, run: str) -> None:
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

    _print_logs(find(run), worker, follow=follow, lines=lines)


def _print_logs(info: RunInfo, only: str | None, *, follow: bool, lines: int | None = None) -> None:
    from farptr.launch import logs as files
    from farptr.launch.rundir import is_live
    from farptr.protocol.names import unknown_worker
    from farptr.views.logs import Prefixes

    known = files.known(info.directory)
    if only is not None and only not in known:
        raise unknown_worker(only, known)
    prefixes, out = Prefixes(known if only is None else [only]), console()
    wanted = None if only is None else [only]
    for name, line in files.follow(info.directory, wanted, lambda: not (follow and is_live(info)), lines=lines):
        out.print(prefixes.line(name, line), soft_wrap=True)


COMMANDS = (up, down, ps, objects, logs)
