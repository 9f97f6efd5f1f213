"""Commands that run one process in the foreground: worker, broker."""

from __future__ import annotations

import logging
import signal
import sys
from typing import TYPE_CHECKING

import click

from farptr.cli.interrupts import noted
from farptr.cli.manual import Manual
from farptr.cli.names import RUN_VARIABLE, complete_file, complete_run, run_option
from farptr.cli.output import INTERRUPTED, hint_next, option_for
from farptr.cli.wanted import (
    allow_option,
    bind_options,
    functions_of,
    functions_options,
    key_option,
    memory_limit_option,
)

if TYPE_CHECKING:
    from farptr.launch.rundir import RunInfo


@click.command(cls=Manual)
@click.argument("name")
@click.option(
    "--connect",
    "address",
    metavar="ADDRESS",
    required=True,
    envvar=RUN_VARIABLE,
    shell_complete=complete_run,
    help="A run's name, or its address (ipc://…, tcp://…).",
)
@click.option("--load", metavar="FILE", shell_complete=complete_file, help="Arrays of its own: an .npz or .npy file.")
@key_option
@allow_option
@memory_limit_option
@functions_options
def worker(
    name: str,
    address: str,
    load: str | None,
    key: str | None,
    allow: str | None,
    memory_limit: int | None,
    functions: bool,
    functions_private: bool,
) -> int:
    """Be a worker of a run, in the foreground.

    Goes on until the run ends, or Ctrl-C. A run on another machine is joined by its address and with a key, which
    `farptr keys new` has made there.

    Examples:
      farptr worker julie --connect default --load shard0.npz
      farptr worker julie --connect tcp://192.0.2.7:7600 --key julie.key

    Exit codes:
      2  an illegal name, or one that is taken     3  no such run
      5  the file cannot be loaded, or the key will not do     6  the connection was cut
      130  ended by Ctrl-C
    """
    from farptr.launch.rundir import find
    from farptr.protocol.names import check_name
    from farptr.worker.shell import serve

    check_name(name)
    _log_to_stderr()
    with noted() as signals:
        allowed = functions_of(functions, functions_private)
        found = address if "://" in address else find(address).address
        serve(name, found, load=load, functions=allowed, memory_limit_bytes=memory_limit, key=key, allow=allow)
    return _ended(f"worker {name}", signals)


def _ipc(_ctx: click.Context, _parameter: click.Parameter, address: str | None) -> str | None:
    if address is not None and not address.removeprefix("ipc://") != address:
        raise click.BadParameter("only ipc://… : on the network a broker listens with --bind")
    return address


@click.command(cls=Manual)
@click.option("--address", metavar="ADDRESS", callback=_ipc, help="Where to listen, ipc://…; by default in the run.")
@bind_options
@run_option("Name that the run gets.")
def broker(address: str | None, bind: str | None, keys: str | None, run: str) -> int:
    """Be a broker, in the foreground: a run without workers yet.

    Goes on until `farptr down`, or Ctrl-C.

    Example:
      farptr broker -c team
      farptr worker julie --connect team     # in another terminal

    Exit codes:
      2  an illegal name     4  a run of that name is up, or somebody listens there
      5  an address cannot be bound, or nobody has a key     130  ended by Ctrl-C
    """
    from farptr.launch.alone import serve_broker

    _log_to_stderr()
    with noted() as signals:
        serve_broker(run, address=address, bind=bind, keys=keys, on_ready=_tell_address)
    return _ended(f"run {run}", signals)


def _tell_address(info: RunInfo) -> None:
    option = option_for(info.name)
    click.echo(f"broker of run {info.name} listens at {info.address}")
    hint_next(
        (f"farptr worker julie --connect {info.name}", "adds a worker, in another terminal"),
        *join_from_afar(info),
        (f"fp.connect({info.name!r})" if option else "fp.connect()", "joins from Python, after `import farptr as fp`"),
        ("Ctrl-C", "ends the run"),
    )
    sys.stdout.flush()  # what follows may last for days


def join_from_afar(info: RunInfo) -> tuple[tuple[str, str], ...]:
    """What to do next on another machine, where the broker listens for those."""
    if not info.bound:
        return ()
    return ((f"farptr worker julie --connect {info.bound} --key julie.key", "adds a worker from another machine"),)


def _log_to_stderr() -> None:
    from farptr.launch.logs import ToStderr

    logging.basicConfig(level=logging.INFO, format="%(message)s", handlers=[ToStderr()])


def _ended(what: str, signals: set[int]) -> int:
    if signal.SIGINT in signals:
        click.echo(f"{what} has ended (Ctrl-C)")
        return INTERRUPTED
    click.echo(f"{what} has ended")
    return 0


COMMANDS = (worker, broker)
