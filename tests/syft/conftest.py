"""One run for all tests of the PySyft face in a process; after each test its workers' stores are empty."""

from __future__ import annotations

import gc

import pytest

WORKERS = ("julie", "toby", "alice", "bob", "secure_worker")


@pytest.fixture(scope="session")
def _started(runtime_dir):
    sy = pytest.importorskip("farptr.syft", reason="torch is not installed (pip install torch)")
    import torch

    hook = sy.TorchHook(torch)
    yield sy, hook, {name: sy.VirtualWorker(hook, id=name) for name in WORKERS}
    hook.close()


@pytest.fixture
def face(_started):
    """(sy, hook, workers by name)."""
    sy, hook, workers = _started
    yield sy, hook, workers
    if any(worker.count() for worker in workers.values()):
        gc.collect()  # an exception's traceback is a cycle
    left = {name: worker._objects for name, worker in workers.items() if worker.count()}
    for worker in workers.values():
        worker.clear_objects()
    assert not left, f"left behind: {left}"


@pytest.fixture
def sy(face):
    return face[0]


@pytest.fixture
def hook(face):
    return face[1]


@pytest.fixture
def julie(face):
    return face[2]["julie"]


@pytest.fixture
def toby(face):
    return face[2]["toby"]


@pytest.fixture
def alice(face):
    return face[2]["alice"]


@pytest.fixture
def bob(face):
    return face[2]["bob"]
