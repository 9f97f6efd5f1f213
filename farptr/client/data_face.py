"""What a pointer tells of its data: shape, dtype and such by asking; values only by name.

One element may be asked for as a number (``float(p)``), because its caller needs it. What would move more without a
word is refused.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NoReturn

from farptr.client import implicit
from farptr.client.flat import Flags, Flat
from farptr.protocol.errors import UnsupportedOperation
from farptr.protocol.numpy_refusals import ATTRIBUTES, Reason
from farptr.protocol.operations import ROWS

if TYPE_CHECKING:
    import numpy as np

    from farptr.client.graph import Node
    from farptr.client.pointer import Pointer
    from farptr.client.session import Session


class NoAttribute(UnsupportedOperation, AttributeError):
    """An attribute that ndarrays have and pointers do not; ``hasattr`` is False for it."""


class DataFace:
    """The questions of a pointer; ``Pointer`` adds the handle."""

    __slots__ = ()

    if TYPE_CHECKING:
        _session: Session

        def use(self) -> Node:
            """The node, for a command."""

        def __getitem__(self, key: Any) -> Any: ...
        def _alter(self, operation: str, /, *args: Any, **kwargs: Any) -> None: ...

    # ------------------------------------------------------------ questions about the data

    def _ask(self, question: str) -> Any:
        session = self._session
        with session.command() as core:
            node = self.use()
            key = core.ask(node, question)
        found = session.wait(key, doing=lambda: f"for the {question} of {self!r}")
        if node.fault:
            session.raise_fault(node)
        return found

    @property
    def shape(self) -> tuple[int, ...]:
        """The data's shape, through any depth."""
        return self._ask("shape")  # type: ignore[no-any-return]

    @property
    def dtype(self) -> np.dtype[Any]:
        """The data's dtype."""
        import numpy as np

        return np.dtype(str(self._ask("dtype")))

    @property
    def ndim(self) -> int:
        """The data's number of dimensions."""
        return self._ask("ndim")  # type: ignore[no-any-return]

    @property
    def size(self) -> int:
        """The data's number of elements."""
        return self._ask("size")  # type: ignore[no-any-return]

    @property
    def nbytes(self) -> int:
        """Bytes of the data."""
        return self._ask("nbytes")  # type: ignore[no-any-return]

    @property
    def itemsize(self) -> int:
        """Bytes of one element."""
        return self._ask("itemsize")  # type: ignore[no-any-return]

    @property
    def strides(self) -> tuple[int, ...]:
        """Byte steps of the data."""
        return self._ask("strides")  # type: ignore[no-any-return]

    @property
    def flags(self) -> Flags:
        """How the data lies in its worker's memory."""
        return Flags(*self._ask("flags"))

    @property
    def flat(self) -> Flat:
        """The data as if it had one dimension: items, assignment and iteration by pointers."""
        return Flat(self)

    @flat.setter
    def flat(self, value: Any) -> None:
        self._alter("=.flat=", self, value)

    def __len__(self) -> int:
        return self._ask("len")  # type: ignore[no-any-return]

    def __iter__(self) -> Iterator[Pointer]:
        return (self[i] for i in range(self._ask(ROWS)))

    def _value(self, question: str = "item") -> Any:
        """The one element, as a Python value: this one moves, because its caller needs it."""
        found = self._ask(question)
        return complex(*found[1:]) if isinstance(found, tuple) else found

    def __bool__(self) -> bool:
        return bool(self._value())

    def __int__(self) -> int:
        return int(self._value())

    def __float__(self) -> float:
        return float(self._value())

    def __complex__(self) -> complex:
        return complex(self._value())

    def __index__(self) -> int:
        return int(self._value("index"))

    def __contains__(self, item: Any) -> bool:
        return bool((self == item).any())

    # ------------------------------------------------------------ what moves data, where ``implicit_fetch`` allows it

    def item(self, *index: Any) -> Any:
        """Refused: it would move data without a word. ``get()`` asks; ``float(p)`` gives one element."""
        hint = ".get() fetches; float(p) gives one element"
        return implicit.fetch(self, "item()", hint=hint).item(*index)  # type: ignore[arg-type]

    def tolist(self) -> Any:
        """Refused, but for ``implicit_fetch``; ``p.get().tolist()``."""
        return implicit.fetch(self, "tolist()", hint="p.get().tolist()").tolist()  # type: ignore[arg-type]

    def tobytes(self, order: Any = "C") -> bytes:
        """Refused, but for ``implicit_fetch``; ``p.get().tobytes()``."""
        return implicit.fetch(self, "tobytes()", hint="p.get().tobytes()").tobytes(order)  # type: ignore[arg-type]

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray[Any, Any]:
        array = implicit.fetch(self, "making an array of it")  # type: ignore[arg-type]
        if copy is False:
            raise ValueError("the data of a pointer is in another process: there is none without a copy")
        return array if dtype is None else array.astype(dtype, copy=False)

    def __dir__(self) -> list[str]:
        return [name for name in object.__dir__(self) if name not in ATTRIBUTES]


class _Refused:
    """An attribute that is not there, and says why. (``__getattr__`` would make each look at a pointer slower.)"""

    def __init__(self, name: str, reason: Reason) -> None:
        self._error = (f"{name} of a pointer {reason.why}", reason.hint)

    def __get__(self, instance: Any, owner: Any) -> NoReturn:
        message, hint = self._error
        raise NoAttribute(message, hint=hint)


for _name, _reason in ATTRIBUTES.items():
    if not _name.startswith("_"):
        setattr(DataFace, _name, _Refused(_name, _reason))
