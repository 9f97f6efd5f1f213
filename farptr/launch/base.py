"""The runtime directory that holds every run of one user, and who may be trusted with it."""

from __future__ import annotations

import os
import stat
import tempfile
import warnings
from pathlib import Path

from farptr.protocol.errors import RuntimeDirectory

VARIABLE = "FARPTR_RUNTIME_DIR"
_PRIVATE_MODE = 0o700
_OWN = f"set {VARIABLE} to a directory of your own"
"""Nobody is told to remove what is there, or to lock others out of it: it may be /etc, by mistake."""


def make_base(given: str | Path | None = None) -> Path:
    """The base directory, made if it is not there: ``given``, else $FARPTR_RUNTIME_DIR, else the user's own.

    Raises RuntimeDirectory when it cannot be made or is not private to this user.
    """
    path = _chosen(given)
    if path is not None:
        _make(path)
        return check_private(path)
    own, fallback = _defaults()
    try:
        if not _parent_is_safe(own):
            raise RuntimeDirectory(f"{own.parent} is writable by other users")
        _make(own)
    except RuntimeDirectory:
        own = fallback
        _make(own)
    return check_private(own)


def existing_bases(given: str | Path | None = None) -> list[Path]:
    """The base directories to look for runs in; makes nothing.

    Raises RuntimeDirectory when the chosen directory (argument or environment) is not private to this user.
    """
    path = _chosen(given)
    if path is not None:
        return [check_private(path)] if path.is_dir() or path.is_symlink() else []
    return [path for path in _defaults() if _parent_is_safe(path) and _is_private(path)]


def check_private(path: Path) -> Path:
    """The path itself, when it is a directory of this user with mode 0700; raises RuntimeDirectory otherwise."""
    try:
        found = path.lstat()
    except OSError as error:
        raise RuntimeDirectory(f"{path}: {error.strerror}", hint=f"set {VARIABLE} to another path") from error
    if not stat.S_ISDIR(found.st_mode):
        kind = "a symbolic link" if stat.S_ISLNK(found.st_mode) else "no directory"
        raise RuntimeDirectory(f"{path} is {kind}", hint=_OWN)
    if found.st_uid != os.geteuid():
        message = f"{path} belongs to user {found.st_uid}, not to {os.geteuid()}"
        raise RuntimeDirectory(message, hint=_OWN)
    mode = stat.S_IMODE(found.st_mode)
    if mode != _PRIVATE_MODE:
        others = mode & stat.S_ISVTX or path.parent == path.parent.parent  # /tmp, /etc: nothing of ours alone
        raise RuntimeDirectory(f"{path} has mode {mode:04o}, not 0700", hint=_OWN if others else f"chmod 700 {path}")
    return path


def _chosen(given: str | Path | None) -> Path | None:
    text = given or os.environ.get(VARIABLE)
    return Path(text).expanduser().absolute() if text else None


def _defaults() -> tuple[Path, Path]:
    """The user's runtime directory, and where to go when that cannot be made."""
    import platformdirs  # late: the supervisor is always told its base, and starts faster without

    with warnings.catch_warnings():
        # It warns when XDG_RUNTIME_DIR is unset and falls back to the temporary directory; so would we.
        warnings.simplefilter("ignore")
        own = Path(platformdirs.user_runtime_dir("farptr"))
    return own, Path(tempfile.gettempdir()) / f"farptr-{os.geteuid()}"


def _make(path: Path) -> None:
    try:
        missing = [folder for folder in (path, *path.parents) if not os.path.lexists(folder)]
        for folder in reversed(missing):
            folder.mkdir(mode=_PRIVATE_MODE, exist_ok=True)
    except OSError as error:
        message = f"cannot make {path}: {error.strerror}"
        raise RuntimeDirectory(message, hint=f"set {VARIABLE} to a directory that you may write") from error


def _is_private(path: Path) -> bool:
    try:
        check_private(path)
    except RuntimeDirectory:
        return False
    return True


def _parent_is_safe(path: Path) -> bool:
    """Whether nobody else can swap ``path`` for another: /tmp/runtime-1000 may have been made by a stranger."""
    parent = next(folder for folder in path.parents if folder.is_dir())
    found = parent.stat()
    shared = found.st_mode & (stat.S_IWGRP | stat.S_IWOTH) and not found.st_mode & stat.S_ISVTX
    return found.st_uid in (0, os.geteuid()) and not shared
