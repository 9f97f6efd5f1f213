"""Who is told of each run that this process opens: nobody, unless a tool (the pytest plugin) asks for it.

Importing this module is light, so that a tool can ask before NumPy and ZeroMQ are needed.
"""

from __future__ import annotations

import itertools
import weakref
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from farptr.client.run import Run

observers: list[Callable[[Run], None]] = []
"""Called with each run that ``up`` or ``connect`` returns, in the caller's thread, before its first command."""

runs: weakref.WeakValueDictionary[int, Run] = weakref.WeakValueDictionary()
"""Every run of this process that somebody keeps, in the order in which they were opened; closed ones too."""
_numbers = itertools.count()


def note(run: Run) -> None:
    """A run was opened."""
    runs[next(_numbers)] = run
