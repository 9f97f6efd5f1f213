"""What makes a pointer an array of the Array API standard: its namespace and its device (``farptr.xp``)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from farptr.client.pointer import Pointer
    from farptr.xp.devices import Device
    from farptr.xp.namespace import Namespace

CPU_DEVICE = (1, 0)
"""DLPack's words for main memory."""


class StandardFace:
    """The standard's attributes that ndarrays have no like of; ``Pointer`` inherits them."""

    __slots__ = ()

    if TYPE_CHECKING:

        def __array__(self) -> Any: ...

    def __array_namespace__(self, *, api_version: str | None = None) -> Namespace:
        """The functions of the Array API standard, which make arrays where this pointer's data is.

        Raises UsageError for a version that is not followed, UnsupportedOperation where NumPy is older than 2.1.
        """
        from farptr.xp.devices import device_of
        from farptr.xp.namespace import Namespace, check_version

        check_version(api_version)
        return Namespace(device_of(self))  # type: ignore[arg-type]

    @property
    def device(self) -> Device:
        """The worker that has the data, at the far end of a chain; equal to that ``Worker``.

        Asks only where a pointer that somebody else made stands on the way.
        """
        from farptr.xp.devices import device_of

        return device_of(self)  # type: ignore[arg-type]

    def to_device(self, device: Any, /, *, stream: Any = None) -> Pointer:
        """A pointer to a copy of the data on that worker (a ``Worker``, a device or a name); itself if it is there.

        The values go from worker to worker, and this pointer stays as it is. Of a chain the way to the data is asked
        for, hop by hop. Raises UnknownWorker, UsageError for a worker of another run, or with a ``stream``.
        """
        from farptr.xp.devices import to_device

        return to_device(self, device, stream)  # type: ignore[arg-type]

    def __dlpack__(
        self, /, *, stream: Any = None, max_version: Any = None, dl_device: Any = None, copy: bool | None = None
    ) -> Any:
        array = self.__array__()  # refuses, where fetching was not allowed
        return array.__dlpack__(stream=stream, max_version=max_version, dl_device=dl_device, copy=copy)

    def __dlpack_device__(self) -> tuple[int, int]:
        return CPU_DEVICE  # that of its worker
