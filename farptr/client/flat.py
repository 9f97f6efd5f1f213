"""Two attributes of ndarrays that are objects of their own: ``flat`` and ``flags``."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from farptr.client.pointer import Pointer


class Flat:
    """``p.flat``: the data as if it had one dimension. What it gives are pointers; nothing is fetched."""

    __slots__ = ("_pointer",)

    def __init__(self, pointer: Any) -> None:
        self._pointer = pointer

    @property
    def base(self) -> Pointer:
        """The pointer that it is of."""
        return self._pointer  # type: ignore[no-any-return]

    def copy(self) -> Pointer:
        """A pointer to a copy with one dimension."""
        return self._pointer.flatten()  # type: ignore[no-any-return]

    def __getitem__(self, index: Any) -> Pointer:
        return self._pointer._run(".flat[]", (self._pointer, index))  # type: ignore[no-any-return]

    def __setitem__(self, index: Any, value: Any) -> None:
        self._pointer._alter("=.flat[]", self._pointer, index, value)

    def __len__(self) -> int:
        return self._pointer.size  # type: ignore[no-any-return]

    def __iter__(self) -> Iterator[Pointer]:
        return (self[i] for i in range(len(self)))

    def __repr__(self) -> str:
        return f"<flat of {self._pointer!r}>"


@dataclass(frozen=True)
class Flags:
    """``p.flags``: as ``ndarray.flags``, of the array at its worker when it was asked. It cannot be written to."""

    c_contiguous: bool
    f_contiguous: bool
    owndata: bool
    writeable: bool
    aligned: bool
    writebackifcopy: bool

    @property
    def contiguous(self) -> bool:
        """The same as ``c_contiguous``."""
        return self.c_contiguous

    @property
    def fortran(self) -> bool:
        """In Fortran's order, and not in C's too."""
        return self.f_contiguous and not self.c_contiguous

    fnc = fortran

    @property
    def forc(self) -> bool:
        """In one of the two orders."""
        return self.f_contiguous or self.c_contiguous

    @property
    def behaved(self) -> bool:
        """Aligned and writeable."""
        return self.aligned and self.writeable

    def __getitem__(self, name: str) -> bool:
        """By NumPy's names in capitals, or their initials: ``p.flags["C_CONTIGUOUS"]``, ``p.flags["C"]``."""
        whole = _INITIALS.get(name, name).lower()
        if whole not in self.__dataclass_fields__ and whole not in ("contiguous", "fortran", "fnc", "forc", "behaved"):
            raise KeyError(name)
        return bool(getattr(self, whole))


_INITIALS = {
    "C": "c_contiguous", "F": "f_contiguous", "O": "owndata", "W": "writeable", "A": "aligned",
    "X": "writebackifcopy",
}  # fmt: skip
