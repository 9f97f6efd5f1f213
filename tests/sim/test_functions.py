"""Functions stand in program order like any operation, whatever way they go; kept ones are there in time."""

from __future__ import annotations

import random

import pytest

import farptr as fp
from farptr.client import functions as client_functions
from farptr.protocol.commands import FUNCTION
from farptr.protocol.functions import ON
from farptr.worker import functions as worker_functions
from tests.sim.world import World

KEPT = 2
WORKERS = ("julie", "toby", "carol")


@pytest.fixture(autouse=True)
def few_are_kept(monkeypatch):
    for module in (client_functions, worker_functions):
        monkeypatch.setattr(module, "KEPT", KEPT)


def _adding(n):
    def add(x, more=0):
        x += n + more
        return {"sum": int(x.sum()), "x": x}

    return add


def _program(seed, steps=30):
    """Commands on one array, directly and by two ways, as operations, functions and kept functions."""
    rng = random.Random(seed)
    world = World(list(WORKERS), seed)
    for core in world.workers.values():
        core._cells._functions = ON
    julie, toby, carol = world.run
    kept = [fp.remote(_adding(n)) for n in (1, 10, 100, 1000)]
    p = fp.tensor([1, 2]).send(julie)
    ways = [p, p.clone().send(toby), p.clone().send(carol), p.clone().send(toby).send(carol)]
    model, asked = [1, 2], []
    for step in range(steps):
        way = rng.choice(ways)
        kind = rng.choice(("operation", "run", "kept", "kept", "kept", "captured", "read"))
        if kind == "operation":
            way += step
            change = step
        elif kind == "run":
            way.apply(_adding(step))
            change = step
        elif kind == "captured":
            way.apply(lambda x, way=way: x.__iadd__(way[:1] * 0 + 5))
            change = 5
        elif kind == "kept":
            which, more = rng.randrange(len(kept)), rng.randrange(3)
            change = 10**which + more
            asked.append((kept[which](way, more=more), sum(model) + 2 * change))
        else:
            assert way.get_copy(all=True).tolist() == model
            change = 0
        model = [n + change for n in model]
    assert p.get_copy().tolist() == model
    for made, expected in asked:
        assert int(made["sum"].get(all=True)) == expected
    del p, ways, way, asked, made
    world.run.sync()
    assert all(not worker._objects for worker in world.run)
    world.finish()


@pytest.mark.parametrize("seed", range(25))
def test_functions_stand_in_program_order(seed):
    _program(seed)


def test_a_function_that_overtakes_is_found(monkeypatch):
    """Sent past a fence, it can push one out of a worker's keeping that an earlier call still needs."""

    def unfenced(core, worker, parcel):
        known = core.taught.setdefault(worker, {})
        if parcel.digest in known:
            return
        buffers: list = []
        wire = parcel.encoded(buffers)
        core.batches.flush()
        batch = core.batches.batch(worker)
        batch.buffers = buffers
        core.tell(batch, (FUNCTION, parcel.digest, wire), (worker,))
        known[parcel.digest] = None
        if len(known) > KEPT:
            del known[next(iter(known))]

    monkeypatch.setattr(client_functions, "teach", unfenced)
    failed = 0
    for seed in range(25):
        try:
            _program(seed)
        except (AssertionError, fp.FarptrError):
            failed += 1
    assert failed


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(25, 1000))
def test_many_more(seed):
    _program(seed)
