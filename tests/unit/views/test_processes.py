"""The table of processes, from made-up statuses."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from rich.console import Console

from farptr.client.status import Process, Status
from farptr.launch.rundir import RunInfo
from farptr.views.processes import duration, size, started, table

JULIE = Process("julie", "worker", 11, "busy (3 to do)", 4, 75.0, 27_700_000)
TOBY = Process("toby", "worker", 12, "stopped", None, 75.0, 27_700_000)
BROKER = Process("broker", "broker", 13, "gone")
MINE = Process("me", "client", 14, "up", None, 3.0, 40_000_000)


def lines_of(renderable):
    out = io.StringIO()
    Console(file=out, width=200).print(renderable)
    return [line.rstrip() for line in out.getvalue().splitlines()]


def test_table_has_a_row_for_each_process():
    found = lines_of(table([Status("team", "ipc:///x", (JULIE, TOBY, BROKER, MINE))]))
    assert [line.split() for line in found] == [
        ["RUN", "NAME", "ROLE", "PID", "STATE", "OBJECTS", "UPTIME", "MEMORY"],
        ["team", "julie", "worker", "11", "busy", "(3", "to", "do)", "4", "1m", "15s", "27.7", "MB"],
        ["team", "toby", "worker", "12", "stopped", "?", "1m", "15s", "27.7", "MB"],
        ["team", "broker", "broker", "13", "gone", "-", "-", "-"],
        ["team", "me", "client", "14", "up", "-", "3s", "40.0", "MB"],
    ]


def test_table_says_what_is_wrong_with_a_run():
    found = lines_of(table([Status("team", "ipc:///x", (BROKER,), trouble="its broker is stopped")]))
    assert found[-1] == "team: its broker is stopped"


def test_started_has_the_pids():
    info = RunInfo("team", Path("/x"), "ipc:///x/s", 1, 0.0, 2, {"julie": 3}, "1", "2024-01-01T00:00:00+00:00")
    assert [line.split() for line in lines_of(started(info))] == [
        ["run", "team"],
        ["broker", "up", "pid", "2"],
        ["julie", "up", "pid", "3"],
    ]


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.4, "0s"), (59.9, "59s"), (60, "1m 00s"), (3599, "59m 59s"), (11220, "3h 07m"), (183600, "2d 03h")],
)
def test_duration(seconds, text):
    assert duration(seconds) == text


@pytest.mark.parametrize(
    ("count", "text"),
    [(0, "0 B"), (999, "999 B"), (1000, "1.0 kB"), (41_300_000, "41.3 MB"), (999_999, "1.0 MB"), (5e12, "5000.0 GB")],
)
def test_size(count, text):
    assert size(count) == text
