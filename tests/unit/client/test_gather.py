"""A failed question to several workers keeps nothing alive: what its caller had goes when the caller lets go."""

from __future__ import annotations

import gc

import pytest

import farptr as fp
from tests.sim.world import World


@pytest.mark.parametrize("failing", [1, 2])
def test_a_caught_error_keeps_nothing(failing):
    world = World(["julie", "toby"], 1)
    world.pace = world.flushes = 0.0
    workers = world.run.workers

    def fail():
        good = [fp.tensor([1, 2]).send(worker) for worker in workers]
        bad = [p + fp.tensor([1, 2, 3]).send(p.location) for p in good[:failing]]
        pointers = fp.combine_pointers(*bad, *good)
        with pytest.raises(ValueError):
            pointers.get_copy()
        assert good[0].shape == (2,)

    gc.collect()
    gc.disable()
    try:
        fail()
        world.run.sync()
        assert [worker.count() for worker in workers] == [0, 0]
    finally:
        gc.enable()
    world.finish()
