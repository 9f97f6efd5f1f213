"""The ring: a directory with the broker's own key, and the names that have keys.

    DIRECTORY/broker.key          the broker's key
    DIRECTORY/allowed/NAME.json   the public key of a party; who has no such file is not let in
    DIRECTORY/NAME.key            the key of that party, to be carried to where it runs

Laws
    1. One name, one key, one role. A key is for one name.
    2. A broker reads ``allowed`` whenever it has to know: what was made or revoked counts from then on.
    3. Files are written whole, or not at all. What cannot be read lets nobody in.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from farptr.keys.files import (
    BROKER,
    WORKER,
    Key,
    is_key,
    load,
    new_key,
    read_private,
    to_fields,
    write_private,
)
from farptr.protocol.errors import BadName, UnusableKey
from farptr.protocol.names import check_name, did_you_mean

VARIABLE = "FARPTR_KEYS"
"""The directory of the ring, where none is named."""


class Holder(NamedTuple):
    """Who has a key."""

    name: str
    role: str
    public: str
    made: str = ""
    """When, in UTC."""


class Ring:
    """The keys of one directory: ``given``, else $FARPTR_KEYS, else the user's own. Making one touches nothing."""

    def __init__(self, given: str | os.PathLike[str] | None = None) -> None:
        named = given or os.environ.get(VARIABLE)
        self.path = Path(named).expanduser().absolute() if named else _own()
        self._allowed = self.path / "allowed"

    # ------------------------------------------------------------ changing

    def new(
        self, name: str, role: str = WORKER, *, file: str | os.PathLike[str] | None = None, replace: bool = False
    ) -> Path:
        """Make a key for a name and let it in; the file that holds it.

        ``replace``: a name that has a key gets another one, and the old one is refused from then on.
        Raises BadName: it is illegal, or has a key; UnusableKey: a file or directory will not do.
        """
        check_name(name)
        self._make()
        allowed = self._allowed / f"{name}.json"
        if allowed.exists() and not replace:
            raise BadName(f"{name} has a key already", hint=f"`farptr keys new {name} --replace` makes another one")
        key = new_key(name, role, self.server().public)
        target = self.path / f"{name}.key" if file is None else Path(file).expanduser().absolute()
        write_private(target, to_fields(key), replace=replace or file is None)
        made = datetime.now(UTC).isoformat(timespec="seconds")
        entry = {"name": name, "role": role, "public": key.public, "made": made}
        write_private(allowed, entry, replace=replace)
        return target

    def revoke(self, name: str) -> None:
        """Let a name in no more, from now on; its file in this directory goes too. Raises BadName: it has no key."""
        check_name(name)
        try:
            (self._allowed / f"{name}.json").unlink()
        except OSError:
            known = [holder.name for holder in self.holders()]
            hint = did_you_mean(name, known) if known else "nobody has one"
            raise BadName(f"{name} has no key", hint=hint) from None
        (self.path / f"{name}.key").unlink(missing_ok=True)

    def server(self) -> Key:
        """The broker's key, made when there is none; raises UnusableKey."""
        self._make()
        file = self.path / "broker.key"
        if not file.exists():
            try:
                write_private(file, to_fields(new_key(BROKER, BROKER)))
            except UnusableKey:
                if not file.exists():  # else somebody made one at the same time
                    raise
        return load(file)

    # ------------------------------------------------------------ asking

    def holders(self) -> Iterator[Holder]:
        """Who is let in, by name; files that will not do are nobody's."""
        names = sorted(file.name for file in self._allowed.glob("*.json")) if self._is_private() else []
        for name in names:
            holder = self.holder(name.removesuffix(".json"))
            if holder is not None:
                yield holder

    def holder(self, name: str) -> Holder | None:
        """Who has that name now; None for nobody."""
        file = self._allowed / f"{name}.json"
        try:
            fields = read_private(file)
            holder = Holder(name, str(fields["role"]), str(fields["public"]), str(fields.get("made", "")))
        except (UnusableKey, KeyError):
            return None
        return holder if fields.get("name") == name and is_key(holder.public) else None

    def holder_of(self, public: str) -> Holder | None:
        """Who has that key now; None for nobody."""
        return next((holder for holder in self.holders() if holder.public == public), None)

    def check_ready(self) -> None:
        """Raise UnusableKey when a broker with this ring could let nobody in."""
        if next(self.holders(), None) is None:
            raise UnusableKey(
                f"nobody has a key in {self.path}, so nobody could join over the network",
                hint="`farptr keys new julie` makes one",
            )
        self.server()

    def _is_private(self) -> bool:
        try:
            return all(map(_check, (self.path, self._allowed)))
        except UnusableKey:
            return False

    def _make(self) -> None:
        for folder in (self.path, self._allowed):
            try:
                folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            except OSError as error:
                raise UnusableKey(f"{folder}: {error.strerror}", hint=f"set {VARIABLE} to another directory") from None
            _check(folder)


def _check(folder: Path) -> bool:
    try:
        found = folder.lstat()
    except OSError as error:
        raise UnusableKey(f"{folder}: {error.strerror}", hint="`farptr keys new NAME` makes it") from None
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid():
        raise UnusableKey(f"{folder} is no directory of yours", hint=f"set {VARIABLE} to another one")
    if found.st_mode & 0o077:
        mode = stat.S_IMODE(found.st_mode)
        raise UnusableKey(f"{folder} has mode {mode:04o}: others can enter it", hint=f"chmod 700 {folder}")
    return True


def _own() -> Path:
    import platformdirs  # late: a broker is told its directory

    return Path(platformdirs.user_config_dir("farptr")) / "keys"
