"""Log lines with their process's name before them."""

from __future__ import annotations

from collections.abc import Iterable

from rich.text import Text

from farptr.views.palette import colours


class Prefixes:
    """``julie  | line``: names as wide as the widest, each in its colour; who comes later gets a colour too."""

    def __init__(self, names: Iterable[str]) -> None:
        self._names = list(names)
        self._arrange()

    def _arrange(self) -> None:
        self._styles = colours(self._names)
        self._width = max(map(len, self._names), default=0)

    def line(self, name: str, line: str) -> Text:
        """One line of the process called ``name``."""
        if name not in self._styles:
            self._names.append(name)
            self._arrange()
        return Text.assemble((f"{name:<{self._width}} | ", self._styles[name]), line)
