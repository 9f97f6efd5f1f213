"""What a listing shows of a worker's store: descriptions, which own nothing."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np


class StoredPointer(NamedTuple):
    """A pointer in a worker's store, as a listing shows it: it owns nothing here."""

    owner: str
    id: int
    location: str
    id_at_location: int

    def __repr__(self) -> str:
        return f"(Wrapper)>[PointerTensor | {self.owner}:{self.id} -> {self.location}:{self.id_at_location}]"


class StoredError(NamedTuple):
    """The outcome of a command that failed, as a listing shows it."""

    kind: str
    message: str

    def __repr__(self) -> str:
        return f"<failed: {self.kind} {self.message}>"


class StoredArray(NamedTuple):
    """A large array in a worker's store: NumPy's abbreviated text of it, not its data."""

    text: str
    shape: tuple[int, ...]
    dtype: str

    def __repr__(self) -> str:
        return f"tensor({self.text}, shape={self.shape}, dtype={np.dtype(self.dtype).name})"


class StoredValue(NamedTuple):
    """A value that is no array in a worker's store: its type, and the beginning of its text."""

    kind: str
    text: str

    def __repr__(self) -> str:
        return self.text


class OwnData(NamedTuple):
    """Data that a worker loaded itself: its name, shape and dtype, never its values."""

    name: str
    shape: tuple[int, ...]
    dtype: str

    def __repr__(self) -> str:
        return f"<own data {self.name!r} shape={self.shape} dtype={np.dtype(self.dtype).name}>"
