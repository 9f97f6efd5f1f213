"""``farptr completion``: what a shell reads so that it can complete commands, options, runs and workers."""

from __future__ import annotations

import os
from pathlib import PurePath

import click

from farptr.cli.manual import Manual

PROGRAM = "farptr"
VARIABLE = "_FARPTR_COMPLETE"
_INSTALL = {
    "bash": 'in ~/.bashrc:  eval "$(farptr completion bash)"',
    "zsh": 'in ~/.zshrc, after compinit:  eval "$(farptr completion zsh)"',
    "fish": "once:  farptr completion fish > ~/.config/fish/completions/farptr.fish",
}


@click.command(cls=Manual)
@click.argument("shell", required=False, type=click.Choice(list(_INSTALL)))
@click.pass_context
def completion(ctx: click.Context, shell: str | None) -> None:
    """Print the script that makes a shell complete farptr's commands.

    Without SHELL it is for the one that $SHELL names. Names of runs and of live workers are completed too; no process
    is asked for them.

    Examples:
      farptr completion bash
      eval "$(farptr completion zsh)"

    Exit codes:
      2  a shell that is not known, or none in $SHELL
    """
    from click.shell_completion import get_completion_class

    chosen = shell or PurePath(os.environ.get("SHELL", "")).name
    if chosen not in _INSTALL:
        raise click.UsageError(f"which shell? It can be {', '.join(_INSTALL)}")
    writer = get_completion_class(chosen)
    assert writer is not None
    click.echo(f"# {_INSTALL[chosen]}")
    click.echo(writer(ctx.find_root().command, {}, PROGRAM, VARIABLE).source())
