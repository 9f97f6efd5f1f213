"""All that a journal tells of a run, as one page of HTML that needs nothing else.

Laws
    No script, nothing to load; every name is escaped. The journal is read once.
    The page has a bounded size: what is left out is counted in it.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from html import escape
from typing import Any

from farptr.journal.reading import Reader
from farptr.ledger.account import Ledger
from farptr.ledger.folding import Fold
from farptr.ledger.pointers import Pointers
from farptr.protocol.errors import JournalDamaged
from farptr.views import heat, pointer_graph, sequence
from farptr.views.boxes import svg
from farptr.views.strokes import Strokes

MOST_RECEIPTS = 200
MOST_LINES = 600
_SHOWN = (
    "run", "started", "seed", "farptr", "protocol", "python", "numpy", "pyzmq", "libzmq", "config", "workers",
    "records", "head",
)  # fmt: skip
_STYLE = """
:root { color-scheme: light dark; }
body { font: 15px/1.5 system-ui, sans-serif; max-width: 76rem; margin: 2rem auto; padding: 0 1rem; }
h2 { margin-top: 2.5rem; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; display: block; overflow-x: auto; }
th, td { text-align: left; padding: 0.15rem 0.9rem 0.15rem 0; vertical-align: top; }
td.n, th.n { text-align: right; }
.note { border-left: 4px solid #b7791f; padding-left: 0.8rem; }
.bad { border-left: 4px solid #c92a2a; padding-left: 0.8rem; font-weight: 600; }
summary { cursor: pointer; margin: 0.3rem 0; }
"""


class Report:
    """Everything that the page shows, folded from a journal in one pass.

    Raises NoJournal, JournalVersion, JournalDamaged.
    """

    def __init__(self, path: str | os.PathLike[str] | None = None) -> None:
        self.strokes = Strokes()
        self.pointers: Pointers

        def also(fold: Fold) -> Iterable[Any]:
            self.pointers = Pointers(fold.lineage, snapshots=True)
            return self.strokes.add, self.pointers.add

        self.ledger = Ledger(Reader(path), also)
        self.strokes.done()

    def html(self) -> str:
        """The page."""
        title = escape(f"run {self.ledger.manifest.get('run', '')}")
        parts = [
            f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{title}</title>',
            '<meta name="viewport" content="width=device-width">',
            f"<style>{_STYLE}</style></head><body><h1>{title}</h1>",
            *self._notices(), *self._about(), *self._matrices(), *self._receipts(), *self._sequence(),
            *self._pointers(), "</body></html>\n",
        ]  # fmt: skip
        return "\n".join(parts)

    def _notices(self) -> Iterator[str]:
        for notice in self.ledger.notices:
            yield f'<p class="note">{escape(notice)}</p>'
        try:
            self.ledger.check()
        except JournalDamaged as error:
            yield f'<p class="bad">{escape(error.message)}</p>'
        else:
            yield (
                f"<p>The account balances. Relayed by the broker, not read: {self.ledger.relayed_bytes:,} bytes;"
                f" dropped: {self.ledger.dropped_bytes:,}; in flight: {self.ledger.in_flight_bytes:,}.</p>"
            )

    def _about(self) -> Iterator[str]:
        rows = [(key, self.ledger.manifest[key]) for key in _SHOWN if key in self.ledger.manifest]
        yield _table((), [(key, _words(value)) for key, value in rows])

    def _matrices(self) -> Iterator[str]:
        yield "<h2>Who received which bytes</h2>"
        for what, words in (("value_bytes", "Bytes of data"), ("wire_bytes", "Bytes of frames")):
            yield f"<h3>{words}</h3>{svg(heat.draw(self.ledger.matrix(what)), words)}"
        lines = self.ledger.lines()
        yield "<details><summary>All pairs</summary>"
        headings = ("party", "from", "envelopes", "data", "wire", "raw", "derived", "aggregate")
        yield _table(headings, lines[:MOST_LINES], left=2)
        yield from _left_out(len(lines) - MOST_LINES, "pairs")
        yield "</details>"

    def _receipts(self) -> Iterator[str]:
        yield "<h2>What each party was handed</h2>"
        headings = ("bytes", "seconds", "kind", "what", "by", "object", "made of")
        for party in self.ledger.parties[1:]:
            view = self.ledger.view(party)
            yield f"<details><summary>{escape(party)}: {view.value_bytes:,} bytes of data</summary>"
            rows = [
                (r.value_bytes, f"{r.time_s:.6f}", r.kind, r.what, r.source, r.object, ", ".join(r.sources))
                for r in view.receipts[:MOST_RECEIPTS]
            ]
            yield _table(headings, rows, left=0, right=2)
            yield from _left_out(len(view.receipts) - MOST_RECEIPTS, "receipts: <code>farptr ledger --csv</code>")
            yield "</details>"

    def _sequence(self) -> Iterator[str]:
        yield "<h2>What passed, in time</h2>"
        yield svg(sequence.draw(self.strokes), "sequence diagram of the envelopes")

    def _pointers(self) -> Iterator[str]:
        yield "<h2>Who pointed at what</h2>"
        for graph in [*self.pointers.snapshots, self.pointers.graph()]:
            words = f"After {graph.time_ns / 1e9:.6f} s: {len(graph.objects):,} objects, {len(graph.handles):,} handles"
            yield f"<details><summary>{words}</summary>{svg(pointer_graph.draw(graph), words)}</details>"


def _words(value: Any) -> str:
    """Of a manifest's value; of workers the names."""
    if isinstance(value, list) and all(isinstance(one, dict) and "name" in one for one in value):
        value = [one["name"] for one in value]
    return ", ".join(map(str, value)) if isinstance(value, list | tuple | dict) else str(value)


def _table(headings: Sequence[str], rows: Iterable[Sequence[Any]], *, left: int = 99, right: int = 99) -> str:
    """Cells from ``left`` on and before ``right`` are numbers."""
    numbers = range(left, right)

    def cell(tag: str, i: int, value: Any) -> str:
        text = f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)
        return f"<{tag}{' class=n' if i in numbers else ''}>{escape(text)}</{tag}>"

    head = "".join(cell("th", i, value) for i, value in enumerate(headings))
    body = "".join(f"<tr>{''.join(cell('td', i, value) for i, value in enumerate(row))}</tr>\n" for row in rows)
    return f"<table><tr>{head}</tr>\n{body}</table>" if headings else f"<table>{body}</table>"


def _left_out(count: int, words: str) -> Iterator[str]:
    if count > 0:
        yield f'<p class="note">{count:,} more {words}</p>'
