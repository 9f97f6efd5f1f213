"""One directory for each run: its socket, its logs, its description, and a lock that says whether it lives.

    <base>/<name>/s          the broker's socket
    <base>/<name>/c          the supervisor's socket, see ``requests``
    <base>/<name>/run.json   who runs, see RunInfo; there once every worker has joined
    <base>/<name>/logs/      a file for each process
    <base>/<name>.lock       held by the supervisor and the broker for as long as one of them lives

A directory whose lock is free is a dead run's, whatever it contains.
"""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import shutil
import sys
from pathlib import Path

from farptr.launch import locks
from farptr.launch.base import VARIABLE, check_private, existing_bases, make_base
from farptr.launch.spec import RunInfo, decode, encode
from farptr.protocol.errors import BadName, NoRun, RunExists, RuntimeDirectory
from farptr.protocol.names import check_name, did_you_mean

__all__ = ["RunDir", "RunInfo", "claim", "clear", "find", "is_live", "list_runs"]

# sun_path has 108 bytes (104 on BSD and macOS), the last of them for a NUL.
SOCKET_PATH_LIMIT_BYTES = 107 if sys.platform.startswith("linux") else 103
_PRIVATE = re.compile(r"p-[0-9]+-[0-9a-f]{8}")


class RunDir:
    """The directory of a run that this process holds the lock of; made by ``claim``."""

    def __init__(self, base: Path, name: str, lock_fd: int) -> None:
        self.name = name
        self.base = base
        self.path = base / name
        self.address = f"ipc://{_socket_path(base, name)}"
        self.lock_fd = lock_fd

    def log_path(self, name: str) -> Path:
        """The log file of the process called ``name``."""
        return self.path / "logs" / f"{name}.log"

    def publish(self, info: RunInfo) -> None:
        """Write ``run.json`` so that a reader sees the old one or the new one, never a part."""
        fresh = self.path / ".run.json"
        fd = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        with os.fdopen(fd, "wb") as file:
            file.write(encode(info.to_json()))
        fresh.replace(self.path / "run.json")

    def remove(self) -> None:
        """Remove the directory and the lock file, then let go of the lock. Again does nothing.

        For the supervisor when its children are gone, or for the broker when the supervisor is. A broker closes its
        socket first (or never): libzmq unlinks the path, which may be another run's by then.
        """
        if self.lock_fd < 0:
            return
        if locks.is_at(self.lock_fd, self.base / f"{self.name}.lock"):
            shutil.rmtree(self.path, ignore_errors=True)
        locks.discard(self.lock_fd, self.base / f"{self.name}.lock")
        self.lock_fd = -1


def claim(name: str | None, *, base: str | Path | None = None) -> RunDir:
    """A fresh directory for a run, locked; sweeps what dead private runs have left.

    Args:
        name: the run's name, or None for a private one.
        base: the base directory; None for $FARPTR_RUNTIME_DIR or this user's own.

    Raises RunExists while a run of that name lives, BadName, and RuntimeDirectory.
    """
    if name is not None and _PRIVATE.fullmatch(check_name(name, "run")):
        raise BadName(f"{name!r} is a name for private runs", hint="take another one")
    folder = make_base(base)
    _sweep(folder)
    chosen = name or f"p-{os.getpid()}-{secrets.token_hex(4)}"
    _socket_path(folder, chosen)  # before anything is made
    fd = locks.acquire(folder / f"{chosen}.lock")
    if fd is None:
        hint = f"`farptr down -c {chosen}` ends it, `fp.connect({chosen!r})` joins it"
        raise RunExists(f"a run called {chosen!r} is up", hint=hint)
    try:
        _make_fresh(folder / chosen)
        return RunDir(folder, chosen, fd)
    except BaseException:
        locks.discard(fd, folder / f"{chosen}.lock")
        raise


def find(name: str, *, base: str | Path | None = None) -> RunInfo:
    """The run of that name, if it lives and has started; raises NoRun otherwise, BadName, RuntimeDirectory."""
    if isinstance(name, str) and "://" in name:
        raise BadName(
            f"{name!r} is an address, and this takes the name of a run on this machine",
            hint="objects, gc, link, shell, worker and fp.connect() take addresses; `farptr ps` lists the names",
        )
    check_name(name, "run")
    for folder in existing_bases(base):
        if locks.is_held(folder / f"{name}.lock"):
            info = _read(folder / name)
            if info is None:
                raise NoRun(f"run {name!r} is only starting or ending", hint="try again in a moment")
            return info
    others = [info.name for info in list_runs(base=base) if not _PRIVATE.fullmatch(info.name)]
    hint = did_you_mean(name, others) if others else "`farptr up julie toby` starts one"
    raise NoRun(f"no run called {name!r}", hint=hint)


def list_runs(*, base: str | Path | None = None) -> list[RunInfo]:
    """Every run of this user that lives and has started, private ones included, sorted by name."""
    runs: list[RunInfo] = []
    for folder in existing_bases(base):
        for lock in folder.glob("*.lock"):
            info = _read(folder / lock.stem) if locks.is_held(lock) else None
            runs += [info] if info else []
    return sorted(runs, key=lambda info: info.name)


def is_live(info: RunInfo) -> bool:
    """Whether some process still holds the lock of that run (or of one that took its name since)."""
    return locks.is_held(info.directory.with_name(f"{info.directory.name}.lock"))


def clear(directory: Path, *, patience_s: float = 0.0) -> bool:
    """Remove the directory and lock file of a dead run; False, and nothing done, when it lives.

    A process that was killed holds its lock until its last thread is gone, a moment after it looks dead.
    """
    lock = directory.with_name(f"{directory.name}.lock")
    if not (directory.exists() or lock.exists()):
        return True
    fd = locks.acquire(lock, patience_s=patience_s)
    if fd is None:
        return False
    RunDir(directory.parent, directory.name, fd).remove()
    return True


def _sweep(base: Path) -> None:
    names = {entry.name.removesuffix(".lock") for entry in base.iterdir()}
    for name in names:
        if _PRIVATE.fullmatch(name):
            with contextlib.suppress(OSError):  # somebody else sweeps too
                clear(base / name)


def _make_fresh(path: Path) -> None:
    try:
        if os.path.lexists(path):  # stale: we hold its lock
            check_private(path)
            shutil.rmtree(path)
        path.mkdir(mode=0o700)
        (path / "logs").mkdir(mode=0o700)
    except RuntimeDirectory:
        raise
    except OSError as error:
        hint = f"remove {path}, or set {VARIABLE} to another path"
        raise RuntimeDirectory(f"cannot make {path}: {error.strerror}", hint=hint) from error


def _socket_path(base: Path, name: str) -> Path:
    path = base / name / "s"
    length_bytes = len(os.fsencode(path))
    if length_bytes > SOCKET_PATH_LIMIT_BYTES:
        raise RuntimeDirectory(
            f"{path} has {length_bytes} bytes; the path of a socket can have {SOCKET_PATH_LIMIT_BYTES}",
            hint=f"set {VARIABLE} to a shorter path, or give the run a shorter name",
        )
    return path


def _read(path: Path) -> RunInfo | None:
    try:
        return RunInfo.from_json(decode((path / "run.json").read_bytes()))
    except (OSError, ValueError, KeyError, TypeError):
        return None  # not written yet, or by a version that describes runs otherwise
