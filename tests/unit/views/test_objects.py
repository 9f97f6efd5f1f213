"""Panels, tables and chains, from made-up holders: no run."""

from __future__ import annotations

import io

import numpy as np
import pytest
from rich.console import Console

from farptr.client.look import Holder, Reference
from farptr.client.stored import OwnData, StoredArray, StoredError, StoredPointer
from farptr.client.tensor import tensor
from farptr.views import objects as views

JULIE_X, JULIE_OWN, TOBY_P, AMY_P = 10000000001, 10000000002, 20000000001, 30000000001
ME = Holder("me", "client", 1, is_me=True, references=(Reference("amy", AMY_P, 1),))
JULIE = Holder("julie", "worker", 2, objects={JULIE_X: tensor([1, 2, 3]), JULIE_OWN: OwnData("x", (3, 2), "<f8")})
TOBY = Holder("toby", "worker", 3, objects={TOBY_P: StoredPointer("toby", TOBY_P, "julie", JULIE_X)})
AMY = Holder("amy", "worker", 4, objects={AMY_P: StoredPointer("amy", AMY_P, "toby", TOBY_P)})
ALL = [ME, JULIE, TOBY, AMY]


def shown(renderable, width=160):
    out = io.StringIO()
    Console(file=out, width=width).print(renderable)
    return out.getvalue()


def lines_of(renderable, width=160):
    return [line.rstrip() for line in shown(renderable, width).splitlines()]


def test_table_has_a_row_for_each_object():
    assert lines_of(views.table(ALL)) == [
        "WORKER  ID           KIND      SHAPE  DTYPE    VALUE",
        "julie   10000000001  array     3      int64    tensor([1, 2, 3])",
        "julie   10000000002  own data  3x2    float64  'x', not shown",
        "toby    20000000001  pointer                   → julie:10000000001",
        "amy     30000000001  pointer                   → toby:20000000001",
    ]


def test_where_it_is_narrow_only_the_value_gives_way():
    wide = Holder("julie", "worker", 2, objects={JULIE_X: tensor(np.arange(30))})
    [_, row] = lines_of(views.table([wide]), width=60)
    assert row.startswith("julie   10000000001  array  30     int64  tensor([")
    assert row.endswith("…")
    assert len(row) <= 60


def test_tree_draws_a_chain_from_worker_to_worker():
    assert lines_of(views.tree(ALL, title="default")) == [
        "default",
        "├── me",
        "│   └── → amy:30000000001 → toby:20000000001 → julie:10000000001  tensor([1, 2, 3])",
        "└── no client points at",
        "    └── → julie:10000000002  'x', not shown",
    ]


def test_tree_through_a_worker_has_only_the_chains_that_visit_it():
    text = shown(views.tree(ALL, title="default", through="toby"))
    assert "→ toby:20000000001" in text
    assert "not shown" not in text
    assert views.NOBODY not in text


def test_tree_says_where_a_chain_leads_nowhere():
    lost = [ME, AMY]
    assert "→ amy:30000000001 → toby:20000000001  gone" in shown(views.tree(lost))


def test_tree_ends_even_if_pointers_went_round():
    ring = Holder("toby", "worker", 3, objects={TOBY_P: StoredPointer("toby", TOBY_P, "toby", TOBY_P)})
    me = Holder("me", "client", 1, is_me=True, references=(Reference("toby", TOBY_P, 1),))
    assert shown(views.tree([me, ring])).count(str(TOBY_P)) < 100


def test_nothing_is_said_in_words():
    empty = [Holder("me", "client", 1, is_me=True), Holder("julie", "worker", 2)]
    assert lines_of(views.table(empty)) == [views.NOTHING]
    assert lines_of(views.tree(empty, title="default")) == [views.NOTHING]
    assert shown(views.panels(empty)).count("nothing") == 2


def test_panels_show_what_each_process_holds():
    text = shown(views.panels(ALL))
    for part in ("me pid 1", "julie pid 2", "→ amy:30000000001", "10000000001  tensor([1, 2, 3])"):
        assert part in text
    assert "'x', not shown  3x2 float64" in text


def test_another_client_is_told_apart_by_its_pid():
    other = Holder("me", "client", 77, references=(Reference("julie", JULIE_X, 2),))
    assert other.label == "client 77"
    assert "client 77 pid 77" not in shown(views.panels([ME, other]))
    assert "client 77" in shown(views.panels([ME, other]))


@pytest.mark.parametrize(
    ("value", "kind", "text"),
    [
        (tensor([[1.5, 2.0], [3.0, 4.0]]), "array", "tensor([[1.5, 2. ], [3. , 4. ]])"),
        (StoredPointer("toby", 1, "julie", 2), "pointer", "→ julie:2"),
        (StoredError("ValueError", "cannot\nreshape"), "failed", "ValueError: cannot reshape"),
        (OwnData("x", (2,), "<i8"), "own data", "'x', not shown"),
        (StoredArray("[0 ... 1]", (5000,), "<f8"), "array", "tensor([0 ... 1], shape=(5000,), dtype=float64)"),
    ],
)
def test_each_sort_of_object_has_one_line(value, kind, text):
    assert views.kind(value) == kind
    assert views.summary(value).plain == text


def test_a_long_value_is_cut():
    text = views.summary(tensor(np.arange(500))).plain
    assert len(text) == views.WIDTH
    assert text.endswith("…")


def test_text_in_data_is_no_markup():
    evil = Holder("julie", "worker", 2, objects={JULIE_X: tensor(np.array(["[red]x[/red]", "[/]"]))})
    for view in (views.table, views.tree, views.panels):
        assert "[red]x[/red]" in shown(view([evil]))
