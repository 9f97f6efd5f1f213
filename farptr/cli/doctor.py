"""``farptr doctor``: whether this machine is fit for runs, and what to do where it is not."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from farptr.cli.manual import Manual
from farptr.cli.output import console, json_option, print_json

if TYPE_CHECKING:
    from collections.abc import Iterable

    from farptr.cli.checks import Check

UNWELL = 9


@click.command(cls=Manual)
@json_option
def doctor(json: bool) -> int:
    """Check this machine, and say what to do where something is not well.

    Looks at versions, the runtime directory and how long a socket's path may be, limits on files and processes, shared
    memory and what killed runs have left; then starts a private run and measures a round trip.

    `note` says that farptr works, with a limit; `bad` that it does not.

    Example:
      farptr doctor

    Exit codes:
      0  nothing is bad     9  something is
    """
    from farptr.cli.checks import BAD, look

    found: list[Check] = []
    for check in look():
        found.append(check)
        if not json:
            _show(check)
    unwell = [check.name for check in found if check.state == BAD]
    if json:
        print_json(_record(found))
    else:
        click.echo(f"to put right: {', '.join(unwell)}" if unwell else "all is well")
    return UNWELL if unwell else 0


def _show(check: Check) -> None:
    from rich.text import Text

    colour = {"ok": "green", "note": "yellow"}.get(check.state, "red")
    out = console()
    out.print(Text.assemble((f"{check.state:<5}", colour), f"{check.name:<18} {check.found}"), soft_wrap=True)
    if check.to_do:
        out.print(Text(f"{'':<24}do: {check.to_do}"), soft_wrap=True)


def _record(found: Iterable[Check]) -> dict[str, object]:
    checks = [check._asdict() for check in found]
    return {"well": all(check["state"] != "bad" for check in checks), "checks": checks}
