"""The command line: click commands that parse, call and print.

Only click and the error classes are imported here: ``farptr --help`` must not wait for NumPy, ZeroMQ or rich.
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator, Sequence
from typing import Any

import click

from farptr.cli import (
    bench,
    completion,
    demo,
    doctor,
    faults,
    gc,
    keys,
    ledger,
    members,
    net,
    pictures,
    replay,
    roles,
    run,
    runs,
    shell,
)
from farptr.cli.lost import none_lost
from farptr.cli.manual import ManualGroup, listed
from farptr.cli.output import ReaderLeft, exit_code_of

EXIT_CODES = (
    ("0", "done"),
    ("1", "another error"),
    ("2", "wrong usage: options, an illegal name, no such worker"),
    ("3", "no such run"),
    ("4", "a run of that name is up"),
    ("5", "the run cannot be started or joined"),
    ("6", "a process that was needed is gone"),
    ("7", "no answer in time"),
    ("8", "somebody broke the protocol"),
    ("9", "`farptr doctor` has found something that must be put right"),
    ("10", "`farptr gc` has found something that nobody can reach"),
    ("11", "`farptr ledger` has found that somebody saw what they were not to see"),
    ("12", "`farptr run --check-determinism` has found that two runs differ"),
    ("130", "ended by Ctrl-C"),
    ("141", "whoever read the output has left"),
)
"""What the command ends with, and why; ``FarptrError.exit_code`` holds those of the errors."""


class _Root(ManualGroup):
    """The whole command line. Click would answer a broken pipe by an exit with 1, whatever it is asked."""

    def make_context(self, *args: Any, **how: Any) -> click.Context:
        with _broken_pipes_apart():
            return super().make_context(*args, **how)

    def invoke(self, ctx: click.Context) -> Any:
        with _broken_pipes_apart():
            return super().invoke(ctx)


@contextlib.contextmanager
def _broken_pipes_apart() -> Iterator[None]:
    try:
        yield
    except BrokenPipeError as error:
        raise ReaderLeft from error


def _show_version(ctx: click.Context, _: click.Parameter, wanted: bool) -> None:
    if not wanted or ctx.resilient_parsing:
        return
    import platform

    import numpy as np
    import zmq

    from farptr import __version__

    click.echo(f"farptr {__version__}")
    click.echo(f"Python {platform.python_version()}, NumPy {np.__version__}")
    click.echo(f"pyzmq {zmq.pyzmq_version()}, libzmq {zmq.zmq_version()}")
    ctx.exit()


@click.group(
    cls=_Root,
    name="farptr",
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"], "auto_envvar_prefix": "FARPTR"},
    epilog=listed("Exit codes:", EXIT_CODES),
)
@click.option(
    "--version",
    is_flag=True,
    expose_value=False,
    is_eager=True,
    allow_from_autoenv=False,
    callback=_show_version,
    help="Show versions and exit.",
)
@click.pass_context
def cli(ctx: click.Context) -> None:
    """Far pointers: NumPy arrays that live in other processes.

    Example:
      farptr up julie toby -d
      farptr ps
      farptr down
    """
    if ctx.invoked_subcommand is None:
        click.echo(ctx.get_help())


for _command in (
    *runs.COMMANDS,
    *members.COMMANDS,
    *faults.COMMANDS,
    gc.gc,
    *ledger.COMMANDS,
    *net.COMMANDS,
    *pictures.COMMANDS,
    *replay.COMMANDS,
    run.run,
    shell.shell,
    demo.demo,
    *roles.COMMANDS,
    keys.keys,
    doctor.doctor,
    bench.bench,
    completion.completion,
):
    cli.add_command(_command)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code. Errors are shown here, without a traceback."""
    if sys.stdout is None:  # closed, as by `>&-`: its number must not become a socket's, or a file's
        sys.stdout = open(os.devnull, "w")  # noqa: PTH123, SIM115
    reconfigure: Any = getattr(sys.stdout, "reconfigure", None)
    if reconfigure is not None:
        reconfigure(errors="replace")  # an arrow is no reason to fail where the encoding has none
    try:
        with none_lost():
            code = cli.main(arguments, prog_name=completion.PROGRAM, standalone_mode=False)
        sys.stdout.flush()
    except (Exception, KeyboardInterrupt) as error:
        return exit_code_of(error)
    return code if isinstance(code, int) else 0
