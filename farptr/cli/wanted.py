"""Which workers a command is to start: their names, and the files with data of their own."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import click

from farptr.cli.names import complete_file

Function = Callable[..., Any]


def workers_options(function: Function) -> Function:
    """``--workers``, ``-n`` and ``--load``, for a command that has a run of its own."""
    options = (
        click.option("--workers", metavar="NAME,NAME…", help="Workers of these names."),
        click.option(
            "-n", "count", type=click.IntRange(min=1), metavar="N", help="N workers called w1, w2, … as well."
        ),
        load_option("NAME=FILE", "Arrays of a worker's own, an .npz or .npy file. Can be given again."),
    )
    for option in reversed(options):
        function = option(function)
    return function


def load_option(metavar: str, text: str) -> Callable[[Function], Function]:
    """``--load``, once for each worker."""
    return click.option("--load", "load", multiple=True, metavar=metavar, shell_complete=complete_file, help=text)


def functions_options(function: Function) -> Function:
    """``--functions`` and ``--functions-private``, for a command that starts workers."""
    for option in (
        click.option("--functions-private", is_flag=True, help="The same, also where a worker loads data of its own."),
        click.option("--functions", is_flag=True, help="Run what clients send: functions, and cells of notebooks."),
    ):
        function = option(function)
    return function


class Size(click.ParamType):  # type: ignore[type-arg, unused-ignore]  # generic in later versions of click
    """A number of bytes, as in 512MB."""

    name = "size"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """In bytes."""
        from farptr.protocol.errors import UsageError
        from farptr.protocol.sizes import size_bytes

        try:
            return size_bytes(value)
        except UsageError as error:
            self.fail(f"{error.message}; it is {error.hint}", param, ctx)


memory_limit_option = click.option(
    "--memory-limit",
    "memory_limit",
    type=Size(),
    metavar="SIZE",
    help="What each worker may take beyond what it has at its start, as in 512MB.",
)


def bind_options(function: Function) -> Function:
    """``--bind`` and ``--keys``, for a command that has a broker."""
    for option in (
        keys_option,
        click.option(
            "--bind",
            "bind",
            metavar="ADDRESS",
            help="Listen for other machines too, tcp://HOST:PORT. Who comes from there needs a key.",
        ),
    ):
        function = option(function)
    return function


keys_option = click.option(
    "--keys",
    "keys",
    metavar="DIR",
    envvar="FARPTR_KEYS",
    help="Directory of the keys; by default the user's own.",
)
key_option = click.option(
    "--key",
    "key",
    metavar="FILE",
    envvar="FARPTR_KEY",
    shell_complete=complete_file,
    help="The key to join over the network with (tcp://…).",
)
allow_option = click.option(
    "--allow",
    "allow",
    metavar="CLIENTS",
    help="Which clients may do what to the worker, as in me,bob:names+use; rights are names, use, fetch, run.",
)
journal_option = click.option(
    "--journal",
    "journal",
    metavar="DIR",
    help="Write a journal below this folder, for `farptr ledger`, `trace` and `monitor`.",
)


def functions_of(on: bool, private: bool) -> str:
    """What these options asked for, in the words of ``farptr.protocol.functions``."""
    from farptr.protocol.functions import OFF, ON, PRIVATE

    return PRIVATE if private else ON if on else OFF


def from_options(workers: str | None, count: int | None, loads: Iterable[str]) -> dict[str, str | None]:
    """What ``workers_options`` asked for; empty when that is nothing. Files are absolute."""
    from farptr.protocol.names import numbered

    names = [name.strip() for name in (workers or "").split(",") if name.strip()] + numbered(count or 0)
    return with_files(names or None, loads)


def from_arguments(words: Iterable[str], loads: Iterable[str] = ()) -> dict[str, str | None]:
    """Of ``NAME[=FILE]`` words, with ``[NAME=]FILE`` options."""
    pairs = [word.partition("=") for word in words]
    return with_files([name for name, _, _ in pairs], [f"{name}={file}" for name, _, file in pairs if file], loads)


def with_files(names: Iterable[str] | None, *loads: Iterable[str]) -> dict[str, str | None]:
    """The names with their files. Without names they are those that the files are for.

    Raises BadName for the names, UnknownWorker for a file of somebody else, click.UsageError.
    """
    from pathlib import Path

    from farptr.protocol.names import check_names, unknown_worker

    given = [load for group in loads for load in group]
    if names is None:
        names = dict.fromkeys(load.partition("=")[0] for load in given)
    wanted: dict[str, str | None] = dict.fromkeys(check_names(names))
    for load in given:
        name, equals, file = load.partition("=")
        if not equals and len(wanted) == 1:
            (name,), file = wanted, load
        if not file:
            raise click.UsageError(f"--load {load}: whose is it? It takes NAME=FILE")
        if name not in wanted:
            raise unknown_worker(name, wanted)
        if wanted[name] is not None:
            raise click.UsageError(f"two files for {name}: a worker loads one")
        wanted[name] = str(Path(file).absolute())
    return wanted
