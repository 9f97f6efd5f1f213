"""Who is started again: one for one, under its name, and not for ever.

Laws
    A worker is started again only once the broker knows that its old process is gone: the name is free then.
    One that dies more than AT_MOST times within WITHIN_S stays gone, until somebody asks for it.
"""

from __future__ import annotations

import logging
import time
from collections import deque

from farptr.launch.requests import Request
from farptr.launch.spec import WorkerSpec

log = logging.getLogger("farptr.supervisor")

AT_MOST, WITHIN_S = 5, 30.0
AGAIN = "a new one takes its place"
ON_PURPOSE = "it was restarted on purpose"
"""What clients are told of the old one's end."""


class Restarts:
    """The books of one run's restarts.

    Args:
        automatic: whether a worker that dies is started again; on purpose every one can be.
    """

    def __init__(self, automatic: bool) -> None:
        self._automatic = automatic
        self.specs: dict[str, WorkerSpec] = {}
        """Every worker that was started and not removed, dead ones too."""
        self.gone: dict[str, str] = {}
        """Workers that stay gone, and why."""
        self.waiting: dict[str, Request | None] = {}
        """Workers to start as soon as the broker knows that they are gone, with who asked for it."""
        self._unheard: set[str] = set()
        self._deaths: dict[str, deque[float]] = {}

    def started(self, spec: WorkerSpec) -> None:
        """A worker was forked."""
        self.specs[spec.name] = spec
        self.gone.pop(spec.name, None)

    def forget(self, name: str) -> None:
        """A worker was removed: that was its end."""
        self.specs.pop(name, None)
        self._deaths.pop(name, None)

    def died(self, name: str) -> str:
        """A worker died by itself: book it, and say what becomes of it; empty when nothing does."""
        if not self._automatic or name not in self.specs:
            return ""
        now_s = time.monotonic()
        deaths = self._deaths.setdefault(name, deque(maxlen=AT_MOST + 1))
        deaths.append(now_s)
        if len(deaths) > AT_MOST and now_s - deaths[0] <= WITHIN_S:
            self.stays_gone(name, f"it died {AT_MOST + 1} times within {WITHIN_S:g} s, and is not started again")
            return self.gone[name]
        log.info("worker %s died: %s", name, AGAIN)
        self.waiting[name] = None
        return AGAIN

    def stays_gone(self, name: str, why: str) -> None:
        """A worker is not tried again."""
        log.warning("worker %s stays gone: %s", name, why)
        self.gone[name] = why
        self._deaths.pop(name, None)

    def failed(self, name: str, again: bool, why: str) -> None:
        """A worker did not come up: one that was here before stays gone, one that was added is forgotten."""
        if again:
            self.stays_gone(name, why)
        else:
            self.forget(name)

    def told(self, name: str) -> None:
        """The broker was told that a worker's process is gone, and has not answered yet."""
        self._unheard.add(name)

    def on_purpose(self, name: str, request: Request, *, unheard: bool) -> None:
        """Somebody asks for a worker whose process is gone, or (``unheard``) will be, and the broker be told."""
        self._deaths.pop(name, None)
        self.waiting[name] = request
        if unheard:
            self._unheard.add(name)

    def heard(self, name: str) -> None:
        """The broker knows that the worker is gone."""
        self._unheard.discard(name)

    def ready(self) -> list[tuple[WorkerSpec, Request | None]]:
        """The workers to start now; each once."""
        names = [name for name in self.waiting if name not in self._unheard]
        return [(self.specs[name], self.waiting.pop(name)) for name in names]
