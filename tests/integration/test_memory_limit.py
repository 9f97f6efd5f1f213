"""Workers with a memory limit: what does not fit is an error of its own, and the worker lives on."""

from __future__ import annotations

import sys

import numpy as np
import pytest

import farptr as fp
from tests.conftest import alive, until

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="a memory limit needs Linux's RLIMIT_AS")

LIMIT_BYTES = 80_000_000
ITEMS = 1_000_000


@pytest.fixture
def run():
    with fp.up("julie", "toby", memory_limit=LIMIT_BYTES) as run:
        yield run


def lives(run, name="julie"):
    assert fp.tensor([1, 2]).send(run[name]).get().tolist() == [1, 2]
    return True


def test_an_operation_without_room_is_a_typed_error(run):
    julie, _ = run
    pid = run.pids["julie"]
    p = fp.tensor(np.ones(ITEMS)).send(julie)
    q = p.reshape((1000, 1000, 1)) * p.reshape((1, 1000, 1000))
    with pytest.raises(fp.WorkerOutOfMemory, match=r"Unable to allocate.*multiply on julie") as caught:
        q.get()
    error = caught.value
    assert error.definite
    assert isinstance(error, MemoryError)
    assert isinstance(error, fp.RemoteError)
    assert "--memory-limit" in error.hint
    assert error.report.worker == julie.number
    assert float(p.sum().get()) == ITEMS
    assert run.pids["julie"] == pid
    assert lives(run)


def test_an_operation_in_place_leaves_its_target(run):
    p = fp.tensor(np.arange(ITEMS)).send(run["julie"])
    big = p.reshape((-1, 1)) * p[:1000]
    p += big.sum(axis=1)
    with pytest.raises(fp.SeveralFailed) as caught:
        run.sync()
    assert {type(error) for error in caught.value.exceptions} == {fp.WorkerOutOfMemory}
    assert p.get()[:3].tolist() == [0, 1, 2]


def test_room_is_given_back(run):
    p = fp.tensor(np.ones(ITEMS)).send(run["julie"])
    for _ in range(20):  # 160 MB in all, 16 MB at a time
        q = p + 1
        assert float(q[0].get()) == 2
        del q
    kept = [p + 1 for _ in range(LIMIT_BYTES // p.get_copy().nbytes + 1)]
    with pytest.raises(fp.WorkerOutOfMemory):
        kept[-1][0].get()
    with pytest.raises((fp.WorkerOutOfMemory, fp.SeveralFailed)):
        run.sync()
    kept.clear()
    until(lambda: run["julie"].count() == 1)
    assert float((p + 1)[0].get()) == 2


def test_what_is_sent_without_room_is_that_error_too(run):
    julie, _ = run
    p = fp.tensor(np.ones(20 * ITEMS)).send(julie)
    with pytest.raises(fp.WorkerOutOfMemory, match="no room for 160000000 bytes"):
        p.sum().get()
    with pytest.raises(fp.WorkerOutOfMemory, match="no room"):
        p.get()
    assert lives(run)
    assert lives(run, "toby")
    small = fp.tensor(np.ones(ITEMS)).send(julie)
    assert float(small.sum().get()) == ITEMS


def test_what_is_moved_without_room(run):
    julie, toby = run
    there = fp.tensor(np.ones(3 * ITEMS)).send(toby)
    held = [fp.tensor(np.ones(3 * ITEMS)).send(julie) for _ in range(3)]
    run.sync()
    there.move(julie)
    with pytest.raises(fp.WorkerOutOfMemory):
        there.get()
    assert [float(p.sum().get()) for p in held] == [3 * ITEMS] * 3
    assert lives(run)


def test_what_comes_while_it_works_and_finds_no_memory_ends_the_worker_and_nobody_waits():
    """ZeroMQ cuts the connection then. The worker notices, ends, and is started again where that was wanted."""
    with fp.up("julie", "toby", memory_limit=LIMIT_BYTES, restart=True) as run:
        julie, _ = run
        pid = run.pids["julie"]
        slow = fp.tensor(np.ones((900, 900), int)).send(julie)
        big = fp.tensor(np.ones(20 * ITEMS))
        run.sync()
        busy = slow @ slow
        run.flush()
        until(lambda: run._session.ask_broker("progress")["queues"].get("julie"))
        sent = big.send(julie)
        with pytest.raises((fp.WorkerLost, fp.WorkerOutOfMemory)) as caught:
            sent.sum().get()
        if isinstance(caught.value, fp.WorkerLost):
            until(lambda: not alive(pid))
            assert lives(run, "toby")
            run.restart("julie")
        assert lives(run)
        del busy


def test_blas_finds_its_buffers_within_any_limit():
    """OpenBLAS ends a process that cannot map them: they are mapped before the limit holds."""
    with fp.up("julie", memory_limit="8MB") as run:
        p = fp.tensor(np.eye(300)).send(run["julie"])
        assert float((p @ p).sum().get()) == 300
        assert lives(run)


def test_own_data_is_outside_the_limit(tmp_path):
    np.save(tmp_path / "x.npy", np.ones(3 * ITEMS))
    with fp.up({"julie": tmp_path / "x.npy"}, memory_limit="16MB") as run:
        x = run["julie"]["x"]
        assert float(x.sum().get()) == 3 * ITEMS
        with pytest.raises(fp.WorkerOutOfMemory):
            (x + 1).get()


@pytest.mark.parametrize("size", ["much", 0, -1, "1 XB", True])
def test_what_is_no_size(size):
    with pytest.raises(fp.UsageError, match="is no size"):
        fp.up("julie", memory_limit=size)
