"""``xp.__array_namespace_info__()``: what a namespace can do, and the workers that there are."""

from __future__ import annotations

from typing import Any

import numpy as np

from farptr.xp import dtypes
from farptr.xp.devices import Default, Device, devices_of, resolve

MAX_DIMENSIONS = 64
"""What NumPy allows."""


class Info:
    """The namespace's answers to the standard's questions. Nothing here waits."""

    def __init__(self, default: Default) -> None:
        self._default = default

    def capabilities(self) -> dict[str, Any]:
        """Indexing by masks, and results whose shape follows from the data: both, because workers run NumPy."""
        return {"boolean indexing": True, "data-dependent shapes": True, "max dimensions": MAX_DIMENSIONS}

    def default_device(self) -> Device:
        """Where arrays are made when no device is given; raises what ``fp.xp`` raises without one."""
        return self._default()

    def devices(self) -> list[Device]:
        """The live workers of the run, in the order in which they were named."""
        here = self._default()
        return [here if device == here else device for device in devices_of(here._session)]

    def default_dtypes(self, *, device: Any = None) -> dict[str, np.dtype[Any]]:
        """The dtypes of arrays made without one; the same on every worker."""
        self._check(device)
        names = {"real floating": "float64", "complex floating": "complex128", "integral": "int64", "indexing": "int64"}
        return {kind: dtypes.DTYPES[name] for kind, name in names.items()}

    def dtypes(self, *, device: Any = None, kind: Any = None) -> dict[str, np.dtype[Any]]:
        """The dtypes of a kind, or of several, by name; the same on every worker."""
        self._check(device)
        kinds = tuple(dtypes.KINDS) if kind is None else kind if isinstance(kind, tuple) else (kind,)
        return {name: dtype for k in kinds for name, dtype in dtypes.named(k).items()}

    def _check(self, device: Any) -> None:
        if device is not None:
            resolve(device, self._default)
