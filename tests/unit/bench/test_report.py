"""From what was found to the document, its tables and plots; nothing is measured here."""

import importlib.util

import pytest

from farptr.bench import report, tables
from farptr.bench.peers import CONTESTANTS, FLOOR, OURS, PEERS
from farptr.bench.rounds import Found
from farptr.bench.steps import Sizes
from farptr.bench.targets import TARGETS
from farptr.bench.works import METRICS, QUICK, WORKS, names_of

NAMES = [FLOOR, OURS, "Pyro5", "ray"]


@pytest.fixture
def made(monkeypatch):
    """A document of what is handed over here instead of being measured."""

    def make(table, names=NAMES):
        monkeypatch.setattr(report, "why_absent", lambda name: "")
        monkeypatch.setattr(report, "version", lambda name: "1.0")
        monkeypatch.setattr(report, "measure", lambda *_: table)
        return report.make(names, list(table), Sizes(), print)

    return make


def of(**found):
    """Found by contestant; a text is the reason why there is nothing."""
    return {name: Found([], what) if isinstance(what, str) else Found(what) for name, what in found.items()}


def operations(**found):
    return {"W2": {"plain_per_s": of(**{name: [1.0] for name in found}), "best_per_s": of(**found)}}


def row(document, work, figure, name):
    return document["works"][work]["figures"][figure]["of"][name]


def test_medians_spreads_and_ratios(made):
    document = made(operations(floor=[10.0, 20.0, 40.0], farptr=[5.0, 20.0, 80.0], Pyro5=[2.0, 8.0, 4.0], ray=[1.0]))
    ours = row(document, "W2", "best_per_s", OURS)
    assert (ours["median"], ours["least"], ours["greatest"], ours["rounds"]) == (20, 5, 80, 3)
    assert ours["to_floor"] == 1, "the median of 0.5, 1 and 2: rounds are compared with each other"
    assert ours["to_best_peer"] == 2.5, "the median of 5/2, 20/8 and 80/4"
    assert document["works"]["W2"]["figures"]["best_per_s"]["best_peer"] == "Pyro5"


def test_who_has_no_best_mode_is_held_by_the_plain_one(made):
    found = operations(floor=[9.0], farptr=[6.0], Pyro5="there is none", ray=[2.0])
    found["W2"]["plain_per_s"]["Pyro5"] = Found([3.0])
    document = made(found)
    assert row(document, "W2", "best_per_s", "Pyro5") == {"absent": "there is none"}
    assert document["works"]["W2"]["figures"]["best_per_s"]["best_peer"] == "Pyro5"
    assert row(document, "W2", "best_per_s", OURS)["to_best_peer"] == 2


def test_a_view_of_shared_memory_is_no_private_copy(made):
    assert not CONTESTANTS["ray"].private
    bulk = {
        "memcpy_gb_s": of(floor=[10.0], farptr="not asked", Pyro5="not asked", ray="not asked"),
        "put_plain_gb_s": of(floor=[2.0], farptr=[2.0], Pyro5=[1.0], ray=[0.5]),
        "put_best_gb_s": of(floor="none", farptr=[4.0], Pyro5="none", ray=[90.0]),
    }
    document = made({"W4": bulk})
    assert document["works"]["W4"]["figures"]["put_best_gb_s"]["best_peer"] == "Pyro5"
    found = {target["words"]: target["found"] for target in document["targets"]}
    assert found["put, of memcpy ≥ 0.25"] == 0.4
    assert found["put in parts, of memcpy ≥ 0.08"] == 0.2
    assert found["put, of the best peer with a private copy ≥ 1"] == 4


def test_targets_are_met_missed_or_not_measured(made):
    document = made(operations(floor=[9.0], farptr=[400_000.0], Pyro5=[200_000.0], ray=[1.0]))
    assert [(target["met"], target["found"]) for target in document["targets"]] == [(True, 400_000), (False, 2)]
    assert [target["met"] for target in made({"W3": {"best_ms": of(farptr=[1.0])}}, [OURS])["targets"]] == [None]


def test_chains_are_judged_by_their_slope(made):
    chains = {f"confirmed_us@{depth}": of(floor=[100.0], farptr=[100.0 + 50 * depth]) for depth in Sizes().depths}
    rates = {1: 800.0, 2: 500.0, 4: 100.0, 8: 100.0}
    chains |= {f"pipelined_per_s@{depth}": of(floor=[1.0], farptr=[rate]) for depth, rate in rates.items()}
    document = made({"W7": chains}, [FLOOR, OURS])
    assert [target["found"] for target in document["targets"]] == [0.5, 0.5]


def test_every_target_looks_at_a_figure_that_is_measured():
    assert {target.work for target in TARGETS} <= set(WORKS)
    for work in WORKS:
        for sizes in (Sizes(), QUICK):
            assert {figure.partition("@")[0] for figure in names_of(work, sizes)} <= set(METRICS)


def test_tables_say_what_is_there_and_why_the_rest_is_not(made):
    document = made(operations(floor=[9.0], farptr=[1234.5], Pyro5="failed: it broke", ray="failed: it broke"))
    text = tables.page(document)
    assert "| farptr | 1 (1 to 1) | 1,234 (1,234 to 1,234) |" in text
    assert "* Pyro5, ray: failed: it broke (W2 `best_per_s`)" in text
    assert "| W2 operations a second ≥ 400,000 | 1,234 | not met |" in text


def test_who_is_not_installed_is_reported(monkeypatch):
    monkeypatch.setattr(report, "why_absent", lambda name: "not here" if name in PEERS else "")
    monkeypatch.setattr(
        report, "measure", lambda names, *_: {"W2": {"best_per_s": {name: Found([1.0]) for name in names}}}
    )
    document = report.make([OURS, "ray"], ["W2"], Sizes(), print)
    assert document["contestants"]["ray"] == {"absent": "not here"}
    assert row(document, "W2", "best_per_s", "ray") == {"absent": "not here"}
    assert "* ray: not here" in tables.page(document)


@pytest.mark.skipif(importlib.util.find_spec("matplotlib") is None, reason="matplotlib (extra `plot`) is not installed")
def test_the_same_document_gives_the_same_pictures(made, tmp_path):
    from farptr.bench.plots import draw

    document = made(operations(floor=[9.0], farptr=[5.0], Pyro5=[4.0], ray=[3.0]))
    first, second = (draw(document, tmp_path / name) for name in ("a", "b"))
    assert [path.name for path in first] == ["works.svg"]
    assert first[0].read_bytes() == second[0].read_bytes()
    assert first[0].stat().st_size < 100_000
