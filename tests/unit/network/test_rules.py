"""Rules: which one decides, and which contradict each other."""

from __future__ import annotations

import pytest

from farptr.network.rules import Rule, Rules
from farptr.protocol.errors import BadNetwork


def rules(*given: Rule) -> Rules:
    made = Rules()
    for rule in given:
        made.add(rule)
    return made


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (Rule("drop"), Rule("drop")),
        (Rule("drop"), Rule("pass", source="julie")),
        (Rule("pass", source="julie"), Rule("delay", source="julie", what="fetched", delay="1 s")),
        (Rule("drop", destination="toby"), Rule("pass", source="me", destination="toby", times=3)),
    ],
)
def test_what_could_never_decide_is_refused(first: Rule, second: Rule) -> None:
    """A program that adds it means that it does something."""
    made = rules(first)
    with pytest.raises(BadNetwork, match="never decide"):
        made.add(second)
    assert len(made.rows()) == 1
    assert made.take(made.rows()[0][0])
    made.add(second)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (Rule("pass", source="julie"), Rule("drop")),
        (Rule("drop", times=2), Rule("pass")),
        (Rule("drop", source="julie"), Rule("pass", destination="toby")),
        (Rule("drop", what="sent"), Rule("drop", what="fetched")),
    ],
)
def test_exceptions_come_first_and_what_ends_or_leaves_something_contradicts_nothing(first: Rule, second: Rule) -> None:
    assert len(rules(first, second).rows()) == 2


def test_the_first_that_fits_decides_as_often_as_it_says() -> None:
    made = rules(Rule("pass", source="julie", times=1), Rule("delay", source="julie", delay="1 s"), Rule("drop"))
    told = [made.verdict(("julie", "toby"), "pushed") for _ in range(2)]
    assert told == [(0.0, ""), (1.0, "")]
    assert made.verdict(("toby", "julie"), "pushed")[1]
