"""The processes of runs as a table."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from farptr.protocol.names import BROKER
from farptr.views.palette import colours

if TYPE_CHECKING:
    from farptr.client.status import Process, Status
    from farptr.launch.rundir import RunInfo

_STATES = {"idle": "green", "up": "green", "stopped": "red", "gone": "red", "?": "yellow"}
_RIGHT = ("PID", "OBJECTS", "UPTIME", "MEMORY")


def table(runs: Iterable[Status]) -> RenderableType:
    """One row for each process of each run; below, what was wrong where the broker could not be asked."""
    runs = list(runs)
    grid = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="bold")
    for heading in ("RUN", "NAME", "ROLE", "PID", "STATE", "OBJECTS", "UPTIME", "MEMORY"):
        grid.add_column(heading, no_wrap=True, justify="right" if heading in _RIGHT else "left")
    for run in runs:
        styles = colours(process.name for process in run.processes)
        for process in run.processes:
            grid.add_row(run.name, *_cells(process, styles))
    troubles = [Text(f"{run.name}: {run.trouble}", "yellow") for run in runs if run.trouble]
    return Group(grid, *troubles)


def started(info: RunInfo) -> RenderableType:
    """A run that has just come up: a line for each process."""
    grid = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, show_header=False)
    pids = {BROKER: info.broker_pid, **info.workers}
    styles = colours(pids)
    for name, pid in pids.items():
        grid.add_row(Text(name, styles[name]), Text("up", "green"), f"pid {pid}")
    return Group(Text(f"run {info.name}", "bold"), grid)


def _cells(process: Process, styles: dict[str, str]) -> list[str | Text]:
    unknown = "?" if process.role == "worker" else "-"
    return [
        Text(process.name, styles[process.name]),
        process.role,
        "-" if process.pid is None else str(process.pid),
        Text(process.state, _STATES.get(process.state, "yellow")),
        unknown if process.objects is None else str(process.objects),
        "-" if process.uptime_s is None else duration(process.uptime_s),
        "-" if process.memory_bytes is None else size(process.memory_bytes),
    ]


def duration(seconds: float) -> str:
    """A time span in its two largest units: ``5s``, ``2m 05s``, ``3h 07m``, ``2d 03h``."""
    whole = int(seconds)
    for unit, unit_s, part, part_s in (("d", 86400, "h", 3600), ("h", 3600, "m", 60), ("m", 60, "s", 1)):
        if whole >= unit_s:
            return f"{whole // unit_s}{unit} {whole % unit_s // part_s:02d}{part}"
    return f"{whole}s"


def size(count: int) -> str:
    """A number of bytes in decimal units: ``512 B``, ``41.3 MB``."""
    value = float(count)
    for unit in ("B", "kB", "MB", "GB"):
        if value < 999.95 or unit == "GB":
            break
        value /= 1000
    return f"{value:.0f} {unit}" if unit == "B" else f"{value:.1f} {unit}"
