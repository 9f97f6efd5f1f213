"""Commands for breaking things on purpose: kill, stop, cont, restart."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import click

from farptr.cli.manual import Manual
from farptr.cli.members import of_supervisor
from farptr.cli.names import complete_worker, run_option
from farptr.cli.output import hint_next, json_option, option_for, print_json

if TYPE_CHECKING:
    from signal import Signals

    from farptr.client.run import Run

BROKER = "broker"
"""As in ``protocol.names``, which a command line that only helps need not import."""
Act = Callable[["Run", str], str]
ToBroker = Callable[[int, Callable[[], bool]], str]
_who = click.argument("workers", nargs=-1, required=True, metavar="WORKER...", shell_complete=complete_worker)


def _signal(_ctx: click.Context, _parameter: click.Parameter, text: str) -> Signals:
    from farptr.client.faults import ending_signal
    from farptr.protocol.errors import UsageError

    try:
        return ending_signal(text)
    except UsageError as error:
        raise click.BadParameter(f"{error.message}: {error.hint}") from None


@click.command(cls=Manual)
@_who
@click.option(
    "--signal",
    "signal",
    metavar="SIGNAL",
    default="KILL",
    show_default=True,
    callback=_signal,
    help="A name, or a number.",
)
@run_option()
@json_option
def kill(workers: tuple[str, ...], signal: Signals, run: str, json: bool) -> None:
    """End processes of workers by a signal.

    Returns when the broker knows that they are gone, and how they ended. Clients get WorkerLost. The broker is called
    broker: without it the run ends. Workers that were started by hand are reached too.

    Examples:
      farptr kill julie
      farptr kill julie toby --signal SEGV -c team

    Exit codes:
      2  no such worker or signal     3  no such run
      5  another user's process     7  one lives on after the signal
    """
    from farptr.client import faults

    def act(sim: Run, name: str) -> str:
        return faults.kill(sim, name, signal, faults.PATIENCE_S)

    def to_broker(pid: int, is_it: faults.Check) -> str:
        faults.end_process(BROKER, pid, signal, is_it)
        return faults.BROKER_GONE

    _for_each(run, workers, json, act, to_broker)
    if not json and BROKER not in workers:
        hint_next((f"farptr restart {workers[0]}{option_for(run)}", "starts it again, empty"))


@click.command(cls=Manual)
@_who
@run_option()
@json_option
def stop(workers: tuple[str, ...], run: str, json: bool) -> None:
    """Stop processes of workers, as Ctrl-Z does; they go on by `farptr cont`.

    Returns when they are stopped. What is sent to them waits. The broker is called broker. (`farptr down` ends a run.)

    Example:
      farptr stop julie

    Exit codes:
      2  no such worker     3  no such run     5  another user's process
    """
    from farptr.client import faults

    def act(sim: Run, name: str) -> str:
        faults.stop(sim, name)
        return "it is stopped"

    def to_broker(pid: int, is_it: faults.Check) -> str:
        faults.stop_process(BROKER, pid, is_it)
        return "it is stopped"

    _for_each(run, workers, json, act, to_broker)
    if not json:
        hint_next((f"farptr cont {' '.join(workers)}{option_for(run)}", "lets it go on"))


@click.command(cls=Manual)
@_who
@run_option()
@json_option
def cont(workers: tuple[str, ...], run: str, json: bool) -> None:
    """Let stopped processes go on.

    Example:
      farptr cont julie

    Exit codes:
      2  no such worker     3  no such run     5  another user's process
    """
    from farptr.client import faults

    def act(sim: Run, name: str) -> str:
        faults.cont(sim, name)
        return "it goes on"

    def to_broker(pid: int, is_it: faults.Check) -> str:
        faults.cont_process(BROKER, pid, is_it)
        return "it goes on"

    _for_each(run, workers, json, act, to_broker)


@click.command(cls=Manual)
@_who
@run_option()
@json_option
def restart(workers: tuple[str, ...], run: str, json: bool) -> None:
    """End workers, unless they are gone, and start them again under their names.

    Returns when they have registered. Their own data is loaded again, and nothing else is in their stores. Whoever uses
    a pointer to what they held gets StalePointer.

    Example:
      farptr restart julie

    Exit codes:
      2  no such worker     3  no such run, or it is going down
      5  a worker did not start, or the run has no supervisor     7  the supervisor does not answer
    """
    from farptr.launch import ask
    from farptr.launch.rundir import find

    info = find(run)
    done = [{"name": name, "pid": of_supervisor(ask.restart, info, name)} for name in dict.fromkeys(workers)]
    if json:
        print_json({"run": run, "workers": done})
        return
    for worker in done:
        click.echo(f"{worker['name']} is up again (pid {worker['pid']})")


def _for_each(run: str, names: tuple[str, ...], as_json: bool, act: Act, to_broker: ToBroker) -> None:
    done = [{"name": name, "state": state} for name, state in _acted(run, names, act, to_broker)]
    if as_json:
        print_json({"run": run, "processes": done})
        return
    for row in done:
        click.echo(f"{row['name']}: {row['state']}")


def _acted(run: str, names: tuple[str, ...], act: Act, to_broker: ToBroker) -> Iterator[tuple[str, str]]:
    from farptr.client.members import unknown
    from farptr.client.starting import connect
    from farptr.launch.rundir import find, is_live

    info = find(run)
    workers = [name for name in dict.fromkeys(names) if name != BROKER]
    if workers:
        with connect(run) as joined:
            for name in workers:
                if name not in joined:  # before the first one
                    raise unknown(joined, name)
            for name in workers:
                yield name, act(joined, name)
    if BROKER in names:  # last: without it nobody answers
        yield BROKER, to_broker(info.broker_pid, lambda: is_live(info))


COMMANDS = (kill, stop, cont, restart)
