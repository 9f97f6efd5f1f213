"""Write the reference in docs/cli.md from the click commands: ``python scripts/make_cli_doc.py``.

Only what stands between the two marks is written; the rest of the page is prose.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from pathlib import Path

import click

from farptr.cli import EXIT_CODES, cli

PAGE = Path(__file__).parents[1] / "docs" / "cli.md"
BEGIN, END = "<!-- commands: begin -->", "<!-- commands: end -->"
_EXIT_CODE = re.compile(r"(?:^| {2,})(\d+) {2}")


def with_reference(text: str) -> str:
    """The page's text with the reference as the commands have it now."""
    before, rest = text.split(BEGIN)
    _, after = rest.split(END)
    lines = list(_reference())
    kept = [line for line, following in zip(lines, [*lines[1:], ""], strict=True) if line or following]
    return "\n".join([f"{before}{BEGIN}", *kept, f"{END}{after}"])


def _reference() -> Iterator[str]:
    with click.Context(cli, info_name="farptr", **cli.context_settings) as root:
        for name in cli.list_commands(root):
            yield from _command(cli.commands[name], root, name)
    yield from ["", "## Exit codes", "", "| code | meaning |", "|---|---|"]
    yield from (f"| {code} | {meaning} |" for code, meaning in EXIT_CODES)


def _command(command: click.Command, parent: click.Context, name: str) -> Iterator[str]:
    with click.Context(command, parent=parent, info_name=name, **command.context_settings) as ctx:
        yield from ["", f"{'#' * (len(ctx.command_path.split()) + 1)} {ctx.command_path}", ""]
        usage = " ".join(command.collect_usage_pieces(ctx))
        yield from ["```text", f"{ctx.command_path} {usage}", "```", ""]
        yield from _help(command)
        yield from _options(command, ctx)
        if isinstance(command, click.Group):
            for child in command.list_commands(ctx):
                yield from _command(command.commands[child], ctx, child)


def _help(command: click.Command) -> Iterator[str]:
    paragraphs = inspect.cleandoc(command.help or "").replace("\b\n", "").split("\n\n")
    for paragraph in paragraphs:
        heading, *lines = paragraph.splitlines()
        if heading in ("Example:", "Examples:"):
            yield from ["", "```bash", *(line.strip() for line in lines), "```"]
        elif heading == "Exit codes:":
            yield from ["", f"{heading} {'; '.join(_codes(lines))}.", ""]
        else:
            yield from [" ".join(paragraph.split()), ""]


def _codes(lines: list[str]) -> Iterator[str]:
    for line in lines:
        parts = _EXIT_CODE.split(line.strip())
        if parts[0]:
            yield parts[0].strip()
        for code, meaning in zip(parts[1::2], parts[2::2], strict=True):
            yield f"{code} {meaning.strip().rstrip(';')}"


def _options(command: click.Command, ctx: click.Context) -> Iterator[str]:
    options = [parameter for parameter in command.params if isinstance(parameter, click.Option)]
    if options:
        yield from ["| option | what it does | default | variable |", "|---|---|---|---|"]
        yield from (_option(option, ctx) for option in options)


def _option(option: click.Option, ctx: click.Context) -> str:
    names = ", ".join(f"`{name}`" for name in option.opts)
    value = "" if option.is_flag else f" {option.metavar}"
    default = "" if option.default is None or not option.show_default else str(option.default)
    variable = option.envvar or f"{ctx.auto_envvar_prefix}_{str(option.name).upper()}"
    cells = (f"{names}{value}", option.help or "", default, f"`{variable}`")
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


if __name__ == "__main__":
    PAGE.write_text(with_reference(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
