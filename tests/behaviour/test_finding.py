"""What a client finds that it did not make: by tag, by name, on one worker or all; and who keeps what."""

from __future__ import annotations

import re

import numpy as np
import pytest

import farptr as fp
from tests.behaviour.far import sent


def listed(pointers):
    return [p.get_copy().tolist() for p in pointers]


@pytest.fixture
def run(cluster):
    run = cluster("julie", "toby")
    yield run
    for worker in run:
        worker.clear_objects()  # what was published stays otherwise
    run.sync()


@pytest.fixture
def other(cluster, run):
    """Another client of the run."""
    return cluster.another(run)


@pytest.fixture
def tagged(run):
    julie, toby = run
    return [
        fp.tensor([1, 2]).tag("#a", "#b").describe("first words\nsecond line").send(julie),
        fp.tensor([3]).tag("#a").send(julie),
        fp.tensor([4]).tag("#a").send(toby),
        fp.tensor([5]).send(toby),
    ]


# ---------------------------------------------------------------- tags


def test_a_search_finds_by_tag_by_id_and_by_description(run, tagged):
    julie, toby = run
    assert listed(julie.search("#a")) == [[1, 2], [3]]
    assert listed(julie.search("#a", "#b")) == listed(julie.search(["#a", "#b"])) == [[1, 2]]
    assert listed(julie.search("ond li")) == [[1, 2]]
    assert listed(toby.search(tagged[3].id_at_location)) == [[5]]
    assert julie.search("#c") == julie.search("#a", "#c") == []
    assert listed(run.search("#a")) == [[1, 2], [3], [4]]
    assert [p.location.name for p in run.search("#a")] == ["julie", "julie", "toby"]
    assert listed(run.me.request_search(["#b"], location=julie)) == [[1, 2]]


def test_the_repr_shows_tags_shape_and_the_first_line(run, tagged):
    pattern = r"\(Wrapper\)>\[PointerTensor \| me:\d+ -> julie:\d+\]"
    about = "\n\tTags: #a #b \n\tShape: (2,)\n\tDescription: first words..."
    assert re.fullmatch(pattern + re.escape(about), repr(tagged[0]))
    assert re.fullmatch(pattern + re.escape(about), repr(run["julie"].search("#b")[0]))
    assert re.fullmatch(pattern.replace("julie", "toby"), repr(tagged[3]))


def test_tags_travel_with_the_object(run, tagged):
    julie, toby = run
    p = tagged[0].move(toby)
    assert (p.tags, p.description) == (("#a", "#b"), "first words\nsecond line")
    assert listed(toby.search("#b")) == [[1, 2]]
    x = p.get()
    assert (x.tags, x.description) == (("#a", "#b"), "first words\nsecond line")
    assert listed(x.send(julie).location.search("#b")) == [[1, 2]]


def test_a_pointer_can_be_tagged(run):
    julie, toby = run
    p = fp.tensor([1]).send(julie)
    assert p.tag("#x").tag("#x", "#y").describe("one") is p
    assert (p.tags, p.description) == (("#x", "#y"), "one")
    assert repr(p).endswith("\n\tTags: #x #y \n\tDescription: one...")
    assert listed(julie.search("#y", "one")) == [[1]]
    pp = p.send(toby).tag("#pointer")
    (found,) = toby.search("#pointer")
    assert found.get().get().tolist() == [1]
    assert pp.tags == ("#pointer",)


def test_what_was_found_is_owned(run, tagged):
    julie, _ = run
    found = julie.search("#b")
    del tagged[:]
    assert listed(found) == [[1, 2]]
    assert len(julie._objects) == 1
    del found
    assert len(julie._objects) == 0


@pytest.mark.parametrize("wrong", [(), ([],), (1.5,), (None,)])
def test_a_query_that_is_none(run, wrong):
    with pytest.raises(fp.UsageError, match="search takes"):
        run["julie"].search(*wrong)


@pytest.mark.parametrize("wrong", [3, "", None])
def test_a_tag_that_is_none(run, wrong):
    p = sent([1], [run["julie"]])
    for thing in (fp.tensor([1]), p):
        with pytest.raises(fp.UsageError, match="is no tag"):
            thing.tag(wrong)
    with pytest.raises(fp.UsageError, match="is text"):
        p.describe(3)


# ---------------------------------------------------------------- names


def test_a_pointer_is_handed_over_by_name(run, other):
    p = fp.tensor([1.0, 2.0]).send(run["julie"])
    assert p.publish("w0") is p
    q = other["julie"]["w0"]
    q += 1
    other.sync()
    assert p.get_copy().tolist() == [2, 3]
    assert repr(q).startswith("(Wrapper)>[PointerTensor | me:")


def test_what_is_published_stays_until_its_name_is_taken_away(run):
    julie, _ = run
    fp.tensor([1]).send(julie).publish("w0")
    run.sync()
    assert listed([julie["w0"]]) == [[1]]
    assert listed(julie.search("w0")) == [[1]]
    q = julie["w0"]
    del julie["w0"]
    with pytest.raises(fp.UnknownData, match="julie has no data called 'w0'"):
        julie["w0"]
    assert q.get().tolist() == [1]
    assert len(julie._objects) == 0


def test_a_chain_is_handed_over_by_name(run, other):
    julie, toby = run
    pp = fp.tensor([1, 2]).send(julie).send(toby).publish("chain")
    qq = other["toby"]["chain"]
    assert (qq + qq).get().get().tolist() == [2, 4]
    assert qq.remote_get().get_copy().tolist() == [1, 2]
    assert pp.get_copy().tolist() == [1, 2], "it is data there now, for everybody"


def test_who_moves_what_others_found_takes_a_copy(run, other):
    julie, toby = run
    p = fp.tensor([1, 2]).send(julie).publish("w0")
    q = other["julie"]["w0"]
    p.move(toby)
    run.sync()
    r = other["julie"]["w0"].move(other["toby"])
    q += 10
    other.sync()
    assert listed([p, q, r]) == [[1, 2], [11, 12], [1, 2]]
    assert p.id_at_location == q.id_at_location != r.id_at_location
    assert listed([julie["w0"]]) == [[11, 12]]


def test_names_and_objects_belong_together(run):
    julie, toby = run
    p, q = sent([1], [julie]).publish("a"), sent([2], [julie])
    p.publish("a")
    with pytest.raises(fp.BadName, match="already called 'a'"):
        p.publish("b")
    with pytest.raises(fp.BadName, match=r"julie already has something called 'a'(.|\n)*hint: del julie\['a'\]"):
        q.publish("a")
    sent([3], [toby]).publish("a")
    assert listed([julie["a"], toby["a"]]) == [[1], [3]]
    with pytest.raises(fp.UnknownData, match="did you mean 'a'"):
        del julie["aa"]
    with pytest.raises(fp.UsageError):
        p.publish("")


def test_what_others_found_has_no_id_of_mine(run, other):
    """Ids belong to who made the object: two clients that send it on under one id would overwrite each other."""
    julie, toby = run
    p = fp.tensor([1, 2]).send(julie).publish("w0")
    x = other["julie"]["w0"].get_copy()
    assert x.id is None
    mine = p.get_copy()
    assert mine.id == p.id_at_location
    here, there = mine.send(toby), (x + 1).send(other["toby"])
    again = x.send(other["toby"])
    assert listed([here, there, again]) == [[1, 2], [2, 3], [1, 2]]


# ---------------------------------------------------------------- why


def test_why_says_who_keeps_an_object(run):
    julie, toby = run
    p = fp.tensor([1]).send(julie)
    pp = p.send(toby)
    kept = run.why(p)
    assert [(k.object, k.holder, k.references) for k in kept] == [(f"julie:{p.id_at_location}", "toby", 1)]
    assert kept[0].how == (f"pointer toby:{pp.id_at_location}",)
    (mine,) = run.why(pp.id_at_location)
    assert (mine.holder, mine.references) == ("me", 1)
    assert repr(run.why(pp)).startswith(f"toby:{pp.id_at_location} is held by me (1): ")
    named = sent([2], [julie]).publish("w0")
    assert [(k.holder, k.how) for k in run.why(named)][-1] == ("julie", ("published as 'w0'",))
    assert repr(run.why(1)) == "nobody holds it"
    with pytest.raises(fp.UsageError, match="an id or a pointer"):
        run.why("w0")


def test_why_names_another_client(run, other):
    p = fp.tensor(np.ones(2)).send(run["julie"]).publish("w0")
    q = other["julie"]["w0"]
    assert [k.holder for k in run.why(p)] == ["me", "another client", "julie"]
    del q
