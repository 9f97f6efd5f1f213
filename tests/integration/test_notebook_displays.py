"""What displays show of pointers, workers and runs, and that they ask nobody for it."""

from __future__ import annotations

import os
import re
import signal
import sys
import time
from html import unescape

import pytest

import farptr as fp
from tests.conftest import alive, pids_of, until


def words(shown):
    """The texts of a display, with its boxes' names and notes, in order."""
    return [unescape(re.sub(r"<[^>]*>", "", text)) for text in re.findall(r"<text.*?</text>", shown)]


def arrows(shown):
    return len(re.findall(r"<path[^>]*stroke=", shown))


@pytest.fixture
def silent(monkeypatch):
    """``silent(run)``: from then on the run's client can neither send nor wait."""

    def gag(run):
        run.sync()
        connection = run._session.link.connection

        def refuse(*_, **__):
            pytest.fail("a display spoke with the broker")

        for name in ("send", "receive", "wait", "readable"):
            monkeypatch.setattr(connection, name, refuse)
        return monkeypatch.undo

    return gag


def every_display(*values):
    return [value._repr_html_() for value in values]


def test_a_chain_with_its_ids(cluster):
    julie, toby = cluster("julie", "toby")
    p = fp.tensor([1, 2, 3]).send(julie)
    pp = p.send(toby)
    said = " ".join(words(pp._repr_html_()))
    assert re.search(rf"me.*me:{pp.id}.*toby.*{p.id}.*julie.*{p.id_at_location}.*data", said)
    assert arrows(pp._repr_html_()) == 2
    assert arrows(p._repr_html_()) == 1


def test_an_id_that_was_chosen_far_away_is_said_to_be(cluster):
    julie, toby = cluster("julie", "toby")
    pp = fp.tensor([1]).send(julie).send(toby)
    said = words((pp + pp)._repr_html_())
    assert "id chosen there" in said


def test_a_spent_pointer(cluster):
    (julie,) = cluster("julie")
    p = fp.tensor([1]).send(julie)
    p.get()
    shown = p._repr_html_()
    assert words(shown)[-2:] == ["nothing", "it was fetched with get()"]
    assert not arrows(shown)


def test_an_end_that_is_not_known(cluster):
    run = cluster("julie", "toby")
    julie, toby = run
    pp = fp.tensor([1]).send(julie).send(toby).publish("chain")
    other = cluster.another(run)
    found = other["toby"]["chain"]
    assert "not known to this client" in words(found._repr_html_())
    del found, toby["chain"], pp
    other.close()


def test_a_lost_worker(processes):
    run = processes("julie", "toby", own=True)
    julie, toby = run
    pp = fp.tensor([1]).send(julie).send(toby)
    run.remove("julie")
    for shown in (pp._repr_html_(), run._repr_html_(), julie._repr_html_()):
        assert "gone: it was removed" in re.sub(r"<[^>]*>", " ", shown)
        assert "stroke-dasharray" in shown


def test_what_is_known_from_tags(cluster):
    (julie,) = cluster("julie")
    p = fp.tensor([1, 2]).tag("#a<b>").send(julie)
    assert "data (2,) #a<b>" in words(p._repr_html_())


def test_a_run_shows_each_worker_and_what_is_held_there(cluster):
    run = cluster("julie", "toby", "carol", own=True)
    julie, toby, _ = run
    p = fp.tensor([1]).send(julie)
    pp = p.send(toby)
    shown = run._repr_html_()
    said = words(shown)
    assert [w for w in said if w.endswith(("worker", "client"))] == [
        "methis client", "julieworker", "tobyworker", "carolworker",
    ]  # fmt: skip
    assert str(pp.id_at_location) in said
    assert str(p.id_at_location) in said
    assert arrows(shown) == 3  # p, pp, and the pointer on toby


def test_a_worker_shows_the_chains_that_visit_it(cluster):
    julie, toby, carol = cluster("julie", "toby", "carol")
    x, y = fp.tensor([1]).send(julie).send(toby), fp.tensor([2]).send(carol)
    said = words(julie._repr_html_())
    assert str(x.id_at_location) in said
    assert str(y.id_at_location) not in said
    assert arrows(carol._repr_html_()) == 1


def test_several_pointers(cluster):
    julie, toby = cluster("julie", "toby")
    several = fp.tensor([1]).send(julie, toby)
    assert arrows(several._repr_html_()) == 2
    assert "toby" in " ".join(words(several._repr_html_()))


def test_handles_have_the_names_of_their_variables(cluster, monkeypatch):
    run = cluster("julie", own=True)
    weights = fp.tensor([1]).send(run["julie"])
    main = sys.modules["__main__"]
    monkeypatch.setattr(main, "weights", weights, raising=False)
    monkeypatch.setattr(main, "Out", {3: weights}, raising=False)
    monkeypatch.setattr(main, "_3", weights, raising=False)
    assert "weights = Out[3]" in words(run._repr_html_())


def test_many_objects_are_folded(cluster):
    (julie,) = run = cluster("julie", own=True)
    many = [fp.tensor([i]).send(julie) for i in range(200)]
    shown = run._repr_html_()
    assert "and 193 more" in words(shown)
    assert len(shown) < 20_000
    assert len(many) == 200


def test_nothing_is_sent(cluster, silent):
    run = cluster("julie", "toby", own=True)
    julie, toby = run
    p = fp.tensor([1, 2, 3]).send(julie)
    pp = p.send(toby)
    q = pp + pp
    several = fp.tensor([1]).send(julie, toby)
    undo = silent(run)
    assert all("<svg" in shown for shown in every_display(run, julie, toby, p, pp, q, several))
    with pytest.raises(pytest.fail.Exception):
        p.get_copy()  # the check would see a question
    undo()


def test_nothing_is_waited_for_when_workers_are_stopped(processes):
    run = processes("julie", "toby", own=True)
    julie, toby = run
    pp = fp.tensor([1, 2, 3]).send(julie).send(toby)
    run.sync()
    before = run._session.link.connection, run._session.core.commands
    pids = run.pids.values()
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    try:
        began_s = time.monotonic()
        shown = every_display(run, julie, toby, pp)
        assert time.monotonic() - began_s < 2
        assert all("toby" in text for text in (shown[0], shown[2], shown[3]))
        assert before == (run._session.link.connection, run._session.core.commands)
    finally:
        for pid in pids:
            os.kill(pid, signal.SIGCONT)


def test_a_closed_run_is_shown_as_closed(processes):
    run = processes("julie", own=True)
    p = fp.tensor([1]).send(run["julie"])
    pids = pids_of(run)
    run.close()
    until(lambda: not any(map(alive, pids)))
    assert "meclosed" in words(run._repr_html_())
    assert "<svg" in p._repr_html_()


def test_a_workers_plain_text_is_asked_for_only_where_no_html_is_shown(cluster):
    (julie,) = cluster("julie")
    assert julie._repr_mimebundle_() is None  # no IPython here
    assert repr(julie) == "<VirtualWorker id:julie #objects:0>"
