"""PySyft's errors under their old names: classes of farptr's tree, or of their own below it."""

from __future__ import annotations

from farptr.protocol.errors import (
    ImplicitFetch,
    InvalidRemoteGet,
    NotAllowed,
    NotCollocated,
    ObjectGone,
    UnknownWorker,
    UnsupportedOperation,
    UsageError,
)

TensorsNotCollocatedException = NotCollocated
ObjectNotFoundError = ObjectGone
InvalidTensorForRemoteGet = InvalidRemoteGet
WorkerNotFoundException = UnknownWorker
GetNotPermittedError = SendNotPermittedError = NotAllowed


class PureFrameworkTensorFoundError(UsageError, RuntimeError):
    """A local tensor stands beside a pointer: one of them has to go to where the other is.

    No TypeError: Python's operators would take that for "try the other operand".
    """


class RemoteObjectFoundError(PureFrameworkTensorFoundError):
    """The same, where the local tensor comes first."""


class CannotRequestObjectAttribute(UnsupportedOperation):
    """``get()`` and its like on a pointer to an attribute: ``p.grad.clone().get()`` fetches."""


class NotBuilt(UnsupportedOperation, AttributeError):
    """What PySyft 0.2 had and this has not: encrypted numbers, plans, protocols, the grid."""


__all__ = [
    "CannotRequestObjectAttribute",
    "GetNotPermittedError",
    "ImplicitFetch",
    "InvalidTensorForRemoteGet",
    "NotBuilt",
    "ObjectNotFoundError",
    "PureFrameworkTensorFoundError",
    "RemoteObjectFoundError",
    "SendNotPermittedError",
    "TensorsNotCollocatedException",
    "WorkerNotFoundException",
]
