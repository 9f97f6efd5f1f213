"""Run random programs of several clients: ``python -m tests.sim.check_several [first seed] [how many]``."""

from __future__ import annotations

import random
import sys
import time
import warnings
from collections import Counter
from typing import Any

import numpy as np

from farptr.network.network import Network
from farptr.protocol.commands import KEEP_NAMED
from farptr.protocol.errors import ObjectGone
from farptr.protocol.ids import worker_of
from farptr.worker.store import Pointer as Stored
from tests.sim.several import Client, SteppedBy, program
from tests.sim.world import World

WORKERS = ["julie", "toby", "carol", "dan"]


def carry_out(steps: list[SteppedBy], world: World) -> None:
    """Every step; then everybody lets go, the names are taken away, and nothing is left."""
    text: list[str] = []
    seen: set[tuple[str, int]] = set()
    clients = [Client(run, seen, f"c{at + 1}", text) for at, run in enumerate(world.runs)]
    for worker in world.workers:
        world.workers[worker].load({"own": np.arange(3)})
    for client in clients:
        client.others, client.cores = clients, world.workers
    try:
        for at, *step in steps:
            clients[at % len(clients)].step(tuple(step))
            for client in clients:
                client.sweep()
        for client in clients:
            client.do_sync(0, 0, 0)
        for client in clients:
            for h in list(client.model.handles):  # what is exact is as the model has it, to the end
                client.do_ask(0, client.model.handles.index(h), 0)
                client.do_get_copy(0, client.model.handles.index(h), 0)
            for at in range(len(client.wild)):
                client.do_wild_ask(0, at, 0)
            client.do_sync(0, 0, 0)
        check_chains(world)
        for at, (name, core) in enumerate(world.workers.items()):
            for label in core.store.labels:
                del clients[at % len(clients)].workers[name][label]
        assert all(e.keep != KEEP_NAMED for c in world.workers.values() for e in c.store.entries.values())
        for client in clients:
            client.let_go()
        text.append("# everybody let go")
        clients.clear()
        world.finish()
    except Exception as error:
        error.add_note("\n".join(["the program:", *text]))
        raise


def check_chains(world: World) -> None:
    """No stored pointer leads to itself, though nobody may ask."""
    for core in world.by_number.values():
        for name in [name for entry in core.store.entries.values() for name in entry.names]:
            passed: set[int] = set()
            here: Any = Stored(name)
            while isinstance(here, Stored):
                assert here.target not in passed, f"World seed {world.seed}: a cycle through {name}"
                passed.add(here.target)
                try:
                    here = world.by_number[worker_of(here.target)].store.value(here.target)
                except ObjectGone:
                    break


def run_program(
    steps: list[SteppedBy], seed: int, clients: int = 2, workers: int = 3, network: Network | None = None
) -> World:
    """One program under the schedule of a seed, perhaps on a modelled network."""
    world = World(WORKERS[:workers], seed, clients=clients)
    if network is not None:
        world.network(network)
    rng = random.Random(seed)
    if rng.random() < 0.3:
        links = [link.name for link in (*world.up.values(), *world.down.values())]
        world.slow = set(rng.sample(links, rng.choice((1, 1, 2))))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        carry_out(steps, world)
    return world


def drawn(seed: int, length: tuple[int, int] = (20, 60)) -> tuple[list[SteppedBy], int, int]:
    """(program, clients, workers) of a seed."""
    rng = random.Random(seed)
    clients = rng.choice((2, 2, 3))
    return program(rng, rng.randint(*length), clients), clients, rng.choice((2, 2, 3, 4))


def run_seed(seed: int, length: tuple[int, int] = (20, 60)) -> World:
    """One random program under one random schedule; raises when anything is wrong."""
    steps, clients, workers = drawn(seed, length)
    return run_program(steps, seed, clients, workers)


def _fails(steps: list[SteppedBy], seeds: list[int], clients: int, workers: int) -> tuple[int, Exception] | None:
    for seed in seeds:
        try:
            run_program(steps, seed, clients, workers)
        except Exception as error:  # any failure will do
            return seed, error
    return None


def shrink(seed: int, tries: int = 10) -> tuple[list[SteppedBy], int, int, int, Exception]:
    """The failing program of a seed with as many steps removed as can be, under other schedules too."""
    steps, clients, workers = drawn(seed)
    seeds = [seed, *range(tries)]
    found = _fails(steps, [seed], clients, workers)
    assert found, "it does not fail"
    smaller = True
    while smaller:
        smaller = False
        for at in reversed(range(len(steps))):
            shorter = steps[:at] + steps[at + 1 :]
            again = _fails(shorter, [found[0], *seeds], clients, workers)
            if again:
                steps, found, smaller = shorter, again, True
    return steps, found[0], clients, workers, found[1]


def main(first: int = 0, count: int = 1000) -> None:
    """Run many seeds, shrink the first that fail, and count the rest."""
    begun, steps = time.perf_counter(), 0
    failed: Counter[str] = Counter()
    for seed in range(first, first + count):
        try:
            steps += run_seed(seed).steps
        except Exception as error:  # all are counted
            failed[f"{type(error).__name__} {str(error)[:90]}"] += 1
            if sum(failed.values()) <= 2:
                small, at, clients, workers, why = shrink(seed)
                print(f"seed {seed}: run_program({small}, {at}, {clients}, {workers})")
                print(f"{type(why).__name__}: {why}"[:1500])
                print(*getattr(why, "__notes__", [])[:1], sep="\n", flush=True)
    took = time.perf_counter() - begun
    print(f"{count} programs, {sum(failed.values())} failed, {steps} deliveries, {took:.1f} s, {count / took:.0f}/s")
    for what, n in failed.most_common(15):
        print(n, what.replace("\n", " "))


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
