"""A modelled network as a table."""

from __future__ import annotations

from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from farptr.network.links import words_of


def shown(state: dict[str, Any]) -> RenderableType:
    """What ``sim.net.state()`` gave: accesses and links, partitions, rules, and what is on its way."""
    described = state["table"]
    table = Table(box=None, pad_edge=False)
    for title in ("from", "to", "what the link does"):
        table.add_column(title)
    everybody = described["everybody"]
    for name, access in (("*", everybody), *described["parties"].items()):
        _add(table, name, "network", access.get("up", access))
        _add(table, "network", name, access.get("down", access))
    for row in described["links"]:
        _add(table, row["from"], row["to"], {k: v for k, v in row.items() if k not in ("from", "to")})
    for source, destination in state["cuts"]:
        table.add_row(Text(source), Text(destination), "cut")
    lines = [f"rule {number}: {_rule(rule)}" for number, rule in state["rules"]]
    if state["in_flight"]:
        lines.append(f"{len(state['in_flight'])} envelopes on their way")
    if state["lost_messages"]:
        lines.append(f"{state['lost_messages']} envelopes lost for good")
    first: RenderableType = table if table.row_count else Text("the network is perfect")
    return Group(first, *map(Text, lines))


def _add(table: Table, source: str, destination: str, described: dict[str, Any]) -> None:
    if described:
        table.add_row(Text(source), Text(destination), Text(words_of(described)))


def _rule(rule: dict[str, Any]) -> str:
    what = "" if rule["what"] == "*" else f" what is {rule['what']}"
    delay = f" by {rule['delay']}" if rule["delay"] else ""
    times = f", {rule['times']} times" if rule["times"] else ""
    return f"{rule['do']}{delay}{what} from {rule['source']} to {rule['destination']}{times}"
