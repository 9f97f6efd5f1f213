"""``farptr shell``: a prompt with a run and its workers at hand."""

from __future__ import annotations

import code
import codeop
import keyword
import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import click

from farptr.cli.manual import Manual
from farptr.cli.names import run_option
from farptr.cli.wanted import from_options, functions_of, functions_options, key_option, workers_options

if TYPE_CHECKING:
    from farptr.client.run import Run

_CONTINUES = ("else", "elif", "except", "finally", ")", "]", "}")


@click.command(cls=Manual)
@workers_options
@functions_options
@run_option("Run to join, or its address.")
@key_option
@click.pass_context
def shell(
    ctx: click.Context,
    workers: str | None,
    count: int | None,
    load: tuple[str, ...],
    functions: bool,
    functions_private: bool,
    run: str,
    key: str | None,
) -> int:
    """Open a Python prompt with `fp`, `np`, `sim` and the workers by name.

    With --workers, -n or --load it has a run of its own, which ends with the prompt; else it joins one. It is IPython
    where that is installed. Lines can come through a pipe: each result is printed, without prompts.

    Examples:
      farptr shell
      farptr shell --workers julie,toby
      echo 'julie' | farptr shell -c team

    Exit codes:
      0  or what `exit(N)` says
      2  wrong usage     3  no such run     5  a worker did not start, or could not load its file
    """
    from farptr.client.starting import connect, up

    wanted = from_options(workers, count, load)
    chosen = ctx.get_parameter_source("run") is click.core.ParameterSource.COMMANDLINE
    if wanted and chosen:
        raise click.UsageError("a run of its own, or one that is up (-c)? It cannot be both")
    allowed = functions_of(functions, functions_private)
    if allowed and not wanted:
        raise click.UsageError("--functions is for a run of its own: give it --workers or -n")
    with up(wanted, functions=allowed) if wanted else connect(run, key=key) as sim:
        scope = _scope(sim)
        click.echo(_banner(sim, scope), err=True)
        return _prompt(scope) if sys.stdin.isatty() else _Piped(scope).read(sys.stdin)


def _scope(sim: Run) -> dict[str, Any]:
    import numpy as np

    import farptr as fp

    own = {"__name__": "__main__", "fp": fp, "np": np, "sim": sim}
    workers = {worker.name: worker for worker in sim if worker.name.isidentifier()}
    return {name: worker for name, worker in workers.items() if not keyword.iskeyword(name)} | own


def _banner(sim: Run, scope: dict[str, Any]) -> str:
    names = [w.name if scope.get(w.name) == w else f"sim[{w.name!r}]" for w in sim]
    private = sim._running is not None
    return f"fp, np, sim ({'a run of its own' if private else f'run {sim.name}'}), {', '.join(names) or 'no workers'}"


def _prompt(scope: dict[str, Any]) -> int:
    try:
        from IPython import start_ipython
        from traitlets.config import Config
    except ImportError:
        return _code_of(lambda: code.interact(banner="", exitmsg="", local=scope))
    settings = Config()
    settings.TerminalIPythonApp.display_banner = False
    settings.TerminalInteractiveShell.confirm_exit = False
    return _code_of(lambda: start_ipython(argv=[], user_ns=scope, config=settings))


def _code_of(interact: Any) -> int:
    try:
        interact()
    except SystemExit as leaving:
        return leaving.code if isinstance(leaving.code, int) else int(leaving.code is not None)
    return 0


class _Piped(code.InteractiveConsole):
    """Lines from a pipe, as in a file: a block ends where the next statement begins, and not at an empty line."""

    def read(self, lines: Iterable[str]) -> int:
        """Run each statement as soon as it is complete; the exit code."""
        return _code_of(lambda: self._read(lines))

    def _read(self, lines: Iterable[str]) -> None:
        for line in lines:
            text = line.rstrip("\r\n")
            if self.buffer and self._could_end():
                if not text.strip() or text.startswith("#"):
                    continue
                if not text[0].isspace() and not text.startswith(_CONTINUES):
                    self.push("")
            self.push(text)
            sys.stdout.flush()  # who feeds the pipe may wait for the answer
        if self.buffer:
            self.push("")

    def _could_end(self) -> bool:
        """Whether what has come so far is a whole statement, and not the inside of a bracket or string."""
        try:
            return codeop.compile_command("\n".join([*self.buffer, ""]), "<console>", "single") is not None
        except (SyntaxError, ValueError, OverflowError):
            return True
