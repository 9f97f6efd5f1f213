"""Which data was made of which, from made-up commands."""

from __future__ import annotations

from farptr.ledger.lineage import ANYTHING, Lineage
from farptr.protocol.ids import make_name

JULIE, TOBY, ME = 1, 2, 3


def test_data_that_nobody_sent_is_its_workers_own():
    lineage, x = Lineage(), make_name(JULIE, 11)
    version = lineage.of(x)
    assert lineage.origins[version] == {(JULIE, x)}
    assert lineage.raw[version]


def test_a_result_is_made_of_its_operands_through_pointers():
    lineage = Lineage()
    x, p, y = make_name(JULIE, 11), make_name(TOBY, 12), make_name(TOBY, 13)
    lineage.point(p, x)
    lineage.call([y], [p, p], "add", [])
    version = lineage.of(y)
    assert lineage.origins[version] == {(JULIE, x)}
    assert not lineage.raw[version]


def test_a_part_of_raw_data_is_raw():
    lineage, x, y, z = Lineage(), *(make_name(JULIE, i) for i in (11, 12, 13))
    lineage.call([y], [x], "[]", [])
    lineage.call([z], [y], "np:reshape", [])
    assert lineage.raw[lineage.of(z)]
    lineage.call([z], [y], "np:sum", [])
    assert not lineage.raw[lineage.of(z)]


def test_a_change_in_place_counts_from_then_on():
    lineage, x, y = Lineage(), make_name(JULIE, 11), make_name(JULIE, 12)
    before = lineage.of(x)
    lineage.call([], [x, y], "=add", [])
    assert lineage.origins[before] == {(JULIE, x)}
    assert lineage.origins[lineage.of(x)] == {(JULIE, x), (JULIE, y)}


def test_code_that_nobody_sees_into_makes_everything_of_everything():
    lineage, x, secret = Lineage(), make_name(JULIE, 11), make_name(JULIE, 12)
    lineage.of(secret)
    lineage.anything(JULIE, [])
    lineage.new(x, (), raw=True, own=[(ME, x)])
    lineage.anything(JULIE, [])
    assert {(JULIE, secret), (JULIE, ANYTHING)} <= lineage.origins[lineage.of(x)]


def test_what_follows_from_a_version():
    lineage, x, y, z = Lineage(), *(make_name(JULIE, i) for i in (11, 12, 13))
    lineage.call([y], [x], "add", [])
    lineage.of(z)
    following = lineage.following([lineage.of(x)])
    assert following[lineage.of(y)]
    assert not following[lineage.of(z)]


def test_what_an_operation_writes_into_is_changed_and_not_its_first_operand():
    lineage, x, y, z = Lineage(), *(make_name(JULIE, i) for i in (11, 12, 13))
    before = lineage.of(x)
    lineage.call([z], [x, y, z], "add", [])
    assert lineage.of(x) == before
    assert lineage.origins[lineage.of(z)] == {(JULIE, x), (JULIE, y), (JULIE, z)}
    assert not lineage.raw[lineage.of(z)]


def test_who_changes_a_view_changes_what_it_is_a_view_of():
    lineage, x, y, other = Lineage(), *(make_name(JULIE, i) for i in (11, 12, 13))
    view, part = make_name(JULIE, 14), make_name(JULIE, 15)
    lineage.call([view], [x], "np:reshape", [])
    lineage.call([part], [view], "[]", [])
    lineage.call([], [part, y], "=add", [])
    for name in (x, view, part):
        assert (JULIE, y) in lineage.origins[lineage.of(name)]
    assert (JULIE, x) in lineage.raw[lineage.of(x)], "the rest of it is as it was"
    assert (JULIE, y) not in lineage.origins[lineage.of(other)]


def test_groups_of_views_grow_together():
    lineage, x, y, z, a, b, both = Lineage(), *(make_name(JULIE, i) for i in range(11, 17))
    lineage.call([a], [x], ".T", [])
    lineage.call([], [a, z], "=multiply", [])
    lineage.call([b], [y], ".T", [])
    lineage.call([], [b, a], "=multiply", [])
    lineage.call([both], [a, b], "np:broadcast_arrays", [])
    assert (JULIE, z) in lineage.origins[lineage.of(x)]
    assert {(JULIE, z), (JULIE, x)} <= lineage.origins[lineage.of(y)]


def test_what_a_new_array_is_made_of_does_not_change_with_it():
    lineage, x, y, z = Lineage(), *(make_name(JULIE, i) for i in (11, 12, 13))
    lineage.call([y], [x], "np:zeros_like", [])
    lineage.call([], [y, z], "=add", [])
    assert lineage.origins[lineage.of(x)] == {(JULIE, x)}


def test_values_side_by_side_are_raw_and_sums_are_not():
    lineage, x, y, both, half = (
        Lineage(),
        make_name(JULIE, 11),
        make_name(TOBY, 12),
        *(make_name(ME, i) for i in (1, 2)),
    )
    lineage.call([both], [x, y], "np:stack", [])
    assert lineage.raw[lineage.of(both)] == {(JULIE, x), (TOBY, y)}
    lineage.call([half], [x, y], "add", [])
    lineage.call([], [half, x], "=[]", [])
    assert lineage.raw[lineage.of(half)] == {(JULIE, x)}
    lineage.call([], [half, y], "=add", [])
    assert not lineage.raw[lineage.of(half)]
    lineage.call([], [half, y], "=add where", [])
    assert lineage.raw[lineage.of(half)] == {(TOBY, y)}


def test_a_function_has_for_certain_only_what_it_was_given():
    lineage, x, mine, result, mean = Lineage(), make_name(JULIE, 11), *(make_name(TOBY, i) for i in (12, 13, 14))
    lineage.of(mine)
    moved = make_name(TOBY, 15)
    lineage.copy(moved, x)
    lineage.run(TOBY, [result], [moved], [])
    version = lineage.of(result)
    assert {(JULIE, x), (TOBY, mine)} <= lineage.origins[version]
    assert lineage.sure[version] == {JULIE}
    lineage.run(TOBY, [mean], [moved, mine], [])
    assert lineage.sure[lineage.of(mean)] == {JULIE, TOBY}
    later = make_name(TOBY, 16)
    lineage.new(later, (), raw=True, own=[(ME, later)])
    lineage.run(TOBY, [result], [], [])
    assert lineage.sure[lineage.of(later)] == {ME}
    assert lineage.raw[lineage.of(later)] == {(ME, later)}
