"""Objects go when nobody holds them any more: soon, however they were let go of, and without one that stays."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import random
import signal
import time

import farptr as fp
from tests.chaos import links
from tests.chaos.measure_objects import WAYS
from tests.chaos.measure_tools import holds, quantiles, rss_mib, until

EMPTY_BAR_S = 2.0
CLIENT_BAR_S = 12.0
OBJECTS = 1_000_000
CLIENTS_OBJECTS = 2_000


def left(run):
    """What is stored or counted in a run where nobody holds anything; empty when all is well."""
    stored = [f"{worker.name} has {count}" for worker in run if (count := worker.count())]
    rows = run._session.ask_broker("rows", settled=True)
    return [*stored, *map(str, run.leaks()[:5])] + ([f"{len(rows)} rows, as {rows[:3]}"] if rows else [])


# ---------------------------------------------------------------- the last drop


def build(run, count):
    """Objects of all kinds: data, chains of two and three, results of operations on them."""
    a, b, c = run
    held = []
    while len(held) < count:
        x = fp.tensor([1, 2, 3])
        held += [x.send(a), x.send(b).send(a), x.send(c).send(b).send(a)]
        held += [held[-1] + 1, held[-2] * 2, held[-3].clone()]
    return held


def last_drop(run, other, sizes):
    """Seconds from the last drop until the stores are empty, as another client sees it."""
    times_s = []
    for size in sizes:
        held = build(run, size)
        run.sync()
        assert holds(other) > size
        held.clear()
        times_s.append(until(lambda: holds(other) == 0))
    return times_s


# ---------------------------------------------------------------- a client's end


def holder(pipe, address):
    """A client that holds objects, and makes more until it is killed."""
    run = fp.connect(address)
    held = build(run, CLIENTS_OBJECTS)
    run.sync()
    pipe.send("ready")
    while True:
        if pipe.poll(0):
            pipe.recv()
            time.sleep(3600)
        held[-1] = held[-1] + 1


def client_killed(run, other, how):
    """Seconds from a client's kill -9 until what it held is gone."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    client = context.Process(target=holder, args=(theirs, run._running.info.address), daemon=True)
    client.start()
    assert ours.poll(60), "the client did not come up"
    ours.recv()
    if how == "idle":
        ours.send("rest")
        until(lambda: holds(other) > CLIENTS_OBJECTS)
    elif how == "stopped":
        os.kill(client.pid, signal.SIGSTOP)
    elif how == "cut":
        links.cut(client.pid, run._running.info.address)
    client.kill()
    took_s = until(lambda: holds(other) == 0)
    client.join()
    return took_s


# ---------------------------------------------------------------- a million


def many(run, total):
    """Make and drop objects in every way; how many by each."""
    chance, made = random.Random(3), {}
    while sum(made.values()) < total:
        for name, (way, share) in WAYS.items():
            made[name] = made.get(name, 0) + way(run, max(1, share * total // 1000), chance)
    return made


def lifetimes(short):
    """Stores empty 2 s after the last drop, 12 s after a client's kill -9; no leak among 1,000,000 objects."""
    total = OBJECTS // 50 if short else OBJECTS
    sizes = (1, 300) if short else [*(1, 100, 1_000, 10_000) * 5, 50_000]
    run = fp.up("julie", "toby", "carol")
    hows = ["idle", "working", "stopped", *(["cut"] if links.can_cut(run._running.info.broker_pid) else [])]
    with contextlib.closing(run), fp.connect(run._running.info.address) as other:
        drops_s = last_drop(run, other, sizes)
        kills_s = {how: [client_killed(run, other, how) for _ in range(1 if short else 6)] for how in hows}
        wrong = left(run)
        pids = {"broker": run._running.info.broker_pid, **run._running.info.workers}
        before_mib = {name: rss_mib(pid) for name, pid in pids.items()}
        began_s = time.monotonic()
        made = many(run, total)
        took_s = time.monotonic() - began_s
        empty_s = until(lambda: holds(other) == 0)
        wrong += left(run)
        grown = {name: round(rss_mib(pid) - before_mib[name], 1) for name, pid in pids.items()}
    worst_s = max(value for values in kills_s.values() for value in values)
    wrong += [f"empty {max(drops_s):.2f} s after the last drop"] if max(*drops_s, empty_s) > EMPTY_BAR_S else []
    wrong += [f"empty {worst_s:.2f} s after a client's kill -9"] if worst_s > CLIENT_BAR_S else []
    return {
        "empty_after_last_drop": quantiles(drops_s),
        "empty_after_kill_of_client": {how: quantiles(values) for how, values in kills_s.items()},
        "objects": sum(made.values()), "by": made, "seconds_of_work": round(took_s, 1),
        "empty_after_all_ms": round(1e3 * empty_s, 1), "rss_grown_mib": grown, "wrong": wrong,
    }  # fmt: skip
