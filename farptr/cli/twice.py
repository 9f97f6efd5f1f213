"""``farptr run``'s clock: the options, and the same program twice."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Collection
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from farptr.journal.comparing import Difference
    from farptr.journal.records import Record
    from farptr.views.envelopes import Envelopes

Function = Callable[..., Any]


def clock_options(function: Function) -> Function:
    """``--clock``, ``--costs``, ``--seed`` and ``--check-determinism``."""
    options = (
        click.option(
            "--clock", type=click.Choice(["wall", "virtual"]), default="wall", show_default=True,
            help="virtual: time is modelled, and nothing sleeps.",
        ),
        click.option("--costs", metavar="COST", help="What work takes: '5 ms' a turn, '2 GFLOP/s', or a TOML file."),
        click.option("--seed", type=click.IntRange(min=0), metavar="N", help="Of ids, and of the network's chances."),
        click.option(
            "--check-determinism", is_flag=True,
            help="Run SCRIPT twice under the virtual clock; show the first event that differs.",
        ),
    )  # fmt: skip
    for option in reversed(options):
        function = option(function)
    return function


def clock_from(clock: str, costs: str | None, net: Any, workers: Collection[str]) -> dict[str, Any] | None:
    """What these options ask for, as ``farptr.clock.settings`` has it; raises BadClock, BadNetwork, UnknownWorker."""
    from farptr.clock.settings import clock_of

    found = clock_of(clock, _costs(costs), workers)
    if found is not None and net is not None:
        found["net"] = net.to_table()
    return found


def say_unkept(clock: dict[str, Any] | None) -> None:
    """Say it if costs were to be measured, and there is no file of them."""
    if clock is None:
        return
    from farptr.clock.settings import unkept

    if said := unkept(clock):
        click.echo(f"farptr: {said}", err=True)


def _costs(text: str | None) -> Any:
    if text is None or not text.endswith(".toml"):
        return text
    import tomllib

    from farptr.protocol.errors import BadClock

    try:
        return tomllib.loads(Path(text).read_text(encoding="utf-8"))
    except OSError as error:
        raise BadClock(f"{text}: {error.strerror}", hint="name a TOML file that you can read") from None
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise BadClock(f"{text}: {error}") from None


def check_determinism(run_once: Callable[[str], int], folder: str | None) -> int:
    """Run twice, with a journal each; the program's exit code if they are alike, else raise NotDeterministic."""
    from farptr.journal.comparing import first_difference
    from farptr.protocol.errors import NotDeterministic

    with tempfile.TemporaryDirectory(prefix="farptr-twice-") as own:
        base = Path(folder or own).absolute()
        for which in ("run1", "run2"):
            code = run_once(str(base / which))
            if code:
                click.echo(f"farptr: the program ended with {code}: the runs were not compared", err=True)
                return code
        found = first_difference(base / "run1", base / "run2")
        if found is None:
            events = _events_of_a_client(base / "run1")
            click.echo(f"the two runs are alike, in all {events:,} events", err=True)
            return 0
        _show(found, base)
        raise NotDeterministic(
            f"the two runs differ, first in event {found.number}",
            hint="docs/clocks.md says what a program must not depend on; look at what it did before that event",
        )


def _events_of_a_client(folder: Path) -> int:
    """How many events a run had; raises click.UsageError if no client took part: then nothing was compared."""
    from farptr.journal.reading import Reader
    from farptr.journal.records import Fact

    records = list(Reader(folder))
    if not any(isinstance(r, Fact) and r.what == "joined" and r.fields["party"][2] == "client" for r in records):
        error = click.UsageError("the program has not joined the run, so there is nothing to compare")
        error.hint = "fp.connect() joins it; a run that the program starts by fp.up is another one"  # type: ignore[attr-defined]
        raise error
    return len(records)


def _show(found: Difference, base: Path) -> None:
    from farptr.journal.reading import Reader
    from farptr.journal.records import Fact
    from farptr.views.envelopes import Envelopes

    lines = Envelopes()
    for record in (record for which in ("run2", "run1") for record in Reader(base / which)):
        if isinstance(record, Fact) and record.what == "joined":
            lines.line(record)  # it learns the name
    for record in found.before:
        click.echo(f"   {_line(lines, record)}", err=True)
    click.echo(f"1: {_line(lines, found.one)}", err=True)
    click.echo(f"2: {_line(lines, found.other)}", err=True)


def _line(lines: Envelopes, record: Record | None) -> str:
    from farptr.journal.records import Fact, Handed
    from farptr.protocol.header import Kind

    if record is None:
        return "(the run had ended)"
    line = lines.line(record)
    if line is not None:
        return str(line)
    seconds = f"{record.time_ns / 1e9:12.6f}"
    if isinstance(record, Handed):
        way = f"{lines.called(record.source)} → {lines.called(record.destination)}"
        return f"{seconds}  {way} {Kind(record.kind).name} #{record.sequence} handed on, {record.wire_bytes:,} B"
    return f"{seconds}  {record.what} {record.fields}" if isinstance(record, Fact) else f"{seconds}  {record}"
