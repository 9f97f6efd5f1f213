"""What ``farptr doctor`` looks at: each check says how things are, and what to do where they are not well."""

from __future__ import annotations

import os
import platform
import re
import shutil
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from farptr.protocol.errors import FarptrError

OK, NOTE, BAD = "ok", "note", "bad"
PYTHON, NUMPY, PYZMQ, LIBZMQ = (3, 11), (1, 26), (25, 1), (4, 3)
"""The oldest ones that farptr works with."""
FILES_NEEDED, FILES_WANTED = 128, 1024
PROCESSES_NEEDED, PROCESSES_WANTED = 16, 64
SHM_WANTED_BYTES = 64 << 20
NAME_NEEDED_BYTES, NAME_WANTED_BYTES = 20, 32
"""A private run's name, and the longest legal one."""
ROUNDS = 200
SLOW_S = 0.005
_SHORT_DIRECTORY = "set FARPTR_RUNTIME_DIR to a short path of your own with mode 0700"


class Check(NamedTuple):
    """One thing that was looked at."""

    name: str
    state: str
    """``ok``; ``note``: farptr works, with a limit; ``bad``: it does not."""
    found: str
    to_do: str = ""


def look() -> Iterator[Check]:
    """All checks, one after the other; none raises."""
    for check in (*_VERSIONS, runtime_directory, socket_path, open_files, processes, shared_memory, stale_runs):
        yield _safely(check)
    yield _safely(round_trip)


def _safely(check: Callable[[], Check]) -> Check:
    try:
        return check()
    except FarptrError as error:
        return Check(_title(check), BAD, error.message, error.hint)
    except Exception as error:  # a check that fails is a finding too
        return Check(_title(check), BAD, f"{type(error).__name__}: {error}", "see the message")


def _title(check: Callable[[], Check]) -> str:
    return check.__name__.replace("_", " ")


# ---------------------------------------------------------------- versions


def python() -> Check:
    """The interpreter, and the system below it."""
    found = f"{platform.python_version()} on {platform.system()} {platform.release()}"
    return _at_least("Python", found, platform.python_version(), PYTHON)


def numpy() -> Check:
    """NumPy."""
    import numpy as np

    return _at_least("NumPy", np.__version__, np.__version__, NUMPY)


def pyzmq() -> Check:
    """ZeroMQ's Python side."""
    import zmq

    return _at_least("pyzmq", zmq.pyzmq_version(), zmq.pyzmq_version(), PYZMQ)


def libzmq() -> Check:
    """ZeroMQ itself, with Unix sockets."""
    import zmq

    if not zmq.has("ipc"):
        return Check("libzmq", BAD, f"{zmq.zmq_version()} without Unix sockets", "install pyzmq from its wheel")
    return _at_least("libzmq", zmq.zmq_version(), zmq.zmq_version(), LIBZMQ)


_VERSIONS = (python, numpy, pyzmq, libzmq)


def _at_least(name: str, found: str, version: str, oldest: tuple[int, ...]) -> Check:
    numbers = tuple(int(digits) for digits in re.findall(r"\d+", version)[: len(oldest)])
    if numbers >= oldest:
        return Check(name, OK, found)
    wanted = ".".join(map(str, oldest))
    return Check(name, BAD, found, f"install {name} {wanted} or newer")


# ---------------------------------------------------------------- places


def runtime_directory() -> Check:
    """Where runs have their sockets: this user's own, and nobody else's to enter."""
    from farptr.launch.base import make_base

    return Check("runtime directory", OK, f"{make_base()}, yours, mode 0700")


def socket_path() -> Check:
    """How much of a socket's path is left for the name of a run."""
    from farptr.launch.base import make_base
    from farptr.launch.rundir import SOCKET_PATH_LIMIT_BYTES

    base = make_base()
    left = SOCKET_PATH_LIMIT_BYTES - len(os.fsencode(base)) - len("//s")
    found = f"{left} bytes left for the name of a run ({SOCKET_PATH_LIMIT_BYTES} for a path)"
    return _enough("socket path", left, NAME_NEEDED_BYTES, NAME_WANTED_BYTES, found, _SHORT_DIRECTORY)


def stale_runs() -> Check:
    """What runs have left that were killed with all their processes at once."""
    from farptr.launch import locks
    from farptr.launch.base import existing_bases
    from farptr.launch.rundir import list_runs

    live = len(list_runs())
    stale: set[Path] = set()
    for base in existing_bases():
        names = {entry.name.removesuffix(".lock") for entry in base.iterdir()}
        stale |= {base / name for name in names if not locks.is_held(base / f"{name}.lock")}
    found = f"none; {live} up" if live else "none"
    if not stale:
        return Check("stale runs", OK, found)
    listed = " ".join(str(path) + suffix for path in sorted(stale) for suffix in ("", ".lock"))
    return Check("stale runs", NOTE, f"{len(stale)} left by runs that were killed", f"rm -rf {listed}")


def shared_memory() -> Check:
    """The system's shared memory, which NumPy's and Python's libraries take."""
    place = Path("/dev/shm")
    if not place.is_dir():
        if not sys.platform.startswith("linux"):
            return Check("shared memory", OK, "not this system's way")
        return Check("shared memory", NOTE, f"there is no {place}", "mount a tmpfs there; multiprocessing needs it")
    free = shutil.disk_usage(place).free
    found = f"{place}: {free / 1e6:.0f} MB free"
    if not os.access(place, os.W_OK):
        return Check("shared memory", NOTE, f"{found}, and not writable", f"chmod 1777 {place}")
    return _enough("shared memory", free, 0, SHM_WANTED_BYTES, found, "in a container: --shm-size=256m")


# ---------------------------------------------------------------- limits


def open_files() -> Check:
    """How many files a process can have open: the broker has two for each party."""
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    infinite = soft == resource.RLIM_INFINITY
    to_do = f"ulimit -n {FILES_WANTED if infinite or hard >= FILES_WANTED or hard < 0 else hard}"
    found = "no limit" if infinite else f"{soft} for a process"
    return _enough("open files", sys.maxsize if infinite else soft, FILES_NEEDED, FILES_WANTED, found, to_do)


def processes() -> Check:
    """How many more processes and threads this user may have; each party has about five."""
    left = min(_left_of_rlimit(), _left_of_cgroup())
    found = "no limit" if left == sys.maxsize else f"{left} more processes and threads"
    to_do = "raise `ulimit -u`, in a container --pids-limit; or end some"
    return _enough("processes", left, PROCESSES_NEEDED, PROCESSES_WANTED, found, to_do)


def _left_of_rlimit() -> int:
    import resource

    import psutil  # type: ignore[import-untyped, unused-ignore] # whether or not its stubs are there

    soft, _ = resource.getrlimit(resource.RLIMIT_NPROC)
    if soft == resource.RLIM_INFINITY or os.geteuid() == 0:  # root has none
        return sys.maxsize
    mine = 0
    for process in psutil.process_iter(["uids", "num_threads"]):
        uids = process.info["uids"]
        mine += (process.info["num_threads"] or 1) if uids and uids.real == os.getuid() else 0
    return max(0, soft - mine)


def _left_of_cgroup(root: Path = Path("/sys/fs/cgroup")) -> int:
    for folder in (root, root / "pids"):
        try:
            limit = (folder / "pids.max").read_text(encoding="ascii").strip()
            current = int((folder / "pids.current").read_text(encoding="ascii"))
        except (OSError, ValueError):
            continue
        return sys.maxsize if limit == "max" else max(0, int(limit) - current)
    return sys.maxsize


def _enough(name: str, found: int, needed: int, wanted: int, text: str, to_do: str) -> Check:
    if found >= wanted:
        return Check(name, OK, text)
    return Check(name, BAD if found < needed else NOTE, text, to_do)


# ---------------------------------------------------------------- all together


def round_trip() -> Check:
    """A private run: how long it takes to come up, and a command and its answer."""
    import farptr as fp

    began_s = time.perf_counter()
    with fp.up("doctor") as sim:
        up_s = time.perf_counter() - began_s
        pointer = fp.tensor([1.0]).send(sim["doctor"])
        took_s = [_timed(pointer.get_copy) for _ in range(ROUNDS)]
        began_s = time.perf_counter()
    median_s, worst_s, down_s = statistics.median(took_s), max(took_s), time.perf_counter() - began_s
    found = (
        f"{median_s * 1e6:.0f} µs (worst {worst_s * 1e3:.1f} ms of {ROUNDS}); "
        f"a run is up in {up_s:.2f} s and down in {down_s:.2f} s"
    )
    if median_s <= SLOW_S:
        return Check("round trip", OK, found)
    return Check("round trip", NOTE, found, "the machine is busy: look at its load")


def _timed(call: Callable[[], object]) -> float:
    began_s = time.perf_counter()
    call()
    return time.perf_counter() - began_s
