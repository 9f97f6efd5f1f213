"""Both clocks on the same programs and networks: where latencies dominate, modelled time is the time that it takes."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import farptr as fp

APART = 0.10
"""What they may differ by."""
TRIES = 3
"""A machine with other work to do is slow now and then; the quickest run by the wall's clock counts."""


def round_trips(sim: Any) -> None:
    x = fp.send([1.0, 2.0], sim[0])
    for _ in range(5):
        x.get_copy()


def chain(sim: Any) -> None:
    p = fp.send([1.0, 2.0], sim[0])
    for worker in list(sim)[1:]:
        p = p.send(worker)
    for _ in range(3):
        p.get_copy(all=True)


def ring(sim: Any) -> None:
    p = fp.send(np.ones(100), sim[0])
    for i in range(8):
        p = (p + 1.0).move(sim[(i + 1) % len(sim)])
    p.get()


def fan_in(sim: Any) -> None:
    for _ in range(3):
        parts = [fp.send(np.ones(50), worker) for worker in sim]
        moved = [(part * 2.0).move(sim[0]) for part in parts]
        sum(moved[1:], start=moved[0]).get()


def pipeline(sim: Any) -> None:
    x = fp.send(np.ones(50), sim[0])
    for _ in range(200):
        x = x + 1.0
    x.get()
    sim.sync()


def transfers(sim: Any) -> None:
    for worker in sim:
        fp.send(np.zeros(100_000), worker).get()


SLOW = fp.Network(everybody={"latency": "40 ms"})
NARROW = fp.Network(everybody={"latency": "20 ms", "bandwidth": "40 Mbit/s"})
UNEVEN = fp.Network(everybody="broadband", parties={"w2": "3G"}, links={("w1", "w3"): {"latency": "100 ms"}})
RUNS = [
    (round_trips, SLOW), (chain, SLOW), (ring, SLOW), (fan_in, SLOW), (pipeline, SLOW), (transfers, NARROW),
    (chain, UNEVEN), (ring, UNEVEN), (fan_in, UNEVEN),
]  # fmt: skip


def seconds(program: Callable[[Any], None], network: fp.Network, clock: str) -> float:
    with fp.up(4, clock=clock, net=network, timeout=60) as sim:
        began_s = sim.now
        program(sim)
        return float(sim.now - began_s)


@pytest.mark.slow
@pytest.mark.parametrize(("program", "network"), RUNS)
def test_the_clocks_agree_where_latencies_dominate(program, network):
    virtual_s = seconds(program, network, "virtual")
    wall_s = min(seconds(program, network, "wall") for _ in range(TRIES))
    if path := os.environ.get("FARPTR_FIGURES"):
        with open(path, "a", encoding="utf-8") as file:  # noqa: PTH123
            name = {id(SLOW): "40 ms", id(NARROW): "20 ms, 40 Mbit/s", id(UNEVEN): "broadband and 3G"}[id(network)]
            file.write(f"| {program.__name__.replace('_', ' ')} | {name} | {virtual_s:.3f} | {wall_s:.3f} |\n")
    assert wall_s == pytest.approx(virtual_s, rel=APART)
