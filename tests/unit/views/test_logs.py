"""Prefixes of log lines, and the colours that all views share."""

from __future__ import annotations

from farptr.views.logs import Prefixes
from farptr.views.palette import colours


def test_names_are_as_wide_as_the_widest():
    prefixes = Prefixes(["julie", "broker"])
    assert prefixes.line("julie", "hello").plain == "julie  | hello"
    assert prefixes.line("broker", "").plain == "broker | "


def test_who_comes_later_has_a_prefix_too():
    prefixes = Prefixes(["julie"])
    assert prefixes.line("maximilian", "hello").plain == "maximilian | hello"
    assert prefixes.line("julie", "hello").plain == "julie      | hello"


def test_a_line_is_no_markup():
    assert Prefixes(["julie"]).line("julie", "[red]x[/red]").plain == "julie | [red]x[/red]"


def test_a_worker_keeps_its_colour_whoever_stands_before_it():
    alone = colours(["julie", "toby"])
    assert alone["julie"] != alone["toby"]
    among_others = colours(["me", "broker", "client 77", "julie", "supervisor", "toby"])
    assert {name: among_others[name] for name in alone} == alone


def test_there_are_more_workers_than_colours():
    names = [f"w{i}" for i in range(50)]
    assert list(colours(names)) == names
