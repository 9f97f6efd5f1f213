"""Cells stand in program order like any other command, whatever way the commands before them took."""

from __future__ import annotations

import random

import numpy as np
import pytest

from farptr.client.cells import _ask, _said, run_cell
from farptr.client.core import SessionCore
from farptr.protocol.commands import CELL
from farptr.protocol.functions import ON
from tests.sim.world import World


def world_with_functions(seed):
    world = World(["julie", "toby"], seed)
    for core in world.workers.values():
        core._cells._functions = ON
    return world


def run(worker, source):
    (said,) = run_cell([worker], source)
    assert said.error is None, said.error
    return said.shown


def program(seed, steps=25):
    """Commands on julie's ``w``, directly, by way of toby and in cells, against a plain array."""
    rng, world = random.Random(seed), world_with_functions(seed)
    julie, toby = world.run
    run(julie, "w = np.zeros(2, dtype=int)")
    model = np.zeros(2, dtype=int)
    p = julie["w"]
    chain = julie["w"].send(toby)
    asked = []
    for step in range(steps):
        kind = rng.choice(("direct", "chain", "chain", "cell", "later", "rebind", "read"))
        if kind == "direct":
            p += step
            model += step
        elif kind == "chain":
            chain *= 2
            chain += 1
            model = model * 2 + 1
        elif kind == "cell":
            assert run(julie, f"w -= {step}\nw.tolist()") == str((model - step).tolist())
            model -= step
        elif kind == "later":  # its answer is awaited at the end
            asked.append((_ask(julie, "w[0] += 3\nw.tolist()"), model + np.array([3, 0])))
            model = asked[-1][1].copy()
        elif kind == "rebind":
            run(julie, "w = w + 1")
            model = model + 1
            p, chain = julie["w"], julie["w"].send(toby)
        else:
            assert chain.get_copy().get_copy().tolist() == model.tolist()
            run(julie, "w = w % 997")
            model = model % 997
            p, chain = julie["w"], julie["w"].send(toby)
    assert p.get_copy().tolist() == model.tolist()
    for key, want in asked:
        assert _said(julie, key).shown == str(want.tolist())
    run(julie, "del w")
    del p, chain
    world.run.sync()
    assert not julie._objects
    assert not toby._objects
    world.finish()


@pytest.mark.parametrize("seed", range(30))
def test_random_programs_with_cells_equal_their_plain_numpy(seed):
    program(seed)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(30, 1000))
def test_many_more(seed):
    program(seed)


def test_a_cell_that_is_not_fenced_is_found(monkeypatch):
    def unfenced(self, worker, source):
        batch = self.batches.batch(worker)
        number = self.answers.expect(self._next(), (worker,))
        batch.commands.append((number, CELL, source))
        self.out.flush()
        return number

    monkeypatch.setattr(SessionCore, "cell", unfenced)
    failed = 0
    for seed in range(30):
        try:
            program(seed)
        except AssertionError:
            failed += 1
    assert failed
