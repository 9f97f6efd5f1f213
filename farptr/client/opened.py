"""Who is told of each run that this process opens: nobody, unless a tool (the pytest plugin) asks for it.

Importing this module is light, so that a tool can ask before NumPy and ZeroMQ are needed.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from farptr.client.run import Run

observers: list[Callable[[Run], None]] = []
"""Called with each run that ``up`` or ``connect`` returns, in the caller's thread, before its first command."""

runs: weakref.WeakSet[Run] = weakref.WeakSet()
"""Every run of this process that somebody keeps, closed ones too."""
