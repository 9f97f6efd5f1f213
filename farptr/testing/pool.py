"""Runs for tests: one of its own for each, or processes that are shared and handed on with empty stores."""

from __future__ import annotations

import time
from collections.abc import Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from farptr.journal import IN_MEMORY
from farptr.protocol.errors import BrokerLost, FarptrError, UsageError, WorkerLost
from farptr.testing.watch import HOUSEKEEPING

if TYPE_CHECKING:
    from collections.abc import Callable

    from farptr.client.run import Run

DEFAULT_WORKERS = ("julie", "toby")
OPTIONS = frozenset({"sync", "seed", "timeout", "shared", "journal"})
SETTLE_S = 5.0
"""After a test its commands have this long to be done, or to make progress."""
LEAVE_S = 1.0
"""Clients that a test connected have this long to leave processes that are shared."""


class Wish(NamedTuple):
    """What a test asks ``cluster`` for: workers as ``fp.up`` takes them, its options, and whether to share."""

    workers: tuple[Any, ...]
    options: dict[str, Any]
    shared: bool

    @classmethod
    def of(cls, workers: tuple[Any, ...], options: Mapping[str, Any], folder: Path, *, shared: bool) -> Wish:
        """From a marker's arguments; ``shared`` is what holds when they do not say.

        Args:
            workers: positional arguments; none for the default two.
            options: keyword arguments.
            folder: of the test file; relative paths of data begin there.
            shared: the suite's choice. A test with data or a seed gets a run of its own all the same.

        Raises UsageError for an option that there is not, and for ``shared=True`` with data or a seed.
        """
        unknown = sorted(set(options) - OPTIONS)
        if unknown:
            hint = f"it has {', '.join(sorted(OPTIONS))}; workers are named without a keyword"
            raise UsageError(f"the marker farptr has no option {unknown[0]!r}", hint=hint)
        if options.get("journal"):  # the run of a test with the fixture ``ledger``: its account is this test's alone
            shared = False
        placed = tuple(_placed(spec, folder) for spec in workers) or DEFAULT_WORKERS
        own = options.get("seed") is not None or any(isinstance(spec, Mapping) for spec in placed)
        if own and options.get("shared"):
            raise UsageError("a run with data or a seed of its own cannot be shared", hint="leave shared=True out")
        rest = {name: value for name, value in options.items() if name != "shared"}
        return cls(placed, rest, shared=not own and bool(options.get("shared", shared)))


def _placed(spec: Any, folder: Path) -> Any:
    if not isinstance(spec, Mapping):
        return spec
    return {name: None if path is None else folder / path for name, path in spec.items()}


class Lender(Protocol):
    """Where a test's run comes from and goes to."""

    def take(self, wish: Wish) -> Run:
        """A run as wished, with empty stores."""

    def give_back(self, run: Run, *, clean: bool) -> None:
        """The test is over; ``clean`` says that it passed and that everything it issued is done."""


class Own:
    """A run of its own for each test."""

    def take(self, wish: Wish) -> Run:
        """Start it."""
        import farptr as fp

        return fp.up(*wish.workers, **{"journal": IN_MEMORY, **wish.options})

    def give_back(self, run: Run, *, clean: bool) -> None:
        """End it."""
        run.close()


class Pool:
    """Processes that tests use one after the other, each as a client of its own.

    What a test put anywhere is gone before the next one, pointers that it kept raise SessionClosed. After a test that
    failed, lost a worker, added one, or left a store that does not empty or a client that does not leave, the processes
    are ended; the next test gets new ones. Shared all the same are the processes' memory, their logs and the run's
    traffic account.
    """

    def __init__(self, within: Callable[[str], AbstractContextManager[None]]) -> None:
        self._within = within
        self._owners: dict[tuple[str, ...], Run] = {}
        self._lent: dict[int, tuple[str, ...]] = {}

    def take(self, wish: Wish) -> Run:
        """Join the processes of these names; start them if there are none."""
        import farptr as fp
        from farptr.client.wanted import wanted_workers

        names = tuple(wanted_workers(wish.workers))
        owner = self._owners.get(names)
        if owner is not None and not _emptied(owner, names):
            self._end(names)
            owner = None
        if owner is None:
            with self._within(HOUSEKEEPING):
                owner = self._owners[names] = fp.up(*names, journal=IN_MEMORY)
        assert owner._running is not None
        run = fp.connect(owner._running.info.address, **wish.options)
        run._sort(names)
        run.name = owner.name
        self._lent[id(run)] = names
        return run

    def give_back(self, run: Run, *, clean: bool) -> None:
        """Leave the processes; end them when the test was not clean.

        They are emptied when somebody wants them next: other clients of this test may leave later than this one.
        """
        names = self._lent.pop(id(run))
        run.close()
        if not clean:
            self._end(names)

    def _end(self, names: tuple[str, ...]) -> None:
        self._owners.pop(names).close()

    def close(self) -> None:
        """End all of them."""
        for names in list(self._owners):
            self._end(names)


def _emptied(owner: Run, names: tuple[str, ...]) -> bool:
    """Empty the stores of these workers, all of them and no others; whether that went well."""
    try:
        if not _alone(owner):
            return False
        for worker in owner:
            worker.clear_objects()
        owner.sync(timeout=SETTLE_S)
        return [worker.name for worker in owner] == list(names) and not any(worker.count() for worker in owner)
    except FarptrError:
        return False


def _alone(owner: Run) -> bool:
    """Wait until every other client has left: with that, all that it ever issued has reached the workers."""
    deadline_s = time.monotonic() + LEAVE_S
    while sum(row[2] == "client" for row in owner._session.ask_broker("parties")) > 1:
        if time.monotonic() > deadline_s:
            return False
        time.sleep(0.001)
    return True


def settled(run: Run) -> bool:
    """Wait until everything the test issued is done; False when a process was lost, or the test closed the run.

    Raises the failures that the test did not see, as ``run.sync()`` does: a test whose commands failed must not pass.
    """
    if run._session.closed:
        return False
    try:
        run.sync(timeout=SETTLE_S)
    except (WorkerLost, BrokerLost):  # the test may well have ended it on purpose
        return False
    return True
