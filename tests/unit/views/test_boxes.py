"""Drawings of boxes and arrows: escaped, bounded, readable on light and dark."""

from __future__ import annotations

import re
from xml.etree import ElementTree

import pytest

from farptr.views.boxes import MAX_BOXES, MAX_ROWS, Box, Drawing, Row, cleaned, draw, svg
from farptr.views.palette import _COLOURS, tones

SPACE = "{http://www.w3.org/2000/svg}"


def parsed(boxes, words="words"):
    """The SVG element; raises when it is no XML."""
    return ElementTree.fromstring(svg(draw(boxes), words)).find(f"{SPACE}svg")


def texts(root):
    return ["".join(element.itertext()) for element in root.iter(f"{SPACE}text")]


def arrows(root):
    """The curves; heads have no stroke."""
    return [path for path in root.iter(f"{SPACE}path") if path.get("stroke")]


def chain():
    return [
        Box("me", "this client", [Row("pp", target="b")]),
        Box("toby", "worker", [Row("22", key="b", target="c")]),
        Box("julie", "worker", [Row("33", "data", key="c")]),
    ]


def test_a_chain_has_a_box_for_each_process_and_an_arrow_for_each_pointer():
    root = parsed(chain())
    assert len(arrows(root)) == 2
    said = " ".join(texts(root))
    assert all(word in said for word in ("me", "toby", "julie", "pp", "22", "33", "data"))


def test_an_arrow_ends_at_the_row_that_it_is_aimed_at():
    boxes = [Box("me", "", [Row("a", target=2)]), Box("julie", "", [Row("1", key=1), Row("2", key=2)])]
    (curve,) = arrows(parsed(boxes))
    rows = [r for r in parsed(boxes).iter(f"{SPACE}rect") if r.get("rx") == "5"]
    aimed = rows[2]
    end_x, end_y = map(float, curve.get("d").split()[-2:])
    assert float(aimed.get("y")) < end_y < float(aimed.get("y")) + float(aimed.get("height"))
    assert end_x == pytest.approx(float(aimed.get("x")), abs=10)


def test_what_is_text_is_escaped():
    evil = "</text><script>alert('x')</script>\x00\x1b[31m\n&\"'"
    root = parsed([Box(evil, evil, [Row(evil, evil, key=1)])], evil)  # it is XML
    assert not list(root.iter(f"{SPACE}script"))
    assert "<script" not in svg(draw([Box(evil, evil, [Row(evil, evil)])]), evil)
    assert cleaned("a\x00<\n") == "a &lt; "


def test_many_rows_are_folded_and_arrows_to_them_lead_to_the_count():
    rows = [Row(str(i), key=i) for i in range(100)]
    mine = [Row("first", target=0), Row("last", target=99)]
    root = parsed([Box("me", "", mine), Box("julie", "", rows)])
    assert f"and {100 - MAX_ROWS + 1} more" in texts(root)
    assert "99" not in texts(root)
    assert len(arrows(root)) == 2


def test_many_boxes_are_folded_and_the_size_is_bounded():
    def size(count):
        boxes = [Box(f"w{i}", "worker", [Row(str(j), key=(i, j)) for j in range(count)]) for i in range(count)]
        mine = [Row(f"p{i}", target=(i, 0)) for i in range(count)]
        return len(svg(draw([Box("me", "", mine), *boxes]), "")), parsed([Box("me", "", mine), *boxes])

    small, _ = size(20)
    large, root = size(300)
    assert large < small * 1.1
    assert f"and {301 - (MAX_BOXES - 1)} more" in " ".join(texts(root))


def test_names_that_are_too_long_are_cut_and_said_in_full_by_a_tooltip():
    root = parsed([Box("j" * 31, "n" * 100, [Row("9" * 60, "t" * 60)])])
    assert max(map(len, texts(root))) < 45
    titles = [element.text for element in root.iter(f"{SPACE}title")]
    assert any("9" * 60 in title for title in titles)


def test_a_pointer_to_its_own_process_and_one_that_leads_nowhere_are_drawn():
    boxes = [Box("julie", "", [Row("1", key=1, target=2), Row("2", key=2, target=1), Row("3", key=3, target="gone")])]
    assert len(arrows(parsed(boxes))) == 2


def test_nothing_is_empty():
    assert isinstance(draw([Box("me")]), Drawing)
    assert parsed([Box("me")]) is not None


# ---------------------------------------------------------------- light and dark


def luminance(colour):
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one, other):
    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def test_colours_show_on_white_and_on_the_dark_of_notebooks():
    used = set(tones([f"w{i}" for i in range(len(_COLOURS))]).values())
    assert len(used) == len(_COLOURS)
    for colour in used:
        assert contrast(colour, "#ffffff") >= 3, colour
        assert contrast(colour, "#111111") >= 3, colour


def test_text_and_fills_take_the_colour_around_and_nothing_else_is_set():
    made = svg(draw(chain()), "words")
    known = set(tones(["me", "toby", "julie"]).values()) | {"currentColor", "none"}
    assert set(re.findall(r'(?:fill|stroke)="([^"]*)"', made)) <= known
    root = parsed(chain())
    assert all(element.get("fill") is None for element in root.iter(f"{SPACE}text"))


def test_nothing_is_loaded_and_nothing_runs():
    made = svg(draw(chain()), "words")
    assert not re.findall(r"<(script|style|image|use|foreignObject|a)\b|\bhref|url\(|\son\w+=|@import", made)
    assert made.count("http") == 1  # the name space
