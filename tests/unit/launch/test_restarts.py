"""The books of restarts, with a clock of their own."""

from __future__ import annotations

import pytest

from farptr.launch import restarts as module
from farptr.launch.restarts import AGAIN, AT_MOST, WITHIN_S, Restarts
from farptr.launch.spec import WorkerSpec

JULIE, TOBY = WorkerSpec("julie", "shard.npz"), WorkerSpec("toby")
TOO_OFTEN = f"it died {AT_MOST + 1} times within {WITHIN_S:g} s, and is not started again"


@pytest.fixture
def clock(monkeypatch):
    now = [100.0]
    monkeypatch.setattr(module.time, "monotonic", lambda: now[0])

    def go_on(seconds):
        now[0] += seconds

    return go_on


@pytest.fixture
def restarts(clock):
    books = Restarts(automatic=True)
    books.started(JULIE)
    books.started(TOBY)
    return books


def die_and_come(books, name):
    why = books.died(name)
    books.told(name)
    assert books.ready() == [], "not before the broker knows"
    books.heard(name)
    for spec, _ in books.ready():
        books.started(spec)
    return why


def test_who_dies_comes_again_with_its_file(restarts):
    assert restarts.died("julie") == AGAIN
    restarts.told("julie")
    assert restarts.ready() == []
    restarts.heard("julie")
    assert restarts.ready() == [(JULIE, None)]
    assert restarts.ready() == [], "once"


def test_five_times_in_thirty_seconds(restarts, clock):
    for _ in range(AT_MOST):
        assert die_and_come(restarts, "julie") == AGAIN
        clock(WITHIN_S / (AT_MOST + 1))
    assert die_and_come(restarts, "julie") == TOO_OFTEN
    assert restarts.gone == {"julie": TOO_OFTEN}
    assert restarts.ready() == []
    assert die_and_come(restarts, "toby") == AGAIN, "each has its own count"


def test_slow_deaths_go_on_for_ever(restarts, clock):
    for _ in range(10 * AT_MOST):
        assert die_and_come(restarts, "julie") == AGAIN
        clock(WITHIN_S / AT_MOST + 0.1)
    assert restarts.gone == {}


def test_asking_for_one_begins_anew(restarts):
    for _ in range(AT_MOST + 1):
        die_and_come(restarts, "julie")
    restarts.on_purpose("julie", request := object(), unheard=False)
    ((spec, asked_by),) = restarts.ready()
    assert (spec, asked_by) == (JULIE, request)
    restarts.started(spec)
    assert restarts.gone == {}
    assert die_and_come(restarts, "julie") == AGAIN


def test_who_was_removed_does_not_come(restarts):
    restarts.forget("julie")
    assert restarts.died("julie") == ""
    assert restarts.ready() == []


def test_nobody_comes_unless_that_is_wanted(clock):
    books = Restarts(automatic=False)
    books.started(JULIE)
    assert books.died("julie") == ""
    assert books.ready() == []
    books.on_purpose("julie", None, unheard=True)
    assert books.ready() == []
    books.heard("julie")
    assert books.ready() == [(JULIE, None)]
