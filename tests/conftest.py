"""Runs for tests: one fixture for both worlds, the simulated one and real processes.

Every test is a leak test too: when it is over, the stores of its run must be empty.
"""

from __future__ import annotations

import contextlib
import gc
import os
import shutil
import signal
import tempfile
import time
from pathlib import Path

import psutil
import pytest

import farptr as fp
from farptr.journal import IN_MEMORY
from farptr.protocol.functions import checked as checked_functions
from farptr.testing.conservation import faults as unaccounted
from tests.sim.world import World

PATIENCE_S = 10.0
_FAILED = pytest.StashKey[bool]()


def pytest_collection_finish(session):
    gc.collect()
    gc.freeze()  # modules and collected tests are no garbage: the collection after each test then takes no time


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    outcome = yield
    if outcome.get_result().failed:
        item.stash[_FAILED] = True


def until(condition, patience_s=PATIENCE_S):
    """Wait for a condition; fails when it does not come true in time."""
    deadline_s = time.monotonic() + patience_s
    while not condition():
        assert time.monotonic() < deadline_s, "the condition did not come true in time"
        time.sleep(0.005)


def alive(pid):
    """Whether a process runs; a zombie does not."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def pids_of(run):
    """Every process of a run that was started here."""
    info = run._running.info
    return [info.supervisor_pid, info.broker_pid, *info.workers.values()]


def stores(run):
    """What is where, by worker."""
    return {worker.name: worker._objects for worker in run}


def assert_empty(run):
    """Nothing is left in any store, and no failure is left unseen."""
    run.sync()
    if any(stores(run).values()):
        gc.collect()  # what an exception kept in a cycle; not always, because it takes longer than most tests
    left = {name: objects for name, objects in stores(run).items() if objects}
    assert not left, f"left behind: {left}"


# ---------------------------------------------------------------- the session


def _processes_with(directory):
    """Live processes that were started with this runtime directory in their environment, but for this one."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            mine = process.environ().get("FARPTR_RUNTIME_DIR") == str(directory)
            if mine and process.pid != os.getpid() and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process.pid)
    return found


def _wait_for_the_end(directory):
    try:
        until(lambda: not _processes_with(directory))
    finally:
        for pid in _processes_with(directory):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


@pytest.fixture(scope="session", autouse=True)
def runtime_dir():
    """A short private directory for all runs; the session fails when a process or a directory outlives it."""
    path = Path(tempfile.mkdtemp(prefix="fp-", dir="/tmp"))
    before = os.environ.get("FARPTR_RUNTIME_DIR")
    os.environ["FARPTR_RUNTIME_DIR"] = str(path)
    yield path
    try:
        _wait_for_the_end(path)
        left = list(path.iterdir())
        assert not left, f"left in the runtime directory: {left}"
    finally:
        shutil.rmtree(path, ignore_errors=True)
        if before is None:
            del os.environ["FARPTR_RUNTIME_DIR"]
        else:
            os.environ["FARPTR_RUNTIME_DIR"] = before


@pytest.fixture(scope="session")
def _shared(runtime_dir):
    """Real runs by their workers' names (and functions), kept for the session: starting one costs more than a test."""
    runs = {}
    yield runs
    for run in runs.values():
        _close(run)


def _close(run):
    pids = pids_of(run)
    directory = run._running.info.directory
    run.close()
    until(lambda: not any(map(alive, pids)))
    assert not directory.exists()


# ---------------------------------------------------------------- one test


class Processes:
    """Real runs for one test: shared ones by default, one of its own when it asks for anything special."""

    real = True

    def __init__(self, shared):
        self._shared = shared
        self._used = []
        self._own = []
        self._clients = []
        self._cut = []

    def to_be_cut(self, *names):
        """A run whose connections the test cuts: the bytes in them are lost, and are in nobody's account."""
        run = self(*names)
        self._cut.append(run)
        return run

    def __call__(self, *names, own=False, functions=False, **options):
        if own or options:
            run = fp.up(*names, functions=functions, **{"journal": IN_MEMORY, **options})
            self._own.append(run)
            return run
        key = (names, functions)
        run = self._shared.get(key)
        if run is not None and set(run.pids) != set(names):  # a test has lost one of them
            _close(self._shared.pop(key))
            run = None
        if run is None:
            run = self._shared[key] = fp.up(*names, functions=functions, journal=IN_MEMORY)
        if key not in self._used:
            self._used.append(key)
        return run

    def another(self, run):
        """One more client of a run, for as long as the test lasts."""
        client = fp.connect(run._running.info.address)
        self._clients.append(client)
        return client

    def finish(self, failed):
        try:
            for client in self._clients:
                client.close()
            for key in self._used:
                if failed:  # its frames still hold pointers, and nobody knows what else it left
                    _close(self._shared.pop(key))
                else:
                    self._check(key)
        finally:
            for run in self._own:
                _close(run)

    def _check(self, key):
        try:
            run = self._shared[key]
            assert_empty(run)
            if run in self._cut:
                _close(self._shared.pop(key))
            else:
                assert not unaccounted(run), "bytes went that are not accounted for"
        except BaseException:
            _close(self._shared.pop(key))
            raise


class Simulated:
    """The same runs in this process, on a seeded schedule."""

    real = False

    def __init__(self, seed):
        self._seed = seed
        self._worlds = []

    def __call__(self, *names, own=False, sync=False, functions=False):
        world = World(list(names), self._seed, sync=sync)
        for core in world.workers.values():
            core._cells._functions = checked_functions(functions)
        self._worlds.append(world)
        return world.run

    def another(self, run):
        """One more client of a run."""
        (world,) = [w for w in self._worlds if run in w.runs]
        return world.add_client()

    def finish(self, failed):
        if failed:
            return
        for world in self._worlds:
            if not world.run._session.closed:
                assert_empty(world.run)
            world.finish()


@pytest.fixture(params=["sim", "zmq"])
def cluster(request):
    """``cluster("julie", "toby")`` gives a run with these workers; each test happens in both worlds.

    Options (``own=True``, and what ``fp.up`` takes) give a run that no other test has seen.
    """
    yield from _cluster(request, simulated=request.param == "sim")


@pytest.fixture
def processes(request):
    """As ``cluster``, on real processes only."""
    yield from _cluster(request, simulated=False)


def _cluster(request, simulated):
    if simulated:
        factory = Simulated(seed=sum(request.node.name.encode()))
    else:
        factory = Processes(request.getfixturevalue("_shared"))
    yield factory
    factory.finish(request.node.stash.get(_FAILED, False))
