"""Texts beside the data: tags and descriptions, names, search terms, source. How long they may be.

Laws
    What is said about one object has at most MAX_ABOUT_BYTES: a batch of such objects fits a body.
    Texts of a command have at most MAX_TEXT_BYTES: it fits a body with the commands before it.
"""

from __future__ import annotations

from collections.abc import Iterable

from farptr.protocol.body import MAX_BODY_BYTES
from farptr.protocol.errors import MessageTooLarge

MAX_ABOUT_BYTES = 32 * 1024
MAX_TEXT_BYTES = MAX_BODY_BYTES // 2
_BYTES_AT_MOST = 4
"""Of one character."""


def text_bytes(texts: Iterable[str]) -> int:
    """Bytes that texts take in a body."""
    return sum([len(text.encode("utf-8", "surrogatepass")) for text in texts])


def check_about(tags: Iterable[str], description: str) -> None:
    """Raise MessageTooLarge when an object's tags and description are too long."""
    _check((*tags, description), MAX_ABOUT_BYTES, "tags and description", "what is long can be an array of its own")


def fitting(what: str, *texts: str) -> tuple[str, ...]:
    """The texts themselves; raises MessageTooLarge when they are too long for one command."""
    _check(texts, MAX_TEXT_BYTES, what, "what is long can travel as an array, or in parts")
    return texts


def _check(texts: tuple[str, ...], limit: int, what: str, hint: str) -> None:
    if _BYTES_AT_MOST * sum(map(len, texts)) > limit and (size := text_bytes(texts)) > limit:
        raise MessageTooLarge(f"{what} of {size} bytes: over the limit of {limit}", hint=hint, size=size, limit=limit)
