"""Arrays that workers make from nothing stand in program order like any other command."""

from __future__ import annotations

import random

import numpy as np
import pytest

from farptr.xp.devices import Device
from farptr.xp.namespace import Namespace
from tests.sim.world import World

KINDS = ("make", "make", "from", "add", "change", "forget", "read", "elsewhere")


def take_a_step(rng, number, xp, known):
    """One command on what is known of a namespace: pairs of a pointer and the array that it must be like."""
    kind = rng.choice(KINDS) if known else "make"
    p, a = rng.choice(known) if known else (None, None)
    if kind == "make":
        known.append((xp.full((3,), number), np.full(3, number)))
    elif kind == "from":
        known.append((xp.asarray([number, 1, 2]), np.array([number, 1, 2])))
    elif kind == "add":
        q, b = rng.choice(known)
        known.append((xp.add(xp.add(p, q), xp.arange(3)), a + b + np.arange(3)))
    elif kind == "change":
        p += number
        a += number
    elif kind == "forget":
        del known[rng.randrange(len(known))]
    elif kind == "elsewhere":
        there = rng.choice(["julie", "toby", "carol"])
        assert p.to_device(there).get_copy(all=True).tolist() == a.tolist()
    else:
        assert p.get_copy(all=True).tolist() == a.tolist()


def program(seed, steps=40):
    """Random commands on arrays made by julie, reached at one, two and three hops, against plain arrays."""
    rng, world = random.Random(seed), World(["julie", "toby", "carol"], seed)
    julie, toby, carol = (worker.number for worker in world.run)
    ways = [(julie,), (toby, julie), (carol, toby, julie)]
    session = world.run._session
    places = [(Namespace(Device(session, way)), []) for way in ways]
    for step in range(steps):
        take_a_step(rng, step, *rng.choice(places))
    for _, known in places:
        while known:
            pointer, array = known.pop()
            assert pointer.get(all=True).tolist() == array.tolist()
    world.run.sync()
    assert not any(worker._objects for worker in world.run)
    world.finish()


@pytest.mark.parametrize("seed", range(25))
def test_random_programs_equal_their_plain_numpy(seed):
    program(seed)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(25, 1000))
def test_many_more(seed):
    program(seed)
