"""``clock.costs`` and ``clock.settings``: what a user may write, what turns then cost, and measured costs."""

from __future__ import annotations

import json

import numpy as np
import pytest

from farptr.clock.costs import FREE, Meter, Record, constant_s, costs_of, flops, for_worker
from farptr.clock.settings import clock_of
from farptr.protocol.errors import BadClock, BadNetwork

A, B = np.zeros((3, 4)), np.zeros((4, 5))


@pytest.mark.parametrize(
    ("written", "plain"),
    [
        (None, FREE),
        ("5 ms", {"turn": 0.005}),
        ("2 GFLOP/s", {"flops": 2e9}),
        ({"operation": "1 ms", "matmul": "20 ms", "turn": "1 s"}, {"operation": 0.001, "matmul": 0.02, "turn": 1.0}),
        (
            {"worker": {"julie": "1 s"}, "else": "1 MFLOP/s"},
            {"worker": {"julie": {"turn": 1.0}}, "else": {"flops": 1e6}},
        ),
        ({"worker": {"julie": "1 s"}}, {"worker": {"julie": {"turn": 1.0}}, "else": FREE}),
    ],
)
def test_what_a_user_writes(written, plain):
    assert costs_of(written) == plain


@pytest.mark.parametrize(
    ("written", "error", "says"),
    [
        (5, BadClock, "no cost"),
        ("5", BadNetwork, "no unit"),
        ("-5 ms", BadNetwork, "negative"),
        ("0 GFLOP/s", BadClock, "no work"),
        ({"matmul": 3}, BadNetwork, "no unit"),
        ({1: "1 s"}, BadClock, "no cost"),
        ({"worker": "julie"}, BadClock, "worker"),
        ({"worker": {}, "matmul": "1 s"}, BadClock, "else"),
        ({"measured": "f", "turn": "1 s"}, BadClock, "measured"),
        ({"matmull": "1 s"}, BadClock, "did you mean 'matmul'"),
        ({"opperation": "1 s"}, BadClock, "did you mean 'operation'"),
        ({"worker": {"julie": {"add": "1 s", "einsumm": "1 s"}}}, BadClock, "did you mean 'einsum'"),
        ({"qqqq": "1 s"}, BadClock, "docs/semantics.md"),
    ],
)
def test_what_cannot_be_meant(written, error, says):
    with pytest.raises(error, match=says):
        costs_of(written)


def test_the_walls_clock_takes_no_costs():
    assert clock_of("wall") is None
    with pytest.raises(BadClock, match="virtual"):
        clock_of("wall", "1 s")
    with pytest.raises(BadClock, match="no clock"):
        clock_of("lunar")


def test_a_worker_has_its_own_costs_or_those_of_all():
    costs = costs_of({"worker": {"julie": "1 s"}, "else": "1 MFLOP/s"})
    assert constant_s(for_worker(costs, "julie")) == 1.0
    assert constant_s(for_worker(costs, "toby")) is None
    assert for_worker(FREE, "toby") == FREE


@pytest.mark.parametrize(
    ("operation", "operands", "made", "count"),
    [
        ("matmul", [A, B], np.zeros((3, 5)), 2 * 3 * 5 * 4),
        ("np:dot", [A[0], A[0]], np.float64(0), 2 * 4),
        ("add", [A, 1.0], A, 12),
        (".sum", [A], np.float64(0), 12),
        (".T", [A], A.T, 0),
        ("add", [A, A], None, 12),
        ("xp:linalg.matmul", [A, B], np.zeros((3, 5)), 2 * 3 * 5 * 4),
        ("np:tensordot", [np.zeros((2, 3, 4)), np.zeros((3, 4, 5))], np.zeros((2, 5)), 2 * 2 * 5 * 12),
        ("np:vdot", [A, A], np.float64(0), 2 * 12),
    ],
)
def test_floating_point_operations(operation, operands, made, count):
    assert flops(operation, operands, made) == count


def test_a_meter_adds_up_a_turn_and_begins_anew():
    meter = Meter(costs_of({"turn": "1 s", "operation": "10 ms", "matmul": "100 ms"}))
    meter.note("add", [A], A)
    meter.note("matmul", [A, B], A)
    assert meter.take_ns() == 1_110_000_000
    assert meter.take_ns() == 1_000_000_000
    run = Meter(costs_of("1 kFLOP/s"))
    with pytest.raises(ZeroDivisionError):
        run.wrapped(lambda operation, operands: 1 / 0)("add", [A])
    assert run.take_ns() == 12_000_000


def test_costs_are_measured_once_and_then_replayed(tmp_path):
    path = tmp_path / "costs.json"
    first = Record(path)
    assert first.next_s("julie") is None
    for cost_s in (0.25, 0.75):
        first.add("julie", cost_s)
    first.write()
    again = Record(path)
    assert [again.next_s("julie") for _ in range(4)] == [0.25, 0.75, 0.5, 0.5]
    assert again.next_s("toby") == 0.0
    again.add("julie", 9.0)
    again.write()
    assert json.loads(path.read_text())["turns"] == {"julie": [0.25, 0.75]}


@pytest.mark.parametrize("text", ["", "{}", '{"format": 2, "turns": {}}', '{"format": 1, "turns": {"a": [-1]}}'])
def test_a_file_that_holds_no_costs(tmp_path, text):
    path = tmp_path / "costs.json"
    path.write_text(text)
    with pytest.raises(BadClock, match="measured costs"):
        costs_of({"measured": path})


def test_a_folder_that_is_not_there(tmp_path):
    with pytest.raises(BadClock, match="can be written"):
        costs_of({"measured": tmp_path / "none" / "costs.json"})
