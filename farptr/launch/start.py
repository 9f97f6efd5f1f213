"""Starting a run from the process that wants it, and ending it with that process."""

from __future__ import annotations

import contextlib
import os
import selectors
import signal
import socket
import subprocess
import sys
import sysconfig
import time
import weakref
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

from farptr.launch import processes
from farptr.launch.base import make_base
from farptr.launch.marked import VARIABLE as MARK_VARIABLE
from farptr.launch.rundir import RunInfo, clear
from farptr.launch.spec import Spec, WorkerSpec, decode, encode, error_from_json
from farptr.launch.stop import stop
from farptr.protocol.errors import StartFailed, UnsupportedPlatform
from farptr.protocol.functions import OFF
from farptr.transport.address import check_bind

__all__ = ["Running", "RunInfo", "start", "stop"]

# Beyond the start timeout, which the supervisor keeps itself once Python and NumPy are loaded.
_GRACE_S = 10.0
_CLOSE_PATIENCE_S = 3.0
_LOCK_PATIENCE_S = 0.2
_CHUNK_BYTES = 1 << 16

_lifelines: weakref.WeakSet[_Supervised] = weakref.WeakSet()


class _Supervised:
    """The supervisor process and the pipe that keeps its run alive, on the owner's side."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self.process = process
        self.pid_of_owner = os.getpid()
        self.directory: Path | None = None
        self.broker_pid = -1
        _lifelines.add(self)

    @property
    def stdin(self) -> IO[bytes]:
        assert self.process.stdin is not None
        return self.process.stdin

    @property
    def stdout(self) -> IO[bytes]:
        assert self.process.stdout is not None
        return self.process.stdout

    def close_pipes(self) -> None:
        for pipe in (self.stdin, self.stdout):
            with contextlib.suppress(OSError):
                pipe.close()

    def let_go(self) -> None:
        """For a detached run: its supervisor is nobody's to wait for."""
        self.close_pipes()
        self.process.returncode = 0  # keeps subprocess from warning that it still runs

    def end(self, timeout_s: float) -> None:
        """End the run and remove what is left of it. Again, or in a forked child of the owner, does nothing."""
        if os.getpid() != self.pid_of_owner:
            return
        self.close_pipes()
        if self.process.returncode is not None:
            return
        pid = self.process.pid
        if processes.is_child(pid) and not self._ends_in_order(pid, timeout_s):
            processes.kill_session(pid, timeout_s)
        self.process.wait(timeout_s)
        if self.directory is not None:
            clear(self.directory, patience_s=_LOCK_PATIENCE_S)

    def _ends_in_order(self, pid: int, timeout_s: float) -> bool:
        """Nobody reaps the supervisor in here: for as long as it is a zombie, its number is no other session's."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(
                pid, signal.SIGTERM
            )  # the pipe's end says it already, unless a stray copy of that is open somewhere
        if not processes.wait_until(lambda: not processes.lives_in(pid, pid), timeout_s):
            return False
        # A supervisor that was killed leaves the cleaning to the broker, which may hang.
        return processes.wait_until(lambda: not processes.lives_in(pid, self.broker_pid), timeout_s)


def _close_in_child() -> None:
    # Close-on-exec does not help a child that only forks: its copy of the pipe would keep the run alive after the
    # owner's death. A fork that Python does not know of (by a C library) still has that effect, until it execs.
    for supervised in list(_lifelines):
        supervised.close_pipes()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_close_in_child)


@dataclass(frozen=True, eq=False)
class Running:
    """A run that this process started.

    It ends with ``close()``, with the ``with`` block, when this object is collected, or with this process, however
    that ends. A detached one is not ended by any of these.
    """

    info: RunInfo
    _end: weakref.finalize[Any, Any] | None
    _supervised: _Supervised

    def close(self, timeout_s: float = _CLOSE_PATIENCE_S) -> None:
        """End the run; returns when its supervisor is gone, by force after ``timeout_s``. Again does nothing.

        Does nothing either for a detached run (``stop`` is for that), and in a forked child.
        """
        if self._end is not None and self._end.alive:
            self._supervised.end(timeout_s)
            self._end.detach()  # not before: one that was interrupted can be called again

    @property
    def exit_code(self) -> int | None:
        """Of the supervisor, once the run is closed: 0 when it was told to end, else its broker or itself was lost."""
        return self._supervised.process.returncode

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def start(
    workers: Iterable[str] | Mapping[str, str | None],
    *,
    name: str | None = None,
    seed: int | None = None,
    detached: bool = False,
    timeout_s: float = 30.0,
    module: str = "farptr.launch",
    mark: str | None = None,
    functions: str = OFF,
    restart: bool = False,
    memory_limit_bytes: int | None = None,
    bind: str | None = None,
    keys: str | os.PathLike[str] | None = None,
    allow: str | None = None,
    journal: str | None = None,
    preload: Iterable[str] = (),
    clock: dict[str, Any] | None = None,
    net: dict[str, Any] | None = None,
    meanwhile: Callable[[], object] | None = None,
) -> Running:
    """Start a run and return when every worker has joined it.

    Args:
        workers: names, or names with the file that each loads its own data from.
        name: what others find the run by; None for a private run.
        seed: for ids, and whatever else the broker draws.
        detached: let the run outlive this process.
        timeout_s: seconds that the processes have to come up.
        module: what the supervisor runs as ``__main__``; tests have one with smaller roles.
        mark: in the environment of processes that are to end with the run (``farptr.launch.marked``).
        functions: whether the workers run cells (``protocol.functions``).
        restart: start a worker that dies again (``restarts``).
        memory_limit_bytes: what each worker may take beyond what it has when it has registered.
        bind: where the broker listens for other machines too, ``tcp://…``.
        keys: directory of the ring of who may come from there; None for the user's own.
        allow: which clients may do what to the workers (``protocol.authority``); None for everybody everything.
        journal: the folder for the run's journal, absolute; None for no journal.
        preload: modules that are imported once, before the workers are forked.
        clock: of a run whose time is modelled (``clock.settings.clock_of``).
        net: the network that will be modelled (``Network.to_table``), for the journal's manifest.
        meanwhile: what this process has to do while the others start.

    Raises BadName, RunExists, StartFailed, RuntimeDirectory, UnsupportedPlatform, or the error of a worker that could
    not start (LoadFailed, for instance), and with ``bind`` UsageError and UnusableKey. Nothing is left running then.
    """
    check_platform()
    pairs = workers.items() if isinstance(workers, Mapping) else [(worker, None) for worker in workers]
    specs = tuple(WorkerSpec(worker, load, functions) for worker, load in pairs)
    base = str(make_base())  # settled here: the supervisor must not come to another answer
    spec = Spec(
        specs,
        name=name,
        seed=seed,
        detached=detached,
        start_timeout_s=timeout_s,
        base=base,
        mark=mark,
        restart=restart,
        memory_limit_bytes=memory_limit_bytes,
        bind=bind,
        keys=None if bind is None else ring_for(bind, keys),
        allow=allow,
        journal=journal,
        preload=tuple(preload),
        clock=clock,
        net=net,
    )
    supervised = _Supervised(_spawn(module))
    supervised.directory = Path(base, name) if name else None
    try:
        _tell(supervised, spec)
        if meanwhile is not None:
            meanwhile()
        info = _await_ready(supervised, spec)
    except BaseException:
        supervised.end(_CLOSE_PATIENCE_S)
        raise
    supervised.directory, supervised.broker_pid = info.directory, info.broker_pid
    if detached:
        supervised.let_go()
        return Running(info, None, supervised)
    running = Running(info, None, supervised)
    end = weakref.finalize(running, supervised.end, _CLOSE_PATIENCE_S)
    object.__setattr__(running, "_end", end)
    return running


def ring_for(bind: str, keys: str | os.PathLike[str] | None) -> str:
    """The directory of a ring that a broker can listen there with; raises UsageError, UnusableKey."""
    from farptr.keys.ring import Ring  # late: most runs stay on one machine

    check_bind(bind)
    ring = Ring(keys)
    ring.check_ready()
    return str(ring.path)


def check_platform() -> None:
    """Raise UnsupportedPlatform where there is no fork or no Unix socket."""
    if not (hasattr(os, "fork") and hasattr(socket, "AF_UNIX")):
        raise UnsupportedPlatform(f"farptr needs fork and Unix sockets, and {sys.platform} lacks them", hint="use WSL")


def _spawn(module: str) -> subprocess.Popen[bytes]:
    # -P: the supervisor imports nothing from the current directory, where a user's random.py may lie.
    return subprocess.Popen(
        [sys.executable, "-P", "-m", module],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        bufsize=0,
        close_fds=True,
        start_new_session=True,  # a Ctrl-C at the terminal is for the owner alone
        env=_environment(),
    )


def _environment() -> dict[str, str]:
    """Our environment, with this farptr's folder on the path unless it is where Python looks anyway."""
    folder = str(Path(__file__).resolve().parents[2])
    env = dict(os.environ)
    env.pop(MARK_VARIABLE, None)  # what a script starts by us ends by us, and a detached run by nobody else
    if folder not in (sysconfig.get_path("purelib"), sysconfig.get_path("platlib")):
        env["PYTHONPATH"] = os.pathsep.join(filter(None, [folder, env.get("PYTHONPATH")]))
    return env


def _tell(supervised: _Supervised, spec: Spec) -> None:
    with contextlib.suppress(BrokenPipeError):  # then it died at once, and reading tells
        line = encode(spec.to_json())
        while line:
            line = line[supervised.stdin.write(line) :]


def _await_ready(supervised: _Supervised, spec: Spec) -> RunInfo:
    answer = _read_answer(supervised, time.monotonic() + spec.start_timeout_s + _GRACE_S)
    if "error" in answer:
        with contextlib.suppress(subprocess.TimeoutExpired):
            supervised.process.wait(_CLOSE_PATIENCE_S)
        raise error_from_json(answer["error"])
    return RunInfo.from_json(answer["ready"])


def _read_answer(supervised: _Supervised, deadline_s: float) -> dict[str, Any]:
    """The first line that is an answer; start-up code of the environment may have printed others."""
    received = b""
    with selectors.DefaultSelector() as selector:
        selector.register(supervised.stdout, selectors.EVENT_READ)
        while selector.select(max(0.0, deadline_s - time.monotonic())):
            chunk = os.read(supervised.stdout.fileno(), _CHUNK_BYTES)
            *lines, received = (received + chunk).split(b"\n")
            for line in lines:
                with contextlib.suppress(ValueError):
                    answer = decode(line)
                    if "ready" in answer or "error" in answer:
                        return answer
            if not chunk:
                raise StartFailed(f"the supervisor died while the run was starting ({_how(supervised.process)})")
    raise StartFailed("the supervisor does not answer")


def _how(process: subprocess.Popen[bytes]) -> str:
    try:
        code = process.wait(_CLOSE_PATIENCE_S)
    except subprocess.TimeoutExpired:
        return "it still runs, but has closed its output"
    return f"exit code {code}" if code >= 0 else f"signal {-code}"
