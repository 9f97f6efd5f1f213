"""How the command line speaks: consoles, hints about what to do next, and errors."""

from __future__ import annotations

import errno
import math
import os
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING, Any, NoReturn

import click

from farptr.protocol.errors import FarptrError

if TYPE_CHECKING:
    from pathlib import Path

    from rich.console import Console

PIPE_WIDTH = 200
"""Columns where there is no terminal: a table in a pipe is not cut."""
DEBUG_VARIABLE = "FARPTR_DEBUG"
BROKEN_PIPE, INTERRUPTED = 141, 130
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EIO)
"""A system's errors by which a disk fails, and no line of ours; they do not say whether stdout was meant, or a file."""


class ReaderLeft(Exception):
    """Whoever read stdout is gone: a BrokenPipeError on its way past click."""


def console(*, pipe_width: int = PIPE_WIDTH) -> Console:
    """A console on stdout: colours only on a terminal without NO_COLOR, and a broken pipe is an exception."""
    from rich.console import Console

    class Out(Console):
        def on_broken_pipe(self) -> NoReturn:
            raise BrokenPipeError

    given = os.environ.get("COLUMNS", "")
    width = int(given) if given.isdecimal() else 0  # 0 is set by who knows no width: a table of it would be nothing
    if not width:
        width = shutil.get_terminal_size().columns if sys.stdout.isatty() else pipe_width
    return Out(width=width, highlight=False, markup=False, emoji=False)


def json_option(function: Callable[..., Any]) -> Callable[..., Any]:
    """``--json``, on every command that prints rows."""
    return click.option("--json", "json", is_flag=True, help="Print one JSON document, and nothing else.")(function)


def print_json(document: dict[str, Any]) -> None:
    """One JSON document on stdout."""
    import json

    click.echo(json.dumps(document, indent=2, ensure_ascii=False))


def hint_next(*steps: tuple[str, str]) -> None:
    """What to do next: commands, and what each is for."""
    width = max(len(command) for command, _ in steps)
    for i, (command, purpose) in enumerate(steps):
        click.echo(f"{'next:' if i == 0 else '':<6}{command:<{width}}   {purpose}")


def option_for(run: str) -> str:
    """`` -c NAME``, empty for the default run: to complete a hint's command."""
    return "" if run == "default" else f" -c {run}"


@contextmanager
def opened(output: str) -> Iterator[IO[str]]:
    """The file of an option ``-o``, or stdout for ``-``; raises ClickException when it cannot be written.

    A file that was there stays as it was until all is written.
    """
    from pathlib import Path

    place = Path(output).resolve()
    special = output == "-" or (place.exists() and not place.is_file())
    try:
        with click.open_file(output, "w", encoding="utf-8") if special else _whole(place) as file:
            yield file
    except OSError as error:
        if output == "-":
            raise
        problem = click.ClickException(f"{output}: {error.strerror or error}")
        problem.hint = "name a file that you may write, with -o"  # type: ignore[attr-defined]
        raise problem from None


@contextmanager
def _whole(place: Path) -> Iterator[IO[str]]:
    if place.exists() and not os.access(place, os.W_OK):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
    fresh = place.with_name(f"{place.name}.new-{os.getpid()}")
    try:
        with fresh.open("w", encoding="utf-8") as file:
            yield file
        fresh.replace(place)
    except BaseException:
        fresh.unlink(missing_ok=True)
        raise


def no_endless(_ctx: click.Context, _parameter: click.Parameter, seconds: float | None) -> float | None:
    """For an option of seconds: nan and inf are numbers to click, and no time to wait or to look at."""
    if seconds is not None and not math.isfinite(seconds):
        raise click.BadParameter(f"{seconds} is no number of seconds.")
    return seconds


def show_error(message: str, hint: str = "") -> None:
    """``error: …`` and ``hint: …`` on stderr."""
    click.echo(f"error: {message}", err=True)
    if hint:
        click.echo(f"hint: {hint}", err=True)


def exit_code_of(error: BaseException) -> int:
    """Say what went wrong, in one line and a hint, and give the exit code for it."""
    if isinstance(error, click.exceptions.Abort | KeyboardInterrupt):
        click.echo("ended by Ctrl-C", err=True)
        return INTERRUPTED
    if isinstance(error, ReaderLeft | BrokenPipeError):
        _forget_stdout()
        return BROKEN_PIPE
    if isinstance(error, click.ClickException):
        path = error.ctx.command_path if isinstance(error, click.UsageError) and error.ctx else "farptr"
        show_error(_one_line(error.format_message()), getattr(error, "hint", "") or f"`{path} --help` explains")
        return error.exit_code
    if os.environ.get(DEBUG_VARIABLE, "") not in ("", "0"):
        raise error
    if isinstance(error, FarptrError):
        show_error(error.message, error.hint)
        return error.exit_code
    if isinstance(error, OSError) and error.errno in _FULL:
        _flush_or_forget()
        what = error.filename or "stdout, or a file of the run, cannot be written"
        show_error(f"{what}: {error.strerror}", "make room there, or write elsewhere")
        return 1
    show_error(f"{type(error).__name__}: {error}", f"this is a bug; {DEBUG_VARIABLE}=1 shows where")
    return 1


def _flush_or_forget() -> None:
    try:
        sys.stdout.flush()
    except OSError:
        _forget_stdout()


def _forget_stdout() -> None:
    """Nobody takes what is still buffered, and it must not raise again while Python exits."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _one_line(text: str) -> str:
    return " ".join(text.split())
