"""Options and arguments that name runs and workers, and how a shell completes them.

Completion reads the descriptions in the runtime directory: it asks no process, and imports nothing heavy.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

import click
from click.shell_completion import CompletionItem

from farptr.protocol.errors import FarptrError

if TYPE_CHECKING:
    from farptr.launch.spec import RunInfo

Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]
Completer = Callable[[click.Context, click.Parameter, str], list[CompletionItem]]

RUN_VARIABLE = "FARPTR_RUN"
DEFAULT_RUN = "default"
PRIVATE = "p-"
"""How the names of private runs begin; they are offered only to who has begun one."""


def run_option(text: str = "Name of the run.", *, default: str | None = DEFAULT_RUN) -> Decorator:
    """``-c/--run NAME``, on every command that addresses a run."""
    return click.option(
        "-c",
        "--run",
        "run",
        metavar="NAME",
        default=default,
        show_default=True,
        envvar=RUN_VARIABLE,
        shell_complete=complete_run,
        help=text,
    )


def complete_run(_ctx: click.Context, _parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """The runs that are up."""
    hidden = not incomplete.startswith(PRIVATE)
    runs = [info for info in _runs() if not (hidden and info.name.startswith(PRIVATE))]
    return _items(((info.name, ", ".join(info.workers)) for info in runs), incomplete)


def complete_worker(ctx: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """The workers of the run that the command is about; none twice."""
    given = ctx.params.get(parameter.name or "") or ()
    names = (name for info in _chosen(ctx) for name in info.workers if name not in given)
    return _items(((name, "worker") for name in names), incomplete)


def complete_log(ctx: click.Context, _parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Whoever has a log in the run that the command is about."""
    from farptr.launch import logs

    return _items(((name, "log") for info in _chosen(ctx) for name in logs.known(info.directory)), incomplete)


def complete_file(_ctx: click.Context, _parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """A file: the shell knows them."""
    return [CompletionItem(incomplete, type="file")]


def _runs() -> list[RunInfo]:
    from farptr.launch.rundir import list_runs

    with contextlib.suppress(FarptrError, OSError):
        return list_runs()
    return []


def _chosen(ctx: click.Context) -> list[RunInfo]:
    name = ctx.params.get("run") or DEFAULT_RUN
    return [info for info in _runs() if info.name == name]


def _items(pairs: Iterable[tuple[str, str]], incomplete: str) -> list[CompletionItem]:
    return [CompletionItem(name, help=text) for name, text in pairs if name.startswith(incomplete)]
