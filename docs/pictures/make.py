"""Draw the pictures of the pages from the objects of real runs: ``python docs/pictures/make.py``.

``chain.svg`` shows CODE. The others belong to docs/tutorial.md: its examples are run in order, and each picture that
the page links shows what every process holds at that place. Seeds fix the ids, so the same program gives the same
pictures, byte for byte; a test holds the files against it.
"""

from __future__ import annotations

import contextlib
import doctest
import re
import sys
import tempfile
from collections.abc import Iterator
from html import escape
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

import farptr as fp
from farptr.client.stored import OwnData, StoredPointer
from farptr.demo.tour import routes
from farptr.views import boxes
from farptr.views.boxes import DIM, Box, Measures, Row

FOLDER = Path(__file__).parent
PICTURE = FOLDER / "chain.svg"
CODE = (
    "pp = fp.tensor([123, 13]).send(julie).send(toby)",
    "y = pp + pp",
)
SEED = 8086
TUTORIAL = FOLDER.parent / "tutorial.md"
STEP = re.compile(r"^```pycon\n(?P<code>.*?)^```$|^!\[(?P<words>[^\]]+)\]\(pictures/(?P<file>[\w.-]+)\)", re.M | re.S)
"""A block of examples, or a picture with what it shows in words."""

MARGIN = 16
MEASURES = Measures(box=257, gap=48, head=30, row=34, row_gap=12, character=8.5, columns=3)
NARROW = MEASURES._replace(box=240, gap=40, columns=4)
CODE_TOP, LINE, BOX_TOP = 34, 22, 92

STYLE = """
  svg { color: #1f2328; --page: #ffffff; }
  svg { font-size: 14px; font-family: ui-monospace, SFMono-Regular, Menlo, Consolas, monospace; }
  @media (prefers-color-scheme: dark) { svg { color: #e6edf3; --page: #0d1117; } }
  .page { fill: var(--page); }
"""


class Scene(NamedTuple):
    """What a run held after CODE, and the way its last line took."""

    boxes: list[Box]
    hops: str
    values: list[str]


def pictures() -> dict[Path, str]:
    """All pictures of the pages: file and SVG text."""
    return {PICTURE: draw(perform())} | dict(tutorial())


# ---------------------------------------------------------------- the chain


def perform() -> Scene:
    """Run CODE on real processes and look."""
    scope: dict[str, Any] = {"fp": fp}
    with fp.up("julie", "toby", seed=SEED) as sim:
        scope |= {"julie": sim["julie"], "toby": sim["toby"]}
        exec(CODE[0], scope)
        before = sim.traffic()
        exec(CODE[1], scope)
        (hops,) = routes(before, sim.traffic())
        parties = [_mine(scope), *(_theirs(sim[name]) for name in ("toby", "julie"))]
        return Scene(parties, hops, [repr(value) for value in sim["julie"]._objects.values()])


def draw(scene: Scene) -> str:
    """The picture as SVG text."""
    code = [
        f'<text x="{MARGIN}" y="{CODE_TOP + i * LINE}"><tspan {DIM}>&gt;&gt;&gt; </tspan>{escape(line)}</text>'
        for i, line in enumerate(CODE)
    ]
    drawing = boxes.draw(scene.boxes, MEASURES, MARGIN, BOX_TOP)
    below = BOX_TOP + drawing.height + 28
    caption = f'<text {DIM} x="{MARGIN}" y="{below}">the second line took {escape(scene.hops)}</text>'
    parts = [*code, *drawing.parts, caption]
    return _svg(drawing, parts, BOX_TOP + 44, "A chain of pointers across three processes", describe(scene))


def describe(scene: Scene) -> str:
    """The picture in words."""
    values = " and ".join(scene.values)
    return (
        f"The client has the pointers pp and y to two pointers on worker toby, which point at {values} on worker julie."
    )


# ---------------------------------------------------------------- the tutorial


def tutorial() -> Iterator[tuple[Path, str]]:
    """Run the tutorial, and look wherever it shows a picture."""
    text = TUTORIAL.read_text(encoding="utf-8")
    scope: dict[str, Any] = {"__name__": "__main__"}
    with _quiet_prompt():
        try:
            for step in STEP.finditer(text):
                if step["code"] is not None:
                    for example in doctest.DocTestParser().get_examples(step["code"]):
                        with contextlib.suppress(Exception) if example.exc_msg else contextlib.nullcontext():
                            exec(compile(example.source, "tutorial.py", "single"), scope)
                    continue
                sim: fp.Run = scope["sim"]
                parties = [_mine(scope), *map(_theirs, sim)]
                drawing = boxes.draw(parties, MEASURES if len(parties) <= 3 else NARROW, MARGIN, MARGIN)
                words = " ".join(step["words"].split())
                yield FOLDER / step["file"], _svg(drawing, drawing.parts, 2 * MARGIN, "What each process has", words)
        finally:
            for run in [value for value in scope.values() if isinstance(value, fp.Run)]:
                run.close()


@contextlib.contextmanager
def _quiet_prompt() -> Iterator[None]:
    """A directory to write in, and a prompt that keeps nothing and shows nothing; but a repr gives a pointer its id."""
    shown, sys.displayhook = sys.displayhook, repr
    try:
        with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder), contextlib.redirect_stdout(None):
            yield
    finally:
        sys.displayhook = shown


# ---------------------------------------------------------------- what each has


def _mine(scope: dict[str, Any]) -> Box:
    """The program's variables: pointers and arrays."""
    rows: list[Row] = []
    for name, value in scope.items():
        if isinstance(value, fp.MultiPointer):
            places = [p.location.name for p in value.pointers]
            apart = len(set(places)) == len(places)
            parts = [f'["{place}"]' if apart else f".pointers[{i}]" for i, place in enumerate(places)]
            rows += [_handle(name + part, p) for part, p in zip(parts, value.pointers, strict=True)]
        elif isinstance(value, fp.Pointer) and not value._spent:
            rows.append(_handle(name, value))
        elif isinstance(value, np.ndarray):
            rows.append(Row(name, _text(value)))
    return Box("me", "client, a process", rows)


def _handle(name: str, pointer: fp.Pointer) -> Row:
    text = "" if pointer.gc else "does not own"
    return Row(name, text, target=(pointer.location.name, pointer.id_at_location))


def _theirs(worker: fp.Worker) -> Box:
    """What the worker holds, in program order."""
    rows = [_stored(worker.name, id, value) for id, value in worker._objects.items()]
    return Box(worker.name, "worker, a process", rows)


def _stored(worker: str, id: int, value: Any) -> Row:
    key = (worker, id)
    if isinstance(value, StoredPointer):
        return Row(str(id), key=key, target=(value.location, value.id_at_location))
    if isinstance(value, OwnData):
        return Row(value.name, f"own {value.shape}", key=key)
    return Row(str(id), _text(value), key)


def _text(value: Any) -> str:
    return repr(value).removeprefix("tensor(").removeprefix("array(").removesuffix(")")


def _svg(drawing: boxes.Drawing, parts: list[str], more: int, title: str, words: str) -> str:
    """A drawing with ``more`` pixels above and below it, as a file."""
    width, height = drawing.width + 2 * MARGIN, drawing.height + more
    page = f'<rect class="page" width="{width}" height="{height}" rx="8"/>'
    body = "\n".join(f"  {part}" for part in [page, *parts])
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img" fill="currentColor" '
        f'aria-labelledby="title desc">\n'
        f'  <title id="title">{escape(title)}</title>\n'
        f'  <desc id="desc">{escape(words)}</desc>\n'
        f"  <style>{STYLE}  </style>\n{body}\n</svg>\n"
    )


if __name__ == "__main__":
    for path, text in pictures().items():
        path.write_text(text, encoding="utf-8")
