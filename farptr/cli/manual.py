"""Help texts whose examples and lists of exit codes keep their lines."""

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


class Manual(click.Command):
    """A command whose help keeps the lines of its examples and exit codes."""

    def __init__(self, *args: Any, **how: Any) -> None:
        super().__init__(*args, **how)
        self.help = _kept(self.help)


class ManualGroup(click.Group):
    """As ``Manual``; lists its commands as they were added, in the order in which one needs them."""

    def __init__(self, *args: Any, **how: Any) -> None:
        super().__init__(*args, **how)
        self.help = _kept(self.help)

    def list_commands(self, ctx: click.Context) -> list[str]:
        """In the order in which they were added."""
        return list(self.commands)
