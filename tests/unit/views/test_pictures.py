"""Pictures of journals: nothing left out, to scale, bounded, escaped."""

from __future__ import annotations

import itertools
import re
from xml.dom import minidom

import pytest

from farptr.journal import folder
from farptr.journal.reading import Reader
from farptr.journal.records import Fact
from farptr.ledger.account import Ledger
from farptr.ledger.folding import Fold
from farptr.ledger.pointers import MOST_SNAPSHOTS, Pointers
from farptr.views import heat, pointer_graph, sequence
from farptr.views.boxes import picture
from farptr.views.report import Report
from farptr.views.strokes import Strokes
from tests.unit.views.made import STEP_NS, journal

MARKUP = "<script>alert('&')</script>"


def folded(path, **bounds) -> Strokes:
    return Strokes(**bounds).fold(Reader(path)).done()


@pytest.mark.parametrize(("envelopes", "most"), [(5, 400), (300, 400), (3000, 60), (3000, 2)])
def test_every_envelope_is_in_one_stroke_and_strokes_are_bounded(tmp_path, envelopes, most):
    strokes = folded(journal(tmp_path, envelopes), most=most)
    assert sum(stroke.count for stroke in strokes.strokes) == envelopes
    assert sum(stroke.value_bytes for stroke in strokes.strokes) == 8 * envelopes
    assert len(strokes.strokes) <= most
    assert bool(strokes.span_ns) == (envelopes > most)
    assert strokes.span_ns < 8 * (strokes.strokes[-1].end_ns + 1)
    assert [s.left_ns for s in strokes.strokes] == sorted(s.left_ns for s in strokes.strokes)


def test_what_was_before_and_after_can_be_left_out(tmp_path):
    path = journal(tmp_path, 100)
    strokes = folded(path, from_ns=1000 + 11 * STEP_NS - 1, to_ns=1000 + 20 * STEP_NS)
    assert strokes.envelopes == 10


def test_time_is_to_scale_but_for_pauses_that_are_cut(tmp_path):
    strokes = folded(journal(tmp_path, 60, pause_every=20))
    axis = sequence._axis(strokes.strokes)
    assert len(axis.pauses) == 3
    assert all(abs(pause_ns - 10**9) < 2 * STEP_NS for _, pause_ns in axis.pauses)
    lefts = [stroke.left_ns for stroke in strokes.strokes[:19]]
    steps = {round(axis.y(b) - axis.y(a), 6) for a, b in itertools.pairwise(lefts)}
    assert len(steps) == 1
    ys = [axis.y(stroke.left_ns) for stroke in strokes.strokes]
    assert ys == sorted(ys)


@pytest.mark.parametrize("envelopes", [0, 1, 50, 5000])
def test_a_sequence_diagram_is_sound_and_its_size_is_bounded(tmp_path, envelopes):
    text = picture(sequence.draw(folded(journal(tmp_path, envelopes))), "sequence")
    minidom.parseString(text.encode())
    assert len(text) < 700_000
    if envelopes:
        assert f"{envelopes:,} envelopes" in text
    if envelopes == 5000:
        assert "are one arrow" in text


def test_turns_are_bounded_and_end_where_the_last_one_did(tmp_path):
    few, many = folded(journal(tmp_path, 40)), folded(journal(tmp_path, 3000), most=50)
    assert len(few.turns) == 40
    assert len(many.turns) <= 200
    assert {worker for worker, _, _ in many.turns} == {2, 3}


def test_the_matrix_adds_up_however_many_parties_there_are():
    names = [f"w{i}" for i in range(40)]
    matrix = {a: dict.fromkeys(names, (i + 1) * 10) for i, a in enumerate(names)}
    cells, shown = heat.folded(matrix)
    assert len(shown) == heat.MOST_PARTIES
    assert sum(cells.values()) == sum(sum(row.values()) for row in matrix.values())
    minidom.parseString(picture(heat.draw(matrix), "matrix").encode())
    assert "nothing passed" in picture(heat.draw({"a": {"a": 0}}), "matrix")


def test_pointers_at_a_moment_are_those_that_had_references_then(tmp_path):
    path = journal(tmp_path, 30, ("julie",))
    for end, expected in ((1000 + 5 * STEP_NS, 5), (1000 + 10 * STEP_NS, 10)):
        fold = Fold()
        pointers = Pointers(fold.lineage)
        for record in Reader(path).until(end):
            fold.add(record)
            pointers.add(record)
        graph = pointers.graph()
        newest = {held.id for held in graph.objects}
        assert 10_000_000_000 + expected in newest
        assert 10_000_000_000 + expected + 1 not in newest
        assert len(graph.handles) == len(graph.objects)
        minidom.parseString(picture(pointer_graph.draw(graph), "pointers").encode())


def test_who_leaves_takes_its_objects_and_its_references_along(tmp_path):
    fold = Fold()
    pointers = Pointers(fold.lineage)
    for record in Reader(journal(tmp_path, 30)):
        fold.add(record)
        pointers.add(record)
    assert {held.worker for held in pointers.graph().objects} == {2, 3}
    pointers.add(Fact(10**12, "left", {"party": 2, "why": "killed"}))
    assert {held.worker for held in pointers.graph().objects} == {3}
    pointers.add(Fact(10**12, "left", {"party": 1, "why": "it left"}))
    assert not pointers.graph().objects


def test_a_report_has_everything_and_escapes_every_name(tmp_path):
    path = journal(tmp_path, 40, (MARKUP, "toby"))
    report = Report(path)
    page = report.html()
    assert "<script" not in page
    assert "alert(&#x27;&amp;&#x27;)" in page
    assert page.count("<svg") == 3 + len(report.pointers.snapshots) + 1
    assert "The account balances" in page
    for svg in re.findall(r"<svg.*?</svg>", page, re.S):
        minidom.parseString(svg.encode())
    assert not re.search(r"(src|href)=", page)


def test_a_report_of_a_journal_that_was_cut_off_says_so(tmp_path):
    path = journal(tmp_path, 40)
    (file,) = path.glob("*.fpj")
    file.write_bytes(file.read_bytes()[:-200])
    fields = folder.read_manifest(path)
    folder.write_manifest(path, {key: value for key, value in fields.items() if key != "head"})
    assert 'class="note"' in Report(path).html()


def test_snapshots_are_few_however_long_the_run_was(tmp_path):
    report = Report(journal(tmp_path, 5000))
    assert 0 < len(report.pointers.snapshots) <= MOST_SNAPSHOTS
    times = [graph.time_ns for graph in report.pointers.snapshots]
    assert times == sorted(times)


def test_a_ledger_up_to_a_moment(tmp_path):
    path = journal(tmp_path, 100)
    assert Ledger(Reader(path), until_ns=1000 + 10 * STEP_NS + 10_000).matrix()["me"]["julie"] < 100 * 8
