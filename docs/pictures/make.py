"""Draw docs/pictures/chain.svg from the objects of a real run: ``python docs/pictures/make.py``.

The seed fixes the ids, so the same program gives the same picture, byte for byte; a test holds the file against it.
"""

from __future__ import annotations

from html import escape
from pathlib import Path
from typing import NamedTuple

import farptr as fp
from farptr.client.workers import StoredPointer
from farptr.demo.tour import routes
from farptr.views import boxes
from farptr.views.boxes import DIM, Box, Measures, Row

PICTURE = Path(__file__).with_name("chain.svg")
CODE = (
    "pp = fp.tensor([123, 13]).send(julie).send(toby)",
    "y = pp + pp",
)
SEED = 8086

MARGIN = 16
MEASURES = Measures(box=257, gap=48, head=30, row=34, row_gap=12, character=8.5, columns=3)
WIDTH = 2 * MARGIN + 3 * MEASURES.box + 2 * MEASURES.gap
CODE_TOP, LINE, BOX_TOP = 34, 22, 92

STYLE = """
  svg { color: #1f2328; --page: #ffffff; font: 14px ui-monospace, SFMono-Regular, Menlo, Consolas, monospace; }
  @media (prefers-color-scheme: dark) { svg { color: #e6edf3; --page: #0d1117; } }
  .page { fill: var(--page); }
"""


class Scene(NamedTuple):
    """What a run held after CODE, and the way its last line took."""

    boxes: list[Box]
    hops: str
    values: list[str]


def perform() -> Scene:
    """Run CODE on real processes and look."""
    scope = {"fp": fp}
    with fp.up("julie", "toby", seed=SEED) as sim:
        scope |= {"julie": sim["julie"], "toby": sim["toby"]}
        exec(CODE[0], scope)
        before = sim.traffic()
        exec(CODE[1], scope)
        (hops,) = routes(before, sim.traffic())
        mine = [Row(name, target=scope[name].id_at_location) for name in ("pp", "y")]
        parties = [Box("me", "client, a process", mine)]
        parties += [Box(name, "worker, a process", _stored(sim[name]._objects)) for name in ("toby", "julie")]
        return Scene(parties, hops, [repr(value) for value in sim["julie"]._objects.values()])


def _stored(objects: dict[int, object]) -> list[Row]:
    return [
        Row(str(id), key=id, target=value.id_at_location)
        if isinstance(value, StoredPointer)
        else Row(str(id), repr(value).removeprefix("tensor(").removesuffix(")"), id)
        for id, value in objects.items()
    ]


def draw(scene: Scene) -> str:
    """The picture as SVG text."""
    drawing = boxes.draw(scene.boxes, MEASURES, MARGIN, BOX_TOP)
    total = BOX_TOP + drawing.height + 44
    code = [
        f'<text x="{MARGIN}" y="{CODE_TOP + i * LINE}"><tspan {DIM}>&gt;&gt;&gt; </tspan>{escape(line)}</text>'
        for i, line in enumerate(CODE)
    ]
    caption = f'<text {DIM} x="{MARGIN}" y="{total - 16}">the second line took {escape(scene.hops)}</text>'
    page = f'<rect class="page" width="{WIDTH}" height="{total}" rx="8"/>'
    body = "\n".join(f"  {part}" for part in [page, *code, *drawing.parts, caption])
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {total}" role="img" fill="currentColor" '
        f'aria-labelledby="title desc">\n'
        f'  <title id="title">A chain of pointers across three processes</title>\n'
        f'  <desc id="desc">{escape(describe(scene))}</desc>\n'
        f"  <style>{STYLE}  </style>\n{body}\n</svg>\n"
    )


def describe(scene: Scene) -> str:
    """The picture in words."""
    values = " and ".join(scene.values)
    return (
        f"The client has the pointers pp and y to two pointers on worker toby, which point at {values} on worker julie."
    )


if __name__ == "__main__":
    PICTURE.write_text(draw(perform()), encoding="utf-8")
