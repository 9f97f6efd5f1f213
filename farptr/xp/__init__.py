"""The Array API standard (2024.12) on workers: ``fp.xp``.

>>> import farptr as fp
>>> with fp.up("julie") as sim:
...     x = fp.xp.asarray([1.0, 2.0, 3.0], device="julie")
...     print(float(fp.xp.mean(x)))
2.0

A device is a worker, or its name in the run that was opened last. Without ``device=`` arrays are made on the first
worker of that run; a pointer's own namespace (``p.__array_namespace__()``) makes them where the pointer's data is.
docs/array-api.md has the rules.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from farptr.xp.devices import Device, newest_run
from farptr.xp.namespace import Namespace, names_for

__all__ = ["Device", "Namespace"]

_NAMES = names_for(newest_run)
globals().update(_NAMES)


def __dir__() -> list[str]:
    return sorted(_NAMES)


if TYPE_CHECKING:

    def __getattr__(name: str) -> Any: ...
