"""What a client may do to a worker: rights, and who has them.

    names   see what is there: listings, and which data the worker has
    use     be given pointers to what others have there, by name or search, and use them; take names and objects away
    fetch   have the worker's own data leave it as it is: get(), move(), remote_get(), one element of it
    run     run functions there, where the worker runs any

What a client has made there it uses with or without rights. What others have made it touches with ``use`` only: names
of objects are no secrets, so a worker cannot tell a pointer that was given from one that was written.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from farptr.protocol.errors import UsageError
from farptr.protocol.names import did_you_mean

NAMES, USE, FETCH, RUN = RIGHTS = ("names", "use", "fetch", "run")
ALL = frozenset(RIGHTS)
NOTHING: frozenset[str] = frozenset()

Allow = str | Iterable[str]
"""What callers say: ``"me,bob:names+use"``, or the parts of that; a client without rights of its own has all."""
Allowed = Mapping[str, frozenset[str]]
"""Rights by client."""


def allowed_text(allow: Allow | None) -> str | None:
    """What a caller said, as it travels; None for everybody. Raises UsageError."""
    if allow is None:
        return None
    text = allow if isinstance(allow, str) else ",".join(allow)
    allowed_of(text)
    return text


def allowed_of(text: str) -> Allowed:
    """The rights that a text gives; raises UsageError. An empty text gives nobody any."""
    found: dict[str, frozenset[str]] = {}
    for part in filter(None, (part.strip() for part in text.split(","))):
        client, colon, rights = part.partition(":")
        if not client or client in found:
            raise UsageError(f"{part!r} in {text!r} names no client, or one that is there already", hint=_HINT)
        found[client] = frozenset(map(_right, rights.split("+"))) if colon else ALL
    return found


def _right(word: str) -> str:
    if word not in RIGHTS:
        raise UsageError(f"there is no right {word!r}", hint=did_you_mean(word, RIGHTS))
    return word


_HINT = "as in me,bob:names+use"
