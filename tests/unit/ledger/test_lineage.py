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
