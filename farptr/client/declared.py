"""What type checkers and ``help`` are told of a pointer's methods, which are made from tables."""

from __future__ import annotations

from farptr.client.calling import Operand


class Declared(Operand):
    """The root of ``NumpyFace``, for type checkers."""

    __slots__ = ()
