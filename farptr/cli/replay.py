"""The command that re-times a recorded run: replay."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from farptr.cli.manual import Manual
from farptr.cli.names import complete_file
from farptr.cli.output import console, json_option, print_json

if TYPE_CHECKING:
    from farptr.replay.retiming import Retimed

MOST_ROWS = 12


@click.command(cls=Manual)
@click.argument("path", required=False, shell_complete=complete_file)
@click.option(
    "--net", "net", metavar="FILE", required=True, shell_complete=complete_file, help="The other network, as TOML."
)
@click.option("--seed", type=int, metavar="N", help="Of its chances; by default the run's own.")
@json_option
def replay(path: str | None, net: str, seed: int | None, json: bool) -> None:
    """Re-time a recorded run: how long it would have taken on another network.

    Shows the makespan, the critical path, and the link that limits. Nothing is computed again: turns take what they
    took in the recorded run. Exact for runs under the virtual clock whose control flow does not depend on time.

    Example:
      farptr replay runs/latest --net slow.toml

    Exit codes:
      1  the journal is damaged, of another version, or of a run that cannot be re-timed     2  the network is wrong
      3  no journal in that place
    """
    from farptr.journal.reading import Reader
    from farptr.network.network import Network
    from farptr.replay.retiming import retime
    from farptr.replay.script import Script

    reader = Reader(path)
    network = Network.from_toml(net)
    script = Script().fold(reader)
    found = retime(script, network, int(reader.manifest.get("seed") or 0) if seed is None else seed)
    recorded_s = script.makespan_ns / 1e9
    if json:
        print_json(_plain(recorded_s, found))
    else:
        _print(recorded_s, found, net)
    if script.others:
        click.echo(f"note: only the first client's part is timed: {script.others} others came after it", err=True)
    if reader.cut:
        click.echo(f"note: {reader.cut}", err=True)


def _plain(recorded_s: float, found: Retimed) -> dict[str, object]:
    from farptr.replay.path import shares

    ways, work = shares(found.end)
    links = [{"source": a, "destination": b, "s": seconds} for (a, b), seconds in ways.most_common() if seconds]
    return {
        "recorded_s": recorded_s, "makespan_s": found.makespan_s, "limiting_link": links[0] if links else None,
        "links": links, "parties": [{"party": party, "s": seconds} for party, seconds in work.most_common() if seconds],
        "path": [
            {"kind": node.kind, "who": list(node.who), "from_s": node.began_s, "to_s": node.ended_s}
            for node in found.path()
        ],
    }  # fmt: skip


def _print(recorded_s: float, found: Retimed, net: str) -> None:
    from farptr.replay.path import shares

    out = console()
    ways, work = shares(found.end)
    click.echo(f"recorded: {recorded_s:.6f} s; on {net}: {found.makespan_s:.6f} s")
    parts = [(seconds, f"{a} → {b}") for (a, b), seconds in ways.items()]
    parts += [(seconds, f"{party} at work, or waiting on purpose") for party, seconds in work.items()]
    parts = sorted((part for part in parts if part[0] > 0), reverse=True)
    out.print("critical path:", highlight=False)
    for seconds, words in parts[:MOST_ROWS]:
        share = seconds / found.makespan_s if found.makespan_s else 0.0
        out.print(f"  {seconds:12.6f} s  {share:6.1%}  {words}", highlight=False, markup=False)
    if len(parts) > MOST_ROWS:
        out.print(f"  and {len(parts) - MOST_ROWS} more: --json has all", highlight=False)
    links = ways.most_common(1)
    if links and links[0][1] > 0:
        (source, destination), seconds = links[0]
        out.print(f"the link that limits: {source} → {destination}", highlight=False, markup=False)
    else:
        out.print("no link limits: it is all work", highlight=False)


COMMANDS = (replay,)
