"""How long a wait goes on without an answer, by a clock of the test's own: real cores, a real session, no sleeping."""

from __future__ import annotations

import time
from types import SimpleNamespace

import pytest

import farptr as fp
from farptr.client import waiting
from tests.sim.world import World

LIMIT_S = 1.0
NEVER_S = float("inf")


class SlowRun:
    """A run whose worker takes ``each_s`` for an envelope, ``turns`` of them at most; time passes in waits alone."""

    def __init__(self, monkeypatch, each_s, turns=10**6):
        self.now_s, self.last_s, self._each_s, self._turns = 0.0, 0.0, each_s, turns
        self._world = world = World(["julie"], 1)
        world.pace = world.flushes = 0.0
        self.run = world.run
        self.pointer = fp.tensor([0]).send(self.run["julie"])
        self.run.sync()
        world.slow = {">julie"}
        session = self.run._session
        session.timeout_s = LIMIT_S
        monkeypatch.setattr(session.link.connection, "wait", self._wait)
        monkeypatch.setattr(waiting, "time", SimpleNamespace(monotonic=lambda: self.now_s, sleep=time.sleep))

    def queue(self, count):
        """So many envelopes, of one command each."""
        for _ in range(count):
            self.pointer += 1
            self.run.flush()

    def _wait(self, timeout_s):
        self._world.drain()
        end_s = self.now_s + timeout_s
        assert end_s < 1000 * LIMIT_S, "it waits for ever"
        while not self.run._session.link.connection.inbox:
            turn_s = self.last_s + self._each_s if self._turns else NEVER_S
            if turn_s > end_s:
                self.now_s = end_s
                return
            self.now_s = self.last_s = turn_s
            self._turns -= 1
            self._world.deliver(">julie")
            self._world.drain()

    def finish(self):
        self._world.slow.clear()
        self._world.settle()


@pytest.mark.parametrize("each_s", [0.01 * LIMIT_S, 0.3 * LIMIT_S, 0.49 * LIMIT_S])
def test_a_long_queue_that_makes_progress_is_waited_for(monkeypatch, each_s):
    slow = SlowRun(monkeypatch, each_s)
    slow.queue(1000)
    assert slow.pointer.get_copy().tolist() == [1000]
    assert slow.now_s == pytest.approx(1001 * each_s)
    assert slow.now_s > 5 * LIMIT_S


@pytest.mark.parametrize("turns", [0, 1, 7])
def test_without_progress_it_ends_in_time(monkeypatch, turns):
    slow = SlowRun(monkeypatch, 0.3 * LIMIT_S, turns)
    slow.queue(20)
    with pytest.raises(fp.DeadlineExceeded, match=rf"within {LIMIT_S:g} s.*julie has {21 - turns} to do"):
        slow.pointer.get_copy()
    assert LIMIT_S / 2 <= slow.now_s - slow.last_s <= 2 * LIMIT_S
    assert slow.now_s >= LIMIT_S
    slow.finish()
    assert slow.pointer.get_copy().tolist() == [20]


def test_a_single_command_that_takes_longer_than_the_limit_is_given_up(monkeypatch):
    slow = SlowRun(monkeypatch, 2.5 * LIMIT_S)
    slow.queue(3)
    with pytest.raises(fp.DeadlineExceeded):
        slow.run.sync(timeout=LIMIT_S)
    assert slow.now_s <= 2 * LIMIT_S


def test_who_waits_for_ever_does(monkeypatch):
    slow = SlowRun(monkeypatch, 50 * LIMIT_S)
    slow.queue(3)
    assert slow.pointer.get_copy(timeout=None).tolist() == [3]
    assert slow.now_s == pytest.approx(4 * 50 * LIMIT_S)
