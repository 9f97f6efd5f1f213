"""What is remembered of a run that this process opened: whether it was closed, its last envelopes, its logs.

Bounded in time and size: a few dozen envelopes without their buffers, the last lines of each log.
"""

from __future__ import annotations

import contextlib
import time
import weakref
from collections import deque
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from farptr.protocol.errors import FarptrError

if TYPE_CHECKING:
    from collections.abc import Callable

    from farptr.client.link import Connection
    from farptr.client.run import Run
    from farptr.protocol.commands import Envelope
    from farptr.protocol.header import Header

ENVELOPES = 30
KEPT_BODY_BYTES = 1 << 14
"""A longer body is remembered by its length only."""
LINE_CHARS = 200
LOG_LINES = 20
LOG_BYTES = 1 << 14
"""Read of each log, from its end."""

RUNS_SHOWN = 4
"""In the report of one test."""

HOUSEKEEPING = "housekeeping"
"""The scope of a run that is open for the plugin's own purposes: it outlives tests and is in no report."""

Logs = list[tuple[str, str]]
"""Name of the process and the last lines of its log, for the logs that say something."""


class Recorder:
    """A ``Connection`` that notes what passes and hands it on."""

    def __init__(self, connection: Connection, watch: Watch) -> None:
        self._inner = connection
        self._watch = watch
        # Nothing to note about these: no detour.
        self.readable: Callable[[], bool] = connection.readable
        self.wait: Callable[[float], None] = connection.wait
        self.wake: Callable[[], None] = connection.wake
        self.check: Callable[[], None] = connection.check

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def send(self, envelope: Envelope) -> None:
        """Queue one envelope."""
        self._watch.note(envelope)
        self._inner.send(envelope)

    def receive(self) -> Envelope | None:
        """The next envelope, if one is here."""
        envelope = self._inner.receive()
        if envelope is not None:
            self._watch.note(envelope)
        return envelope

    def close(self, linger_s: float = 0.0) -> None:
        """End the connection; the logs are read first, because the run's directory may go next."""
        self._watch.closing()
        self._inner.close(linger_s)


class Watch:
    """One run under watch. It keeps neither the run nor its session alive."""

    def __init__(self, run: Run, scope: str) -> None:
        session = run._session
        self._run = weakref.ref(run)
        self.scope = scope
        """Of the fixture that opened the run; ``function`` for a test's own code; or HOUSEKEEPING."""
        self.name = run.name
        self.closed = False
        """Whether this client closed it. A run that was dropped without that is ended, but was not closed."""
        self._me, self._names = session.core.number, session.core.names
        self._passed: deque[tuple[float, Header, bytes | None]] = deque(maxlen=ENVELOPES)
        self._began_s = time.monotonic()
        self._last_logs: Logs = []
        with session.link.mutex:
            connection: Any = session.link.connection
            self.directory = Path(connection.address.removeprefix("ipc://")).parent
            session.link.connection = Recorder(connection, self)
        # What was logged while a run came up belongs to the test that started it, not to one that joins it.
        self._seen = {} if run._running is not None else _sizes(self.directory)

    @property
    def run(self) -> Run | None:
        """The run, while it is open and somebody holds it."""
        return None if self.closed else self._run()

    def begin(self) -> None:
        """A test begins: what was before is not its business."""
        self._passed.clear()
        self._began_s = time.monotonic()
        self._seen = _sizes(self.directory)

    def note(self, envelope: Envelope) -> None:
        """Remember one envelope, of its contents the body if that is short."""
        body = bytes(envelope.body) if len(envelope.body) <= KEPT_BODY_BYTES else None
        self._passed.append((time.monotonic(), envelope.header, body))

    def closing(self) -> None:
        """The client closes the run."""
        self._last_logs = self.logs()
        self.closed = True

    def envelopes(self) -> list[str]:
        """The last envelopes in words, oldest first, with the seconds since the test began (or the run was opened)."""
        from farptr.testing.words import in_words

        self._flush()
        lines: list[str] = []
        for at_s, header, body in list(self._passed):
            first, *contents = in_words(header, body, self._names, self._me)
            lines.append(f"{at_s - self._began_s:8.3f} s  {first}")
            lines += [f"{'':12}{content}" for content in contents]
        return [_cut(line) for line in lines]

    def _flush(self) -> None:
        """What was issued and has not left yet is of interest, too."""
        run = self.run
        if run is not None:
            with contextlib.suppress(FarptrError):
                run._session.flush()

    def logs(self) -> Logs:
        """What the run's processes have logged since the test began, or had when the run was closed."""
        if self.closed:
            return self._last_logs
        found = [(path.stem, _last_lines(path, self._seen.get(path.stem, 0))) for path in _paths(self.directory)]
        return [(name, text) for name, text in found if text]


def sections(watches: Sequence[Watch]) -> list[tuple[str, str]]:
    """What to report: titles and texts, for the test's own runs and for those that were used since it began."""
    used = [(watch, watch.envelopes()) for watch in watches if watch.scope != HOUSEKEEPING]
    used = [(watch, envelopes) for watch, envelopes in used if envelopes or watch.scope == "function"]
    found: list[tuple[str, str]] = []
    logged: set[Path] = set()
    for watch, envelopes in used[-RUNS_SHOWN:]:
        of_run = f" (run {watch.name})" if len(used) > 1 else ""
        found.append((f"farptr: last envelopes{of_run}", "\n".join(envelopes or ["none"])))
        if watch.directory not in logged:
            logged.add(watch.directory)
            found += [(f"farptr: log of {name}{of_run}", text) for name, text in watch.logs()]
    if len(used) > RUNS_SHOWN:
        found.append(("farptr: more runs", f"{len(used) - RUNS_SHOWN} more were used, and are not shown"))
    return found


def _paths(directory: Path) -> Iterable[Path]:
    return sorted((directory / "logs").glob("*.log"))


def _sizes(directory: Path) -> dict[str, int]:
    return {path.stem: _size(path) for path in _paths(directory)}


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:  # the run ends just now
        return 0


def _last_lines(path: Path, start: int) -> str:
    try:
        with path.open("rb") as file:
            file.seek(max(start, _size(path) - LOG_BYTES))
            lines = file.read(LOG_BYTES).decode(errors="replace").splitlines()
    except OSError:
        return ""
    return "\n".join(_cut(line) for line in lines[-LOG_LINES:])


def _cut(line: str) -> str:
    return line if len(line) <= LINE_CHARS else f"{line[: LINE_CHARS - 1]}…"
