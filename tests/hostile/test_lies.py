"""Peers that lie, of every kind, at the real cores; and inputs that once got through."""

from __future__ import annotations

import random

import pytest

from tests.hostile import cores, targets

SEEDS = 400


@pytest.mark.parametrize("name", sorted(cores.CORES))
def test_lies_are_refused_and_harm_nobody_else(name):
    for seed in range(SEEDS):
        data = random.Random(f"{name} {seed}").randbytes(seed % 200)
        try:
            cores.CORES[name](data)
        except Exception as error:
            error.add_note(f"{name}({data!r})")
            raise


@pytest.mark.parametrize("name", sorted(targets.TARGETS))
def test_decoders_refuse_what_is_spoilt(name):
    draw = random.Random(name)
    for seed in targets.seeds(name):
        for _ in range(60):
            data = bytearray(seed)
            for _ in range(draw.randrange(3)):
                at = draw.randrange(len(data))
                data[at : at + draw.randrange(3)] = draw.randbytes(draw.randrange(3))
            targets.run_one(targets.TARGETS[name], bytes(data))
