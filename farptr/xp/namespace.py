"""The namespace of the Array API standard, for a default device: ``fp.xp``, and what ``p.__array_namespace__()`` gives.

Law
    Namespaces are equal when their default devices, and the ways there, are: what they make lies together.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from farptr.protocol import standard as table
from farptr.protocol.errors import NoRun, UnsupportedOperation, UsageError
from farptr.xp import creation, dtypes
from farptr.xp.devices import Default, Device
from farptr.xp.functions import FUNCTIONS
from farptr.xp.inspection import Info

OLDEST_NUMPY = "2.1.0"
"""What came before lacks functions of the standard."""


class _Extension:
    """Names, and what they stand for."""

    def __init__(self, **names: Any) -> None:
        vars(self).update(names)


def _within(extension: str, functions: dict[str, Any]) -> dict[str, Any]:
    """The functions of an extension (``""``: of none), by the name that they have there."""
    split = {name: name.rpartition(".")[::2] for name in functions}
    return {short: functions[name] for name, (prefix, short) in split.items() if prefix == extension}


EXTENSIONS = ("linalg", "fft", "special")
_SHARED: dict[str, Any] = {
    **dtypes.CLASSES,
    **dtypes.CONSTANTS,
    **dtypes.FUNCTIONS,
    **_within("", FUNCTIONS),
    "__array_api_version__": table.VERSION,
}
"""What does not depend on the default device."""
_SHARED_EXTENSIONS = {extension: _within(extension, FUNCTIONS) for extension in EXTENSIONS}


def names_for(default: Default) -> dict[str, Any]:
    """Everything in the namespace, by name, for a default device."""
    making = creation.for_default(default)
    found = {**_SHARED, **_within("", making), "__array_namespace_info__": _info(default)}
    for extension, shared in _SHARED_EXTENSIONS.items():
        found[extension] = _Extension(__name__=f"farptr.xp.{extension}", **shared, **_within(extension, making))
    return found


def _info(default: Default) -> Callable[[], Info]:
    def __array_namespace_info__() -> Info:  # noqa: N807  # its name in the standard
        """What the namespace can do, and the live workers."""
        return Info(default)

    return __array_namespace_info__


class Namespace(_Extension):
    """``fp.xp`` with one pointer's device, and its way there, as the default.

    It does not keep the session, because libraries keep namespaces in caches.
    """

    def __init__(self, device: Device) -> None:
        session, way, name = weakref.ref(device._session), device.way, device.name

        def default() -> Device:
            there = session()
            if there is None:
                raise NoRun(f"the run of {name} was given up", hint="take the namespace of a pointer that is in use")
            return Device(there, way)

        super().__init__(__name__="farptr.xp", **names_for(default))
        self._key = (device._session.token, way)
        self._place = name

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Namespace) and other._key == self._key

    def __hash__(self) -> int:
        return hash(self._key)

    def __repr__(self) -> str:
        return f"<farptr.xp, where nothing else is said on {self._place}>"

    def __dir__(self) -> Iterable[str]:
        return [name for name in vars(self) if name not in ("_key", "_place")]


def check_version(api_version: str | None) -> None:
    """Raise UsageError for a version of the standard that the namespace does not follow."""
    if np.lib.NumpyVersion(np.__version__) < OLDEST_NUMPY:
        raise UnsupportedOperation(
            f"NumPy {np.__version__} lacks functions of the Array API standard", hint=f"it takes NumPy {OLDEST_NUMPY}"
        )
    if api_version is not None and api_version not in table.VERSIONS:
        raise UsageError(f"version {api_version!r} of the Array API is not one of {', '.join(table.VERSIONS)}")
