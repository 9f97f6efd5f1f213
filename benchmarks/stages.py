"""Where the time of a confirmed operation goes, stage by stage, beside the floor: ``python benchmarks/stages.py``.

Every process notes when a message of its socket was read and when one was handed over, by the clock that all processes
of a machine share. A stage is the time between two of these notes on the way there and back: within a process, or
between two. Each figure is the median over some thousand operations, in microseconds. The notes cost about 1 µs each,
for the floor as well.

With ``--spy DIR`` the processes of farptr are also sampled by py-spy during a pipelined loop (as root, or where ptrace
is allowed), and the folded stacks are written there.
"""

from __future__ import annotations

import argparse
import contextlib
import itertools
import json
import mmap
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import zmq

import farptr as fp
from farptr.bench import floor as base

NOTES = 1 << 20
READ, SENT = 0, 1
BLOCK = 50
PATIENCE_S = 20.0
now_ns = time.monotonic_ns


class Notes:
    """(time, event) pairs in a file that outlives whoever writes them."""

    def __init__(self, path: Path) -> None:
        with path.open("r+b") as file:
            self._cells = memoryview(mmap.mmap(file.fileno(), NOTES * 8)).cast("q")
        self._next = 0

    def add(self, event: int) -> None:
        if self._next < NOTES:
            self._cells[self._next] = now_ns() << 1 | event
            self._next += 1


def note_all(notes: Notes) -> None:
    """From now on sockets note whole messages: their last frame read, their last frame handed over."""

    class Noting(zmq.Socket):  # type: ignore[type-arg]
        def recv(self, *args: Any, **kwargs: Any) -> Any:
            frame = super().recv(*args, **kwargs)
            if not self.rcvmore:
                notes.add(READ)
            return frame

        def send(self, data: Any, flags: int = 0, *args: Any, **kwargs: Any) -> Any:
            sent = super().send(data, flags, *args, **kwargs)
            if not flags & zmq.SNDMORE:
                notes.add(SENT)
            return sent

    zmq.Context._socket_class = Noting


def be(role: str, address: str, path: Path) -> None:
    """One process of a run or of the floor."""
    note_all(Notes(path))
    if role in ("floor broker", "floor worker"):
        (base._broker if role == "floor broker" else base._worker)(address)
    elif role == "broker":
        from farptr.broker.process import serve as broker

        broker(address, run="stages", seed=1)
    else:
        from farptr.worker.shell import serve as worker

        worker(role, address)


@contextlib.contextmanager
def started(folder: Path, roles: list[str], address: str) -> Iterator[dict[str, subprocess.Popen[bytes]]]:
    """These processes, each with notes of its own; ended behind it."""
    running = {}
    try:
        for role in roles:
            (folder / role).write_bytes(bytes(NOTES * 8))
            command = [sys.executable, __file__, "--be", role, address, str(folder / role)]
            running[role] = subprocess.Popen(command)
            if role.endswith("broker"):
                wait_until(Path(address.removeprefix("ipc://")).exists)
        yield running
    finally:
        for process in reversed(running.values()):
            process.terminate()
        for process in running.values():
            process.wait()


def wait_until(condition: Callable[[], bool]) -> None:
    deadline_s = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline_s, "a process did not come up"
        time.sleep(0.01)


def events(path: Path, process: str) -> list[tuple[int, str, int]]:
    cells = np.fromfile(path, np.int64)
    return [(int(cell) >> 1, process, int(cell) & 1) for cell in cells[cells != 0]]


def way(workers: list[str], broker: str) -> list[tuple[str, int]]:
    """The notes of one round trip in order, without the client's ends."""
    found: list[tuple[str, int]] = [("client", SENT)]
    for worker in workers:
        found += [(broker, READ), (broker, SENT), (worker, READ), (worker, SENT)]
    return [*found, (broker, READ), (broker, SENT), ("client", READ)]


def stages(spans: list[tuple[int, int]], seen: list[tuple[int, str, int]], path: list[tuple[str, int]]) -> list[float]:
    """The median of each stage: the last note of each kind before the next one on the way, looked for from its end."""
    seen.sort()
    times = np.array([at for at, _, _ in seen])
    table: list[list[float]] = []
    for began, ended in spans:
        first, last = np.searchsorted(times, [began, ended])
        marks = [ended]
        at = last
        for process, event in reversed(path):
            at -= 1
            while at >= first and seen[at][1:] != (process, event):
                at -= 1
            if at < first:
                break
            marks.append(seen[at][0])
        else:
            marks.append(began)
            table.append([(b - a) / 1e3 for b, a in itertools.pairwise(marks)][::-1])
    assert len(table) > len(spans) / 2, "the way is another one"
    return [round(float(v), 1) for v in np.median(np.array(table), axis=0)]


def words(path: list[tuple[str, int]]) -> list[str]:
    names = ["client: until its message has left"]
    for (before, event), (after, _) in itertools.pairwise(path):
        names.append(f"{before} → {after}" if event == SENT else f"{before}")
    return [*names, "client: until it goes on"]


def timed(work: Callable[[], object], count: int) -> list[tuple[int, int]]:
    spans = []
    for _ in range(count):
        began = now_ns()
        work()
        spans.append((began, now_ns()))
    return spans[1:]


def measure(folder: Path, rounds: int, spy: Path | None) -> dict[str, Any]:
    near, far, flat = way(["julie"], "broker"), way(["toby", "julie"], "broker"), way(["floor worker"], "floor broker")
    (folder / "client").write_bytes(bytes(NOTES * 8))
    note_all(Notes(folder / "client"))
    spans: dict[str, list[tuple[int, int]]] = {"floor": [], "one hop": [], "two hops": []}
    ours, theirs = f"ipc://{folder / 'a'}", f"ipc://{folder / 'b'}"
    with (
        started(folder, ["floor broker", "floor worker"], theirs) as floor,
        started(folder, ["broker", "julie", "toby"], ours) as running,
    ):
        client = base.Floor(theirs)
        client.meet()
        sim = fp.connect(ours)
        wait_until(lambda: len(sim) == 2)
        x = fp.tensor([1.0, 2.0, 3.0, 4.0]).send(sim["julie"])
        xx = x.clone().send(sim["toby"])
        works = {"floor": client.trip, "one hop": confirmed(x, sim), "two hops": confirmed(xx, sim)}
        for _ in range(rounds):
            for name, work in works.items():
                spans[name] += timed(work, BLOCK)
        profiles = profiled(running, x, sim, spy) if spy else None
        del x, xx, works
        sim.close()
        client.end()
        floor["floor broker"].wait(PATIENCE_S)
    seen = [event for path in folder.iterdir() if path.is_file() for event in events(path, path.name)]
    found: dict[str, Any] = {}
    for name, path in (("floor", flat), ("one hop", near), ("two hops", far)):
        total = statistics.median((b - a) / 1e3 for a, b in spans[name])
        rows = list(zip(words(path), stages(spans[name], seen, path), strict=True))
        found[name] = {"total_us": round(total, 1), "stages_us": rows}
    message_us = found["floor"]["total_us"] / 4
    for name in ("one hop", "two hops"):
        found[name]["to_floor"] = round(found[name]["total_us"] / found["floor"]["total_us"], 2)
        found[name]["stages_us"] = [(stage, us, round(us / message_us, 2)) for stage, us in found[name]["stages_us"]]
    return found | ({"profiles": profiles} if profiles else {})


def confirmed(p: Any, sim: fp.Run) -> Callable[[], object]:
    return lambda: (p + p, sim.sync())


def profiled(running: dict[str, subprocess.Popen[bytes]], x: Any, sim: fp.Run, folder: Path) -> list[str]:
    """Folded stacks of each process while ``z = z + x`` goes on."""
    folder.mkdir(parents=True, exist_ok=True)
    pids = {"client": os.getpid(), "broker": running["broker"].pid, "julie": running["julie"].pid}
    spies = [
        subprocess.Popen(
            ["py-spy", "record", "-f", "raw", "-r", "500", "-d", "4", "-o", folder / f"{name}.folded", "-p", str(pid)],
            stdout=subprocess.DEVNULL,
        )
        for name, pid in pids.items()
    ]
    while any(process.poll() is None for process in spies):
        z = x
        for _ in range(20_000):
            z = z + x
        sim.sync()
    return sorted(str(path) for path in folder.iterdir())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=60, help="blocks of 50 operations each")
    parser.add_argument("--spy", type=Path, help="also sample with py-spy, and write folded stacks there")
    parser.add_argument("--be", nargs=3, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.be:
        be(asked.be[0], asked.be[1], Path(asked.be[2]))
        return
    with tempfile.TemporaryDirectory(prefix="fps-") as folder:
        Path(folder).chmod(0o700)
        print(json.dumps(measure(Path(folder), asked.rounds, asked.spy), indent=1, ensure_ascii=False))


if __name__ == "__main__":
    main()
