"""The pytest plugin: runs as fixtures, sync mode, and what a run did in the report of a failed test (docs/pytest.md).

pytest loads this module in every session of an environment where farptr is installed, so it imports next to nothing.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest

from farptr.client import opened
from farptr.testing import RunLeftOpen

if TYPE_CHECKING:
    from farptr.client.run import Run
    from farptr.client.session import Session
    from farptr.ledger.account import Ledger
    from farptr.testing.pool import Pool
    from farptr.testing.watch import Watch

LEAKS = ("close", "allow")

_Hook = Generator[None, Any, Any]
_MARKER = (
    "farptr(*workers, sync=None, seed=None, timeout=30.0, shared=False): the run that the fixture `cluster` gives; "
    "workers are names, a count, or a mapping of names to data files (relative to the test file)"
)
_failed, _passed = pytest.StashKey[bool](), pytest.StashKey[bool]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """The options that a suite sets once."""
    parser.addini("farptr_shared", "let the tests' `cluster` reuse processes, with empty stores", "bool", default=False)
    parser.addini(
        "farptr_leaks", "close: end a run that a test leaves open, and warn; allow: let it be", default="close"
    )


def pytest_configure(config: pytest.Config) -> None:
    """Begin to watch runs."""
    config.addinivalue_line("markers", _MARKER)
    if config.getini("farptr_leaks") not in LEAKS:
        raise pytest.UsageError(f"farptr_leaks is one of {', '.join(LEAKS)}, not {config.getini('farptr_leaks')!r}")
    watcher = Watcher(config.getini("farptr_leaks"))
    config.stash[_watcher] = watcher
    config.pluginmanager.register(watcher, "farptr-watcher")


def pytest_unconfigure(config: pytest.Config) -> None:
    """End what an interrupt has left open."""
    watcher = config.stash.get(_watcher, None)
    if watcher is not None:
        del config.stash[_watcher]
        watcher.stop()


class Watcher:
    """Knows every run that is opened in this process, and by which test or fixture."""

    def __init__(self, leaks: str) -> None:
        self._leaks = leaks
        self._scopes = ["session"]
        """Whose a run is that is opened now: the test's, or that of the fixture which is being set up."""
        self._watches: list[Watch] = []
        self._put_into_sync: list[Session] | None = None
        opened.observers.append(self._on_opened)

    def stop(self) -> None:
        """Watch no more; end what is open."""
        opened.observers.remove(self._on_opened)
        self._close(self._watches, "pytest has ended")

    def _on_opened(self, run: Run) -> None:
        from farptr.testing.watch import Watch

        self._watches.append(Watch(run, self._scopes[-1]))
        self._into_sync([run])

    @contextmanager
    def within(self, scope: str) -> Iterator[None]:
        """A run that is opened meanwhile belongs to a fixture of this scope: it may outlive a ``function``."""
        self._scopes.append(scope)
        try:
            yield
        finally:
            self._scopes.pop()

    @contextmanager
    def all_in_sync(self) -> Iterator[None]:
        """Runs that are open, and that are opened meanwhile, are in sync mode; afterwards they are as they were."""
        changed: list[Session] = []
        self._put_into_sync = changed
        self._into_sync([run for watch in self._watches if (run := watch.run) is not None])
        try:
            yield
        finally:
            self._put_into_sync = None
            for session in changed:
                session.sync_mode = False

    def _into_sync(self, runs: list[Run]) -> None:
        changed = self._put_into_sync
        for session in [run._session for run in runs]:
            if changed is not None and not session.sync_mode:
                session.sync_mode = True
                changed.append(session)

    # ------------------------------------------------------------ hooks

    @pytest.hookimpl(wrapper=True)
    def pytest_fixture_setup(self, fixturedef: pytest.FixtureDef[Any]) -> _Hook:
        """Remember for which scope runs are opened."""
        __tracebackhide__ = True  # an error in a fixture is shown as if we were not here
        with self.within(fixturedef.scope):
            return (yield)

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_setup(self, item: pytest.Item) -> None:
        """A test begins."""
        item.stash[_passed] = item.stash[_failed] = False
        self._scopes = ["session", "function"]
        self._watches = [watch for watch in self._watches if watch.run is not None]
        for watch in self._watches:
            watch.begin()

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(self, item: pytest.Item) -> _Hook:
        """To the first failure of a test, add what its runs did."""
        report: pytest.TestReport = yield
        item.stash[_passed] = report.when == "call" and report.passed and not item.stash.get(_failed, False)
        if report.failed and not item.stash.get(_failed, False):
            item.stash[_failed] = True
            if self._watches:
                from farptr.testing.watch import sections

                report.sections += sections(self._watches)
        return report

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_teardown(self, item: pytest.Item) -> _Hook:
        """A test is over, its fixtures too: close what it left open, and say so."""
        __tracebackhide__ = True
        outcome: Any = None
        try:
            outcome = yield
        finally:
            left = self._end_test()
            self._scopes = ["session"]
        if left and not item.stash.get(_failed, False):  # a failed test did not come to its close()
            self._complain(item, left)
        return outcome

    def _end_test(self) -> list[Watch]:
        if self._leaks == "allow":
            return []
        left = [watch for watch in self._watches if watch.scope == "function" and not watch.closed]
        self._close(left, "the test that opened this run is over")
        return left

    @staticmethod
    def _close(watches: list[Watch], why: str) -> None:
        for watch in watches:
            run = watch.run
            if run is not None:
                run._session.close(why)
                run.close()

    @staticmethod
    def _complain(item: pytest.Item, left: list[Watch]) -> None:
        names = ", ".join(watch.name for watch in left)
        message = (
            f"{item.nodeid} left open: {names}; farptr has closed it. Use `with fp.up(…)` or the fixture `cluster`, or "
            "open it in a fixture of wider scope"
        )
        path, line, _ = item.location
        warnings.warn_explicit(RunLeftOpen(message), None, str(item.config.rootpath / path), (line or 0) + 1)


_watcher = pytest.StashKey[Watcher]()


# ---------------------------------------------------------------- fixtures


@pytest.fixture
def cluster(request: pytest.FixtureRequest, _farptr_pool: Pool) -> Iterator[Run]:
    """A run with empty stores for this test: ``julie, toby = cluster``.

    ``@pytest.mark.farptr("alice", "bob", sync=True)`` chooses workers and options, as ``fp.up`` takes them;
    ``@pytest.mark.parametrize("cluster", [2, ("alice", "bob")], indirect=True)`` runs a test with each of several.
    A command that failed unseen fails the test when it is over.
    """
    from farptr.testing.pool import Own, Wish, settled

    marker = request.node.get_closest_marker("farptr")
    workers, options = (marker.args, marker.kwargs) if marker else ((), {})
    if hasattr(request, "param"):
        workers = tuple(request.param) if isinstance(request.param, list | tuple) else (request.param,)
    if "ledger" in request.fixturenames:
        options = {**options, "journal": request.getfixturevalue("tmp_path") / "journal", "shared": False}
    shared = request.config.getini("farptr_shared")
    with _in_one_line("the run for this test could not start"):
        wish = Wish.of(workers, options, request.path.parent, shared=shared)
        lender = _farptr_pool if wish.shared else Own()
        run = lender.take(wish)
    clean = False
    try:
        yield run
        if request.node.stash.get(_passed, False):  # an interrupted test has not passed, nor failed
            with _in_one_line("the test did not see that this failed"):
                clean = settled(run)
                if clean:
                    _all_accounted(run)
    finally:
        lender.give_back(run, clean=clean)


@pytest.fixture
def ledger(cluster: Run) -> Iterator[Callable[[], Ledger]]:
    """The account of this test's run: ``ledger()`` gives that of all so far. ``cluster`` then writes a journal.

    When the test is over the account must balance to the byte.
    """
    yield lambda: cluster.ledger
    if not cluster._session.closed:
        with _in_one_line("the account of this test's run does not balance"):
            cluster.ledger.check()


def _all_accounted(run: Run) -> None:
    """Fail when bytes passed that are not accounted for, to the byte: see ``conservation``."""
    from farptr.testing.conservation import faults

    __tracebackhide__ = True
    found = faults(run)
    if found:
        raise pytest.fail.Exception(f"bytes of this test are not accounted for: {'; '.join(found)}", pytrace=False)


@contextmanager
def _in_one_line(what: str) -> Iterator[None]:
    """Fail for an error of farptr, without a trace through the plugin."""
    from farptr.protocol.errors import FarptrError

    __tracebackhide__ = True
    try:
        yield
    except FarptrError as error:
        raise pytest.fail.Exception(f"{what}: {type(error).__name__}: {error}", pytrace=False) from None


@pytest.fixture(scope="session")
def _farptr_pool(request: pytest.FixtureRequest) -> Iterator[Pool]:
    from farptr.testing.pool import Pool

    pool = Pool(request.config.stash[_watcher].within)
    yield pool
    pool.close()


@pytest.fixture
def farptr_sync(request: pytest.FixtureRequest) -> Iterator[None]:
    """Sync mode for every run that is open in this test or is opened by it: an error comes at its line."""
    with request.config.stash[_watcher].all_in_sync():
        yield
