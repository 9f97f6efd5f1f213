"""Commands about journals: ledger, trace, monitor."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from farptr.cli.manual import Manual
from farptr.cli.names import complete_file, run_option
from farptr.cli.output import console, json_option, opened, print_json

if TYPE_CHECKING:
    from pathlib import Path

    from farptr.ledger.account import Ledger

_path = click.argument("path", required=False, shell_complete=complete_file)


@click.command(cls=Manual)
@_path
@click.option("--by-party", "by_party", is_flag=True, help="What each party was handed, line by line.")
@click.option("--csv", "csv", is_flag=True, help="Lines for a spreadsheet.")
@click.option("--never-saw", "never", multiple=True, metavar="PARTY=SOURCE", help="Check it: exit with 11 if not so.")
@click.option("--unless", metavar="KIND", help="With --never-saw, what is allowed: derived, aggregate, aggregate:3.")
@json_option
def ledger(path: str | None, by_party: bool, csv: bool, never: tuple[str, ...], unless: str | None, json: bool) -> None:
    """Show who received which bytes in a run that wrote a journal.

    PATH is the journal's directory, or a folder of several, then the newest of them; `runs` by default. The account is
    checked: that it balances to the byte, and that nobody has changed the journal.

    Examples:
      farptr ledger
      farptr ledger runs/latest --by-party
      farptr ledger --never-saw me=julie/gradient --unless aggregate

    Exit codes:
      1  the journal is damaged or of another version
      2  --never-saw names what never was, or --unless what is no kind     3  no journal in that place
      11  somebody saw what --never-saw names
    """
    from farptr.ledger.account import open_journal, rule

    if csv and json:
        raise click.UsageError("--csv or --json, not both")
    if unless is not None and not never:
        raise click.UsageError("--unless goes with --never-saw")
    rule(unless)  # before anything is read or printed
    claims = [_claim(word) for word in never]
    account = open_journal(path)
    account.check()
    rows: list[Any] = account.receipts if by_party else account.lines()
    if json:
        print_json({"receipts" if by_party else "lines": [row._asdict() for row in rows]})
    elif csv:
        _print_csv(rows)
    else:
        _print_tables(account, by_party=by_party)
    for notice in account.notices:
        click.echo(f"note: {notice}", err=True)
    for party, source in claims:
        account.assert_never_saw(party, source, unless=unless)
        click.echo(f"{party} never saw {source}" + (f", but {unless}" if unless else ""), err=True)


def _claim(word: str) -> tuple[str, str]:
    """Party and source of a ``--never-saw``."""
    party, _, source = word.partition("=")
    if not party or not source:
        raise click.UsageError(f"--never-saw {word}: it takes PARTY=SOURCE, as in me=julie/gradient")
    return party, source


def _print_csv(rows: list[Any]) -> None:
    import csv
    import sys

    writer = csv.writer(sys.stdout, lineterminator="\n")
    if rows:
        writer.writerow(rows[0]._fields)
    for row in rows:
        writer.writerow(" ".join(cell) if isinstance(cell, tuple) else cell for cell in row)


def _print_tables(account: Ledger, *, by_party: bool) -> None:
    from farptr.views import ledger as views

    out = console()
    if by_party:
        for party in account.parties[1:]:
            out.print(views.view(account.view(party)))
        return
    out.print(views.matrix(account.matrix()))
    out.print(views.lines(account.lines()))
    out.print(views.balance(account), soft_wrap=True)


@click.command(cls=Manual)
@_path
@click.option("-o", "--output", metavar="FILE", default="trace.json", show_default=True, help="Where to write it.")
def trace(path: str | None, output: str) -> None:
    """Write a run's journal as a trace for Perfetto (ui.perfetto.dev) or chrome://tracing.

    Each party is a process; a worker's turns are slices, named by what they do; an arrow is an envelope's hop.

    Example:
      farptr trace runs/latest -o trace.json

    Exit codes:
      1  the journal is damaged or of another version     3  no journal in that place
    """
    from farptr.journal.reading import Reader
    from farptr.ledger.trace import write

    reader = Reader(path)
    with opened(output) as file:
        count = write(reader, file)
    click.echo(f"{count} events in {output}", err=True)
    if reader.cut:
        click.echo(f"note: {reader.cut}", err=True)


@click.command(cls=Manual)
@click.option("-n", "count", type=click.IntRange(min=1), metavar="N", help="End after N envelopes.")
@run_option()
def monitor(count: int | None, run: str) -> None:
    """Show every envelope of a run as it passes, from its beginning.

    The run must write a journal (`farptr up --journal runs`), and is not joined. Ends with the run, or by Ctrl-C.

    Example:
      farptr monitor -c team

    Exit codes:
      3  no such run, or it writes no journal     130  ended by Ctrl-C
    """
    from farptr.journal.following import follow
    from farptr.launch.rundir import find, is_live
    from farptr.views.envelopes import Envelopes

    info = find(run)
    path = _journal_of(info.directory, run)
    out, lines, shown = console(), Envelopes(), 0
    for record in follow(path, lambda: is_live(info)):
        line = lines.line(record)
        if line is not None:
            out.print(line, soft_wrap=True)
            shown += 1
        if shown == count:
            return


def _journal_of(directory: Path, run: str) -> Path:
    """Where the run that has this directory writes its journal; raises NoJournal."""
    from pathlib import Path

    from farptr.journal import BESIDE
    from farptr.protocol.errors import NoJournal

    try:
        return Path((directory / BESIDE).read_text(encoding="utf-8"))
    except OSError:
        raise NoJournal(
            f"run {run!r} writes no journal", hint="`farptr up --journal runs` starts one that does"
        ) from None


COMMANDS = (ledger, trace, monitor)
