"""When futures are completed, by a clock of the test's own: real cores, a real session, no thread, no sleeping."""

from __future__ import annotations

import gc
import weakref
from types import SimpleNamespace

import pytest

import farptr as fp
from farptr.client import pending
from farptr.client.futures import fetch
from tests.sim.world import World
from tests.unit.client.test_patience import LIMIT_S, SlowRun


@pytest.fixture
def slow(monkeypatch):
    def make(each_s, turns=10**6):
        run = SlowRun(monkeypatch, each_s, turns)
        clock = SimpleNamespace(monotonic=lambda: run.now_s)
        monkeypatch.setattr(pending, "time", clock)
        monkeypatch.setattr("farptr.client.futures.time", clock)
        return run

    return make


# ---------------------------------------------------------------- how long


@pytest.mark.parametrize("each_s", [0.01 * LIMIT_S, 0.49 * LIMIT_S])
def test_a_long_queue_that_makes_progress_is_waited_for(slow, each_s):
    run = slow(each_s)
    run.queue(1000)
    fs = [run.pointer.get_copy_async() for _ in range(3)]
    assert [f.result().tolist() for f in fs] == [[1000]] * 3
    assert run.now_s == pytest.approx(1003 * each_s)


@pytest.mark.parametrize("turns", [0, 1, 7])
def test_without_progress_it_ends_in_time(slow, turns):
    run = slow(0.3 * LIMIT_S, turns)
    run.queue(20)
    one, other, patient = (run.pointer.get_copy_async(timeout=t) for t in (LIMIT_S, LIMIT_S, None))
    with pytest.raises(fp.DeadlineExceeded, match=rf"within {LIMIT_S:g} s to get julie:\d+, and no progress: julie"):
        one.result()
    assert LIMIT_S / 2 <= run.now_s - run.last_s <= 2 * LIMIT_S
    assert isinstance(other.exception(timeout=0), fp.DeadlineExceeded)
    assert not patient.done()
    run.finish()
    assert patient.result().tolist() == [20]


def test_the_shortest_time_is_looked_after_first(slow):
    run = slow(1000.0)
    run.queue(1)
    long, short = run.pointer.get_copy_async(timeout=50.0), run.pointer.get_copy_async(timeout=0.5)
    assert isinstance(short.exception(), fp.DeadlineExceeded)
    assert 0.5 <= run.now_s <= 1.0
    assert isinstance(long.exception(), fp.DeadlineExceeded)
    assert 50.0 <= run.now_s <= 100.0
    run.finish()


def test_the_time_of_a_wait_ends_the_wait_alone(slow):
    run = slow(0.4)
    run.queue(5)
    f = run.pointer.get_copy_async()
    with pytest.raises(TimeoutError):
        f.result(timeout=1.0)
    assert 1.0 <= run.now_s < 1.5
    assert not f.done()
    assert f.result(timeout=5.0).tolist() == [5]


def test_a_stopped_worker_is_told_of(slow):
    run = slow(100.0)
    run.queue(1)
    f, patient = run.pointer.get_copy_async(), run.pointer.get_copy_async(timeout=None)
    parties = run.run._session.core.parties
    parties.stall(run.run["julie"].number, "its process is stopped")
    with pytest.raises(fp.WorkerUnresponsive, match="julie does not answer: its process is stopped"):
        f.result()
    assert run.now_s < LIMIT_S
    assert not patient.done()
    run.finish()
    assert patient.result().tolist() == [1]


def test_a_broker_that_says_nothing_ends_it(slow, monkeypatch):
    run = slow(100.0)
    run.queue(1)
    f, g = run.pointer.get_copy_async(), run.pointer.get_copy_async()

    def silent(link):
        raise fp.DeadlineExceeded("the broker does not answer")

    monkeypatch.setattr(pending, "progress", silent)
    for future in (f, g):
        assert "the broker does not answer" in str(future.exception())
    run.finish()


# ---------------------------------------------------------------- what it leaves


@pytest.fixture
def world():
    world = World(["julie", "toby"], 5)
    world.pace = world.flushes = 0.0
    yield world
    world.finish()


def outstanding(run):
    session = run._session
    return (
        session.pending._waiting,
        session.pending._decided,
        session.core.answers.come,
        session.core.answers._waiting,
    )


def test_what_was_given_up_leaves_nothing(world):
    julie, toby = world.run
    pp = fp.tensor([1]).send(julie).send(toby)
    fs = [pp.get_copy_async(), pp.get_copy_async(all=True), pp.get_async()]
    assert [f.cancel() for f in fs] == [True] * 3
    assert not any(outstanding(world.run))
    assert pp.get(all=True).tolist() == [1]
    world.run.sync()
    assert not any(outstanding(world.run))


def test_an_answer_that_is_here_already_is_given_up_too(world):
    julie, toby = world.run
    pp = fp.tensor([1]).send(julie).send(toby)
    f = pp.get_copy_async()
    world.settle()
    world.run._session.link.take_in()
    assert f.cancel()
    assert not any(outstanding(world.run))
    del pp
    assert julie.count() == 0


def test_a_copy_does_not_keep_its_handle(world):
    julie, _ = world.run
    p = fp.tensor([1]).send(julie)
    f = p.get_copy_async()
    del p
    assert julie.count() == 0
    assert f.result().tolist() == [1]


def test_a_future_that_nobody_keeps_goes_with_what_it_brought(world):
    julie, toby = world.run
    pp = fp.tensor([1]).send(julie).send(toby)
    f, other = pp.get_async(), fp.tensor([2]).send(julie).get_async()
    gone = weakref.ref(f)
    gc.disable()
    try:
        del pp, f
        assert other.result().tolist() == [2]
        while gone() is not None:
            fp.tensor([2]).send(julie).get_async().result()
        assert toby.count() + julie.count() == 0
    finally:
        gc.enable()


def test_a_failed_future_keeps_no_frame(world):
    julie, _ = world.run
    q = fp.tensor([1, 2]).send(julie)[7]
    f = q.get_async()
    error = f.exception()
    assert isinstance(error, IndexError)
    assert error.__traceback__ is None


def test_what_is_wrong_with_the_connection_is_told_to_all(world, monkeypatch):
    p = fp.tensor([1]).send(world.run["julie"])
    fs = [p.get_copy_async() for _ in range(2)]
    connection = world.run._session.link.connection

    def wrong(timeout_s):
        raise fp.ProtocolError("that is no envelope")

    with monkeypatch.context() as patch:
        patch.setattr(connection, "wait", wrong)
        with pytest.raises(fp.ProtocolError, match="no envelope"):
            fs[0].result()
    assert isinstance(fs[1].exception(timeout=0), fp.ProtocolError)
    assert p.get().tolist() == [1]


def test_an_end_that_the_session_finds_itself(world):
    p = fp.tensor([1]).send(world.run["julie"])
    f = p.get_async()
    link = world.run._session.link
    link.expired = fp.SessionExpired("it was given up")
    link.closed = "it was given up"
    with pytest.raises(fp.SessionExpired, match="it was given up"):
        f.result()
    link.closed, link.expired = "", None
    assert p.get().tolist() == [1]


def test_asking_that_fails_leaves_the_handle(world, monkeypatch):
    p = fp.tensor([1]).send(world.run["julie"])
    session = world.run._session

    def full(first):
        raise fp.Overloaded("worker julie does not keep up")

    with monkeypatch.context() as patch:
        patch.setattr(session, "issued", full)
        with pytest.raises(fp.Overloaded):
            p.get_async()
    assert not any(outstanding(world.run)[:2])
    assert p.get().tolist() == [1]


def test_a_lost_worker_is_named_with_its_hop():
    world = World(["julie", "toby"], 3)
    world.pace = world.flushes = 0.0
    julie, toby = world.run
    pp = fp.tensor([1]).send(julie).send(toby)
    world.run.sync()
    world.slow = {">julie"}
    f, near = pp.get_copy_async(all=True), pp.get_copy_async()
    world.drain()
    world.lose("julie")
    with pytest.raises(fp.WorkerLost, match=r"worker julie \(hop 1\) is gone: it was killed") as told:
        f.result()
    assert (told.value.worker, told.value.hop) == ("julie", 1)
    assert near.result().location == julie


# ---------------------------------------------------------------- one question, one envelope


def test_gather_asks_in_batches(world):
    julie, _ = world.run
    ps = [fp.tensor([i]).send(julie) for i in range(50)]
    world.run.sync()
    before = {(r.source, r.destination): r.envelopes for r in world.run.traffic()}
    assert fp.gather(ps) == [[i] for i in range(50)]
    after = {(r.source, r.destination): r.envelopes for r in world.run.traffic()}
    assert after["julie", "me"] - before.get(("julie", "me"), 0) == 1


def test_an_interrupted_gather_gives_everything_up(world, monkeypatch):
    julie, toby = world.run
    ps = [fp.tensor([1]).send(julie), fp.tensor([1]).send(julie).send(toby)]
    connection = world.run._session.link.connection

    def interrupted(timeout_s):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(connection, "wait", interrupted)
        with pytest.raises(KeyboardInterrupt):
            fp.gather(ps)
    assert not any(outstanding(world.run))
    assert fp.gather(ps, all=True) == [[1], [1]]


def test_an_interrupted_wait_gives_nothing_up(world, monkeypatch):
    f = fetch(fp.tensor([1]).send(world.run["julie"]))
    connection = world.run._session.link.connection

    def interrupted(timeout_s):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(connection, "wait", interrupted)
        with pytest.raises(KeyboardInterrupt):
            f.result()
    assert f.result().tolist() == [1]
