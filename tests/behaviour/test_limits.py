"""What is too large for one message is refused by who would send it, and takes nothing else with it."""

from __future__ import annotations

import numpy as np
import pytest

import farptr as fp
from farptr.protocol.body import MAX_BODY_BYTES
from farptr.protocol.texts import MAX_ABOUT_BYTES, MAX_TEXT_BYTES
from farptr.worker.finding import MOST_FOUND

LONG = "x" * (MAX_ABOUT_BYTES + 1)


@pytest.fixture
def neighbour(cluster):
    """A worker and an array on it; what is issued right before and right after the test's own has happened."""
    (julie,) = cluster("julie")
    n = fp.tensor([0]).send(julie)
    n += 1
    yield julie
    n += 1
    assert n.get().tolist() == [2]


@pytest.mark.parametrize(
    "call",
    [
        lambda julie, p: p.describe(LONG),
        lambda julie, p: p.tag(LONG),
        lambda julie, p: p.tag(*map(str, range(9000))),
        lambda julie, p: fp.tensor([1]).describe(LONG).send(julie),
        lambda julie, p: fp.tensor([1]).tag(LONG).send(julie),
    ],
)
def test_long_tags_and_descriptions(neighbour, call):
    p = fp.tensor([1]).send(neighbour)
    with pytest.raises(fp.MessageTooLarge, match=f"over the limit of {MAX_ABOUT_BYTES}") as told:
        call(neighbour, p)
    assert told.value.size > told.value.limit == MAX_ABOUT_BYTES
    assert p.describe(LONG[1:]).description == LONG[1:]
    assert p.get().description == LONG[1:]


def test_tags_add_up_at_the_worker(neighbour):
    p = fp.tensor([1]).tag("#many").send(neighbour)
    (found,) = neighbour.search("#many")
    half = [LONG[: MAX_ABOUT_BYTES // 2] + end for end in "ab"]
    p.tag(half[0])
    found._node.about = None  # as for a client that does not know of the other's tags
    found.tag(half[1])
    with pytest.raises(fp.MessageTooLarge, match="tag on julie"):
        p._session.sync()
    assert p.get().tags == ("#many", half[0])


@pytest.mark.parametrize(
    "call",
    [
        lambda julie, text: julie[text],
        lambda julie, text: julie.search(text),
        lambda julie, text: julie.search("a", text),
    ],
)
def test_long_texts_in_questions(neighbour, call):
    with pytest.raises(fp.MessageTooLarge, match=f"over the limit of {MAX_TEXT_BYTES}"):
        call(neighbour, "x" * (MAX_TEXT_BYTES + 1))


def test_many_objects_that_fit(neighbour):
    held = [fp.tensor([i]).tag("#all", f"#{i}").send(neighbour) for i in range(MOST_FOUND)]
    assert len(neighbour.search("#all")) == MOST_FOUND
    held.append(fp.tensor([1]).tag("#all").send(neighbour))
    with pytest.raises(fp.MessageTooLarge, match=f"{MOST_FOUND + 1} objects fit"):
        neighbour.search("#all")
    (found,) = neighbour.search("#7")
    assert found.get_copy().tolist() == [7]


def test_a_listing_of_many_values(neighbour):
    """Their bytes do not fit one body: they come beside it."""
    values = np.arange(480.0)
    held = [fp.tensor(values + i).send(neighbour) for i in range(MAX_BODY_BYTES // values.nbytes + 1)]
    listed = list(neighbour._objects.values())[1:]
    assert len(listed) == len(held)
    assert all((found == values + i).all() for i, found in enumerate(listed))


def test_a_failure_that_quotes_a_long_argument(neighbour):
    p = fp.tensor([1]).send(neighbour)
    with pytest.raises(TypeError) as told:
        p.astype("x" * 1_000_000).get()
    assert len(str(told.value)) < 20_000
