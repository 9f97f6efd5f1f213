"""Help texts whose examples and lists of exit codes keep their lines; options that an environment variable can set."""

from __future__ import annotations

import inspect
import re
from collections.abc import Sequence
from typing import Any

import click

_KEEP = "\b"
"""On a line of its own, click's mark of a paragraph that is not to be re-flowed."""
_BLOCK = re.compile(r"\n\n(?=(?:Examples?|Exit codes):\n)")


def _kept(text: str | None) -> str | None:
    return _BLOCK.sub(f"\n\n{_KEEP}\n", inspect.cleandoc(text)) if text else text


def listed(heading: str, lines: Sequence[tuple[str, str]]) -> str:
    """A paragraph of aligned pairs below a heading."""
    width = max(len(left) for left, _ in lines)
    return "\n".join([_KEEP, heading, *(f"  {left:<{width}}  {right}" for left, right in lines)])


class NoSuchName(click.UsageError):
    """A command or option that is not there; the hint names the nearest."""

    def __init__(self, message: str, ctx: click.Context | None, name: str, known: Sequence[str]) -> None:
        from difflib import get_close_matches

        super().__init__(message, ctx)
        near = get_close_matches(name, known, n=1)
        self.hint = f"did you mean {near[0]!r}?" if near else ""


class Manual(click.Command):
    """A command whose help keeps the lines of its examples and exit codes, and shows its options' variables."""

    def __init__(self, *args: Any, **how: Any) -> None:
        super().__init__(*args, **how)
        self.help = _kept(self.help)
        for parameter in self.params:
            if isinstance(parameter, click.Option) and parameter.expose_value:
                parameter.show_envvar = True

    def get_help_option(self, ctx: click.Context) -> click.Option | None:
        """As click's; a variable FARPTR_HELP that happens to be there is not for it."""
        option = super().get_help_option(ctx)
        if option is not None:
            option.allow_from_autoenv = False
        return option

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """As click's, with the nearest option in the hint for one that is not there."""
        try:
            return super().parse_args(ctx, args)
        except click.NoSuchOption as error:
            known = [name for parameter in self.get_params(ctx) for name in parameter.opts if name.startswith("-")]
            raise NoSuchName(f"No such option {error.option_name!r}.", ctx, error.option_name, known) from None


class ManualGroup(Manual, click.Group):
    """As ``Manual``; lists its commands as they were added, in the order in which one needs them."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """In the order in which they were added."""
        return list(self.commands)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """As click's, with the nearest command in the hint for one that is not there."""
        if args[0] not in self.commands and not args[0].startswith("-") and not ctx.resilient_parsing:
            raise NoSuchName(f"No such command {args[0]!r}.", ctx, args[0], list(self.commands))
        return super().resolve_command(ctx, args)
