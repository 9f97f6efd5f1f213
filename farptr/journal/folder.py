"""Where journals lie: ``DIR/<time>/`` with a manifest and files of records; ``DIR/latest`` leads to the newest."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import platform
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import farptr
from farptr.journal.records import FORMAT
from farptr.protocol.errors import JournalDamaged, JournalError, NoJournal
from farptr.protocol.header import VERSION

DEFAULT = "runs"
_LOOK_S = 0.01
MANIFEST, LATEST, SUFFIX = "manifest.json", "latest", ".fpj"
_SEAL = "sha256"
"""The field of a manifest that has a hash of the others."""


def make(folder: str | os.PathLike[str], *, now: datetime | None = None) -> Path:
    """A fresh directory for one run's journal, and ``latest`` leads to it; raises JournalError."""
    base = Path(folder)
    stamp = (now or datetime.now(UTC)).strftime("%Y-%m-%dT%H-%M-%SZ")
    try:
        base.mkdir(parents=True, exist_ok=True)
        path = next(p for p in _candidates(base / stamp) if _made(p))
        fresh = base / f".latest-{os.getpid()}"
        with contextlib.suppress(FileNotFoundError):
            fresh.unlink()
        fresh.symlink_to(path.name)
        fresh.replace(base / LATEST)
    except OSError as error:
        raise JournalError(
            f"no journal can be written in {base}: {error.strerror}", hint="name a directory that you may write"
        ) from None
    return path


def _candidates(path: Path) -> Iterator[Path]:
    yield path
    for n in range(2, 10_000):
        yield path.with_name(f"{path.name}-{n}")


def _made(path: Path) -> bool:
    try:
        path.mkdir(mode=0o700)
    except FileExistsError:
        return False
    return True


def manifest(run: str, seed: int | None, settings: dict[str, Any]) -> dict[str, Any]:
    """What a run was: its seed, versions and settings."""
    import numpy as np
    import zmq

    return {
        "format": FORMAT, "protocol": VERSION, "farptr": farptr.__version__, "run": run, "seed": seed,
        "started": datetime.now(UTC).isoformat(timespec="seconds"),
        "python": platform.python_version(), "numpy": np.__version__, "pyzmq": zmq.pyzmq_version(),
        "libzmq": zmq.zmq_version(), **settings,
    }  # fmt: skip


def write_manifest(path: Path, fields: dict[str, Any]) -> None:
    """Write it with a hash of its own text; a reader sees the old one or the new one, never a part."""
    fresh = path / f".{MANIFEST}"
    fresh.write_text(_text(fields), encoding="utf-8")
    fresh.replace(path / MANIFEST)


def is_as_written(path: Path) -> bool:
    """Whether nobody has changed the manifest of a journal. It is no part of the chain: it has times of the clock."""
    try:
        return (path / MANIFEST).read_bytes() == _text(read_manifest(path)).encode()
    except (OSError, NoJournal):  # it was there a moment ago
        return False


def _text(fields: dict[str, Any]) -> str:
    fields = {key: value for key, value in fields.items() if key != _SEAL}
    seal = hashlib.sha256(json.dumps(fields).encode()).hexdigest()
    return json.dumps(fields | {_SEAL: seal}, indent=2) + "\n"


def read_manifest(path: Path) -> dict[str, Any]:
    """The manifest of a journal; raises NoJournal, JournalDamaged."""
    try:
        text = (path / MANIFEST).read_bytes()
    except OSError:
        raise NoJournal(
            f"there is no journal in {path}", hint="`farptr up --journal DIR` or fp.up(…, journal=DIR) writes one"
        ) from None
    try:
        fields = json.loads(text)
    except ValueError:
        fields = None
    if not isinstance(fields, dict):
        raise JournalDamaged(f"{path / MANIFEST} is damaged, or was edited", hint="restore the file from a copy")
    return fields


def found(path: str | os.PathLike[str] | None = None) -> Path:
    """The directory of a journal: given itself, as a folder of several (then its newest), or none (``runs``)."""
    wanted = Path(path or DEFAULT)
    if not (wanted / MANIFEST).exists() and (wanted / LATEST).exists():
        wanted = wanted / LATEST
    read_manifest(wanted)
    return wanted.resolve()


def wait_written(path: Path, timeout_s: float) -> bool:
    """Wait until nobody writes there any more; whether that is so."""
    deadline_s = time.monotonic() + timeout_s
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        while True:
            try:
                fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
                return True
            except OSError:
                if time.monotonic() > deadline_s:
                    return False
            time.sleep(_LOOK_S)
    finally:
        os.close(fd)


def files_of(path: Path) -> list[Path]:
    """The files with records, oldest first."""
    return sorted(path.glob(f"*{SUFFIX}"))
