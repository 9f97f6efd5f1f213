"""What is said of links one over the other, and taken back in any order."""

from __future__ import annotations

from random import Random

import pytest

from farptr.network.layers import MOST, Layers
from farptr.network.links import link
from farptr.network.model import Model
from farptr.network.network import Change, Network

KEY = ("a", "b")


@pytest.mark.parametrize("seed", range(20))
def test_what_holds_is_the_last_that_was_not_taken_back(seed: int) -> None:
    rng, layers, said, holds = Random(seed), Layers(), [(0, "base")], "base"
    for step in range(200):
        if rng.random() < 0.5 and len(said) < MOST - 1:
            said.append((layers.put(KEY, step, holds), step))
            holds = step
        elif len(said) > 1:
            number, _ = said.pop(rng.randrange(1, len(said)))
            assert layers.take(number) == (KEY, said[-1][1])
            holds = said[-1][1]
            assert layers.take(number) is None, "it was taken back already"


def test_of_very_many_the_oldest_stay() -> None:
    layers = Layers()
    numbers = [layers.put(KEY, n, None) for n in range(10 * MOST)]
    assert layers.take(numbers[0]) is None
    for number in reversed(numbers[-MOST + 1 :]):
        found = layers.take(number)
    assert found == (KEY, 9 * MOST), "what the last one that could be taken back had covered"


def model(**words) -> Model:
    return Model(Network(**words), Random(1))


def test_of_two_changes_that_overlap_each_can_be_taken_back_first() -> None:
    made = model(links={KEY: {"latency": "1 ms"}})

    def now_s() -> float:
        return made.network.between(*KEY).latency.typical_s

    slow = made.change([(KEY, link(latency="1 s"))])
    slower = made.change([(KEY, link(latency="2 s"))])
    made.undo(slow)
    assert now_s() == 2
    made.undo(slower)
    made.undo(slower)
    assert now_s() == 0.001
    gone = made.change([(KEY, None)])
    assert now_s() == 0
    made.undo(gone)
    assert now_s() == 0.001


def test_a_change_of_the_network_itself_outlives_what_is_taken_back_later() -> None:
    made = model(changes=[Change(5.0, KEY, link(latency="3 s"))])
    slow = made.change([(KEY, link(latency="1 s"))])
    made.due(6.0)
    made.undo(slow)
    assert made.network.between(*KEY).latency.typical_s == 3
    other = made.change([(KEY, link(latency="1 s"))])
    made.replace(Network(), 7.0)
    made.undo(other)
    assert made.network == Network(), "another network has nothing of the one before"
