"""``farptr run``: a run for a script, from before its first line until after its last."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from farptr.cli import twice
from farptr.cli.interrupts import ignored
from farptr.cli.manual import Manual
from farptr.cli.names import RUN_VARIABLE, complete_file
from farptr.cli.net import model, net_option, read
from farptr.cli.output import no_endless
from farptr.cli.twice import clock_from, clock_options
from farptr.cli.wanted import from_options, functions_of, functions_options, journal_option, workers_options

if TYPE_CHECKING:
    from farptr.launch.script import Outcome
    from farptr.network.network import Network

GRACE_S = 5.0
DEFAULT_COUNT = 2
_MOVABLE = ("--workers", "-n", "--load")


class _Torchrun(Manual):
    """Options stand before SCRIPT; if none of ``_MOVABLE`` does, they can stand right behind it."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """As click's, with the options behind SCRIPT put before it."""
        at = self._script_at(args)
        if at < len(args) and not any(_is_movable(word) for word in args[:at]):
            own, rest = _split(args[at + 1 :])
            args = [*args[:at], *own, args[at], *rest]
        return super().parse_args(ctx, args)

    def _script_at(self, args: Sequence[str]) -> int:
        valued = {name for p in self.params if isinstance(p, click.Option) and not p.is_flag for name in p.opts}
        at = 0
        while at < len(args) and args[at].startswith("-") and args[at] not in ("-", "--"):
            at += 2 if args[at] in valued else 1
        return len(args) if at < len(args) and args[at] == "--" else at


def _is_movable(word: str) -> bool:
    name = word.partition("=")[0]
    return name in _MOVABLE or (word.startswith("-n") and word[2:].isdigit())


def _split(words: Sequence[str]) -> tuple[list[str], list[str]]:
    """Our options at the beginning, and the rest; ``--`` between them goes."""
    at = 0
    while at < len(words) and _is_movable(words[at]):
        at += 2 if words[at] in _MOVABLE else 1
    rest = list(words[at:])
    return list(words[:at]), rest[1:] if rest[:1] == ["--"] else rest


@click.command(cls=_Torchrun, context_settings={"allow_interspersed_args": False})
@workers_options
@functions_options
@journal_option
@net_option
@clock_options
@click.option("-m", "--module", is_flag=True, help="SCRIPT is a module, as for `python -m`.")
@click.option(
    "--grace",
    "grace",
    type=click.FloatRange(min=0.0),
    callback=no_endless,
    default=GRACE_S,
    show_default=True,
    metavar="SECONDS",
    help="Time that the script has to end after a Ctrl-C.",
)
@click.argument("script", shell_complete=complete_file)
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED, metavar="[ARGS]...", shell_complete=complete_file)
def run(
    workers: str | None,
    count: int | None,
    load: tuple[str, ...],
    functions: bool,
    functions_private: bool,
    journal: str | None,
    net: str | None,
    clock: str,
    costs: str | None,
    seed: int | None,
    check_determinism: bool,
    module: bool,
    grace: float,
    script: str,
    arguments: tuple[str, ...],
) -> int:
    """Run a script with a run of its own, which ends with it.

    In the script, `fp.connect()` joins the run. Without options it has two workers, w1 and w2. All that stands behind
    SCRIPT is the script's, but for --workers, -n and --load right behind it, where none of them stands before it; a --
    ends them. Whatever the script has started ends with it. After a Ctrl-C the script has a time to end; a second
    Ctrl-C ends it at once. With --clock virtual time is modelled: nothing sleeps, and the same program and seed do the
    same again, which --check-determinism sees to (docs/clocks.md).

    Examples:
      farptr run train.py
      farptr run --workers julie,toby --load julie=shard0.npz train.py --rounds 5
      farptr run -n 3 -m package.train
      farptr run --clock virtual --net net.toml --costs '5 ms' train.py
      farptr run --clock virtual --check-determinism train.py

    Exit codes:
      the script's own; 128+N when signal N ended it, such as 130 after Ctrl-C
      2  wrong usage, no such script     5  a worker did not start, or could not load its file
      12  with --check-determinism, the two runs differ
    """
    from farptr.protocol.names import numbered

    if not module:
        _check_script(script)
    if check_determinism and clock != "virtual":
        raise click.UsageError("--check-determinism needs --clock virtual: by the wall's clock no two runs are alike")
    network = read(net)
    # Unbuffered: what the script has printed is out, however it ends.
    command = [sys.executable, "-u", *(["-m"] if module else []), script, *arguments]
    wanted = from_options(workers, count, load) or dict.fromkeys(numbered(DEFAULT_COUNT))
    modelled = clock_from(clock, costs, network, wanted)
    given = {"functions": functions_of(functions, functions_private), "clock": modelled, "seed": seed}
    given["net"] = network.to_table() if network else None

    def once(journal: str | None) -> int:
        more = {**given, "journal": journal and os.path.abspath(journal)}  # noqa: PTH100 - as the shell has it
        outcome = _run_once(wanted, command, grace, None if modelled else network, more)
        if outcome.killed:
            click.echo(f"farptr: {script} did not end in time, and was killed", err=True)
        twice.say_unkept(modelled)
        return outcome.code

    return twice.check_determinism(once, journal) if check_determinism else once(journal)


def _run_once(
    wanted: dict[str, str | None], command: list[str], grace_s: float, network: Network | None, given: dict[str, Any]
) -> Outcome:
    from farptr.launch import marked
    from farptr.launch import script as programs
    from farptr.launch.start import start

    mark = os.urandom(8).hex()
    with start(wanted, mark=mark, **given) as running:
        model(running, network)
        own = {
            RUN_VARIABLE: running.info.name,
            "FARPTR_RUNTIME_DIR": str(running.info.directory.parent),
            marked.VARIABLE: mark,
        }
        if given["clock"]:
            own["PYTHONHASHSEED"] = os.environ.get("PYTHONHASHSEED", "0")  # else the order of sets differs
        outcome = programs.run(command, os.environ | own, grace_s=grace_s)
        with ignored():
            marked.end(mark)
            running.close()
    return outcome


def _check_script(script: str) -> None:
    """Say now what Python would say once the run is up."""
    import difflib
    from pathlib import Path

    path = Path(script)
    if script == "-" or path.exists():
        return
    try:
        beside = [str(path.with_name(other.name)) for other in path.parent.iterdir()]
    except OSError:
        beside = []
    near = difflib.get_close_matches(script, beside, n=1, cutoff=0.7)
    error = click.UsageError(f"there is no script {script}")
    error.hint = f"did you mean {near[0]!r}?" if near else "`farptr run -m` takes a module"  # type: ignore[attr-defined]
    raise error
