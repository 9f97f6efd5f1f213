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

PICTURE = Path(__file__).with_name("chain.svg")
CODE = (
    "pp = fp.tensor([123, 13]).send(julie).send(toby)",
    "y = pp + pp",
)
SEED = 8086

WIDTH, MARGIN, GAP = 900, 16, 48
BOX_WIDTH = (WIDTH - 2 * MARGIN - 2 * GAP) // 3
CODE_TOP, LINE = 34, 22
BOX_TOP, HEAD, ROW, ROW_GAP = 92, 30, 34, 12

STYLE = """
  svg { --page: #ffffff; --ink: #1f2328; --dim: #59636e; --edge: #c4ccd4; --box: #f6f8fa; --row: #ffffff;
        --arrow: #0969da; --data: #1a7f37; font: 14px ui-monospace, SFMono-Regular, Menlo, Consolas, monospace; }
  @media (prefers-color-scheme: dark) {
    svg { --page: #0d1117; --ink: #e6edf3; --dim: #9198a1; --edge: #4a525c; --box: #151b23; --row: #0d1117;
          --arrow: #58a6ff; --data: #56d364; }
  }
  text { fill: var(--ink); } .dim { fill: var(--dim); } .data { fill: var(--data); } .name { font-weight: 600; }
  .page { fill: var(--page); } .box { fill: var(--box); stroke: var(--edge); }
  .row { fill: var(--row); stroke: var(--edge); }
  .arrow { stroke: var(--arrow); stroke-width: 2; fill: none; } .head { fill: var(--arrow); }
"""


class Object(NamedTuple):
    """One row of a box: what it is called, and what it is: data, or the id of what it points at."""

    label: str
    text: str
    id: int
    target: int


class Scene(NamedTuple):
    """What a run held after CODE, and the way its last line took."""

    parties: dict[str, list[Object]]
    hops: str


def perform() -> Scene:
    """Run CODE on real processes and look."""
    scope = {"fp": fp}
    with fp.up("julie", "toby", seed=SEED) as sim:
        scope |= {"julie": sim["julie"], "toby": sim["toby"]}
        exec(CODE[0], scope)
        before = sim.traffic()
        exec(CODE[1], scope)
        (hops,) = routes(before, sim.traffic())
        mine = [Object(name, "", 0, scope[name].id_at_location) for name in ("pp", "y")]
        parties = {"me": mine, **{name: _stored(sim[name]._objects) for name in ("toby", "julie")}}
        return Scene(parties, hops)


def _stored(objects: dict[int, object]) -> list[Object]:
    return [
        Object(str(id), "", id, value.id_at_location)
        if isinstance(value, StoredPointer)
        else Object(str(id), repr(value), id, 0)
        for id, value in objects.items()
    ]


def draw(scene: Scene) -> str:
    """The picture as SVG text."""
    rows = max(map(len, scene.parties.values()))
    height = HEAD + rows * (ROW + ROW_GAP) + 6
    total = BOX_TOP + height + 44
    places: dict[int, tuple[float, float]] = {}
    arrows: list[tuple[tuple[float, float], int]] = []
    parts: list[str] = []
    for i, (party, objects) in enumerate(scene.parties.items()):
        left = MARGIN + i * (BOX_WIDTH + GAP)
        kind = "client" if party == "me" else "worker"
        parts.append(f'<rect class="box" x="{left}" y="{BOX_TOP}" width="{BOX_WIDTH}" height="{height}" rx="8"/>')
        parts.append(
            f'<text x="{left + 12}" y="{BOX_TOP + 21}"><tspan class="name">{party}</tspan>'
            f'<tspan class="dim" dx="10">{kind}, a process</tspan></text>'
        )
        for j, shown in enumerate(objects):
            top = BOX_TOP + HEAD + j * (ROW + ROW_GAP) + 4
            middle = top + ROW / 2
            parts.append(
                f'<rect class="row" x="{left + 10}" y="{top}" width="{BOX_WIDTH - 20}" height="{ROW}" rx="5"/>'
            )
            text = f'<tspan class="dim">{shown.label}</tspan>' if shown.id else escape(shown.label)
            parts.append(f'<text x="{left + 20}" y="{middle + 5}">{text}</text>')
            if shown.text:
                parts.append(
                    f'<text class="data" x="{left + BOX_WIDTH - 20}" y="{middle + 5}" text-anchor="end">'
                    f"{escape(shown.text.removeprefix('tensor(').removesuffix(')'))}</text>"
                )
            if shown.id:
                places[shown.id] = (left + 10, middle)
            if shown.target:
                arrows.append(((left + BOX_WIDTH - 10, middle), shown.target))
    for (x, y), target in arrows:
        to_x, to_y = places[target]
        parts.append(f'<path class="arrow" d="M {x - 26} {y} L {to_x - 9} {to_y}"/>')
        parts.append(f'<circle class="head" cx="{x - 26}" cy="{y}" r="4"/>')
        parts.append(f'<path class="head" d="M {to_x} {to_y} l -11 -5 l 0 10 z"/>')
    code = [
        f'<text x="{MARGIN}" y="{CODE_TOP + i * LINE}"><tspan class="dim">&gt;&gt;&gt; </tspan>{escape(line)}</text>'
        for i, line in enumerate(CODE)
    ]
    caption = f'<text class="dim" x="{MARGIN}" y="{total - 16}">the second line took {escape(scene.hops)}</text>'
    page = f'<rect class="page" width="{WIDTH}" height="{total}" rx="8"/>'
    body = "\n".join(f"  {part}" for part in [page, *code, *parts, caption])
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {total}" role="img" '
        f'aria-labelledby="title desc">\n'
        f'  <title id="title">A chain of pointers across three processes</title>\n'
        f'  <desc id="desc">{escape(describe(scene))}</desc>\n'
        f"  <style>{STYLE}  </style>\n{body}\n</svg>\n"
    )


def describe(scene: Scene) -> str:
    """The picture in words."""
    values = " and ".join(shown.text for shown in scene.parties["julie"])
    return (
        f"The client has the pointers pp and y to two pointers on worker toby, which point at {values} on worker julie."
    )


if __name__ == "__main__":
    PICTURE.write_text(draw(perform()), encoding="utf-8")
