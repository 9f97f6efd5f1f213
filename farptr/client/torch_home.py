"""Local tensors of torch: the ids under which they were sent or fetched, their tags and descriptions.

Laws
    Nothing is written on a tensor: a copy of one is another one, with an id of its own. This module imports torch, and
    is imported when the first tensor of torch is met.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from torch.utils.weak import WeakTensorKeyDictionary

from farptr.protocol import torch_bytes

if TYPE_CHECKING:
    from farptr.client.session import Session
    from farptr.protocol.marked import Marked

About = tuple[tuple[str, ...], str]
NOTHING: About = ((), "")


class Home(NamedTuple):
    """An id, and the session (``Session.token``) in which it means something."""

    token: object
    id: int


_homes: Any = WeakTensorKeyDictionary()
_about: Any = WeakTensorKeyDictionary()


def id_of(tensor: Any) -> int | None:
    """The id under which it was last sent or fetched, None before that."""
    home = _homes.get(tensor)
    return home.id if home else None


def home_of(tensor: Any, session: Session) -> tuple[int, bool]:
    """(id, fresh): the tensor's id in this session, and whether it was drawn just now."""
    home = _homes.get(tensor)
    if home is not None and home.token is session.token:
        return home.id, False
    id = session.core.ids.next()
    _homes[tensor] = Home(session.token, id)
    return id, True


def about_of(tensor: Any) -> About:
    """Its tags and its description."""
    return _about.get(tensor, NOTHING)  # type: ignore[no-any-return]


def tell_about(tensor: Any, tags: tuple[str, ...], description: str) -> None:
    """Remember tags and description."""
    _about[tensor] = (tags, description)


def remember(tensor: Any, session: Session, id: int, about: Any = None) -> None:
    """It was fetched from that id (0: it has none here)."""
    if id:
        _homes[tensor] = Home(session.token, id)
    if about:
        _about[tensor] = (tuple(about[0]), about[1])


def arrived(value: Marked, session: Session, id: int, about: Any = None) -> Any:
    """A fetched tensor under the id that it had, with its tags and description."""
    tensor = torch_bytes.tensor_of(value)
    remember(tensor, session, id, about)
    return tensor
