"""The tour's reading of accounts, and how it takes a line apart."""

from __future__ import annotations

import ast

import pytest

from farptr.client.account import Traffic
from farptr.demo import tour


def rows(*edges):
    return [Traffic(source, destination, "sent", count, size, 0) for source, destination, count, size in edges]


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ([], [], []),
        ([("me", "julie", 3, 0)], [("me", "julie", 3, 0)], []),
        ([], [("me", "julie", 1, 0)], ["me → broker → julie"]),
        (
            [("me", "toby", 2, 0)],
            [("me", "toby", 3, 0), ("toby", "julie", 1, 0)],
            ["me → broker → toby → broker → julie"],
        ),
        ([], [("julie", "me", 1, 0), ("me", "julie", 1, 0)], ["me → broker → julie → broker → me"]),
        (
            [],
            [("julie", "toby", 1, 0), ("me", "toby", 1, 0), ("toby", "julie", 1, 0)],
            ["me → broker → toby → broker → julie → broker → toby"],
        ),
        (
            [],
            [("me", "julie", 2, 0), ("me", "toby", 1, 0)],
            ["me → broker → julie", "me → broker → toby"],
        ),
        ([], [("julie", "toby", 1, 0)], ["julie → broker → toby"]),
    ],
)
def test_routes_are_the_difference_of_two_accounts(before, after, expected):
    assert tour.routes(rows(*before), rows(*after)) == expected


def test_data_is_the_difference_too():
    before, after = rows(("me", "toby", 1, 16)), rows(("me", "toby", 2, 16), ("toby", "julie", 1, 16))
    assert tour.data(before, after) == "   (16 bytes toby → julie)"
    assert tour.data(after, after) == ""


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("x", ["x"]),
        ("x = 1", ["x = 1"]),
        ("julie, toby = sim", ["julie, toby = sim"]),
        ("f(a.b().c())", ["f(a.b().c())"]),
        ("a.b().c(1).d", ["a.b().c(1).d"]),
        ("y.get().get()", ["y.get()", "_.get()"]),
        ("p = fp.tensor([1]).send(a).send(b)", ["fp.tensor([1])", "_.send(a)", "p = _.send(b)"]),
        ("assert x.y().z()", ["assert x.y().z()"]),
    ],
)
def test_a_chain_of_calls_is_taken_apart(code, expected):
    (statement,) = ast.parse(code).body
    assert [ast.unparse(piece) for piece in tour._pieces(statement)] == expected


def test_a_line_is_run_as_it_stands():
    scope = {"words": "a b"}
    lines = list(tour.perform("first = words.upper().split()\nfirst", scope))
    assert [line.code for line in lines] == ["first = words.upper().split()", "first"]
    assert [line.result for line in lines] == ["", "['A', 'B']"]
    assert "_" not in scope
