"""Key files: JSON, mode 0600 from their first byte on, refused when anybody else can read them."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import stat
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from farptr.protocol.errors import UnusableKey

VARIABLE = "FARPTR_KEY"
"""The key file of this process, where none is named."""
CLIENT, WORKER, BROKER = "client", "worker", "broker"
_ROLES = (CLIENT, WORKER, BROKER)
_TEXT = 40
"""Characters of a CURVE key (32 bytes, Z85)."""
_MAX_BYTES = 4096


@dataclass(frozen=True)
class Key:
    """What one party proves who it is by. Its ``repr`` shows no secret."""

    name: str
    role: str
    public: str
    secret: str = field(repr=False)
    server: str
    """The public key of the broker that it talks to, and to no other; the broker's own in its own file."""


def new_key(name: str, role: str, server: str = "") -> Key:
    """A key that nobody else has."""
    import zmq  # late: listing keys needs none of it

    public, secret = (text.decode("ascii") for text in zmq.curve_keypair())
    return Key(name, role, public, secret, server or public)


def load(path: str | os.PathLike[str] | None) -> Key:
    """The key in a file, or in that of the variable FARPTR_KEY.

    Raises UnusableKey: there is none, it is no key, or others can read or change it.
    """
    named = path or os.environ.get(VARIABLE)
    if not named:
        raise UnusableKey(
            "a run on another machine is joined with a key, and none was given",
            hint=f"key='julie.key', --key julie.key, or the variable {VARIABLE}; `farptr keys new julie` makes one",
        )
    file = Path(named).expanduser()
    return _parsed(read_private(file), file)


def read_private(file: Path) -> dict[str, Any]:
    """The object in a JSON file that is this user's alone; raises UnusableKey."""
    try:
        fd = os.open(file, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError as error:
        hint = "`farptr keys new NAME` makes one, on the broker's machine"
        raise UnusableKey(f"{file}: {error.strerror}", hint=hint) from None
    try:
        _check_private(os.fstat(fd), file)
        raw = os.read(fd, _MAX_BYTES + 1)
    finally:
        os.close(fd)
    with contextlib.suppress(ValueError):
        found = json.loads(raw)
        if isinstance(found, dict) and len(raw) <= _MAX_BYTES:
            return found
    raise UnusableKey(f"{file} is no key file", hint="`farptr keys new NAME` makes one")


def write_private(file: Path, fields: dict[str, Any], *, replace: bool = False) -> None:
    """Write such a file, whole or not at all; raises UnusableKey where one is already, unless it is to be replaced."""
    fresh = file.with_name(f".{file.name}.{secrets.token_hex(4)}")
    try:
        fd = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        try:
            with os.fdopen(fd, "w", encoding="ascii") as opened:
                opened.write(json.dumps(fields, indent=1) + "\n")
            if replace:
                fresh.replace(file)
            else:
                os.link(fresh, file)  # fails where a file is, as a rename would not
        finally:
            fresh.unlink(missing_ok=True)
    except FileExistsError:
        raise UnusableKey(f"{file} is there already", hint="name another file, or remove this one") from None
    except OSError as error:
        raise UnusableKey(f"{file}: {error.strerror}", hint="name a file in a directory that you may write") from None


def to_fields(key: Key) -> dict[str, Any]:
    """As it stands in a file."""
    return asdict(key)


def _parsed(fields: dict[str, Any], file: Path) -> Key:
    texts = {name: fields.get(name) for name in ("name", "role", "public", "secret", "server")}
    if all(isinstance(text, str) for text in texts.values()) and texts["role"] in _ROLES:
        key = Key(**texts)  # type: ignore[arg-type]
        if all(is_key(text) for text in (key.public, key.secret, key.server)):
            return key
    raise UnusableKey(f"{file} is no key file", hint="`farptr keys new NAME` makes one")


def is_key(text: object) -> bool:
    """Whether it can be a CURVE key."""
    from zmq.utils import z85

    if not isinstance(text, str) or len(text) != _TEXT or not text.isascii():
        return False
    try:
        return len(z85.decode(text.encode())) == _TEXT * 4 // 5
    except (ValueError, KeyError, OverflowError):
        return False


def _check_private(found: os.stat_result, file: Path) -> None:
    if not stat.S_ISREG(found.st_mode):
        raise UnusableKey(f"{file} is no regular file", hint="a key is a file that `farptr keys new NAME` wrote")
    if found.st_uid not in (os.geteuid(), 0):
        raise UnusableKey(f"{file} belongs to user {found.st_uid}", hint="take a copy of your own: install -m 600")
    if found.st_mode & 0o077:
        mode = stat.S_IMODE(found.st_mode)
        raise UnusableKey(f"{file} has mode {mode:04o}: others can read or change it", hint=f"chmod 600 {file}")
