"""What was found, as one document: medians, spreads, and ratios to the floor and to the best peer."""

from __future__ import annotations

import datetime
import os
import platform
import statistics
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from farptr.bench.peers import CONTESTANTS, FLOOR, PEERS, version, why_absent
from farptr.bench.rounds import Found, Table, Tell, measure
from farptr.bench.steps import Sizes
from farptr.bench.targets import targets
from farptr.bench.works import METRICS, QUICK, WORKS, Metric

INSTEAD = {"best_per_s": "plain_per_s", "best_ms": "plain_ms"} | {
    f"{way}_best_gb_s": f"{way}_plain_gb_s" for way in ("put", "get")
}
"""For who has no best mode, or only one that gives no private copy, the plain one stands in its place."""


def make(names: Sequence[str], works: Sequence[str], sizes: Sizes, tell: Tell) -> dict[str, Any]:
    """Measure, and say what was found; the document's values are plain and can become JSON.

    Args:
        names: contestants; those whose library is not installed are reported as absent.
        works: names of WORKS.
        sizes: how much is done.
        tell: is told what is going on.
    """
    absent = {name: why for name in names if (why := why_absent(name))}
    load_before = _load()
    table = measure([name for name in names if name not in absent], works, sizes, tell)
    for figures in table.values():
        for of in figures.values():
            of.update({name: Found([], why) for name, why in absent.items()})
    document = {
        "machine": _machine() | {"load_before": load_before, "load_after": _load()},
        "sizes": sizes._asdict(),
        "quick": sizes == QUICK,
        "contestants": {name: _contestant(name, absent.get(name)) for name in names},
        "works": {work: _work(work, table, names) for work in works},
    }
    return document | {"targets": targets(document)}


def _contestant(name: str, why_not: str | None) -> dict[str, Any]:
    if why_not:
        return {"absent": why_not}
    entry = CONTESTANTS[name]
    return {"version": version(name), "plain": entry.plain, "best": entry.best}


def _machine() -> dict[str, Any]:
    import numpy as np
    import zmq

    return {
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "system": f"{platform.system()} {platform.release()}",
        "processors": os.cpu_count(),
        "python": platform.python_version(),
        "numpy": np.__version__,
        "pyzmq": zmq.pyzmq_version(),
        "libzmq": zmq.zmq_version(),
    }


def _load() -> float | None:
    return round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None


# ---------------------------------------------------------------- one work


def metric_of(figure: str) -> Metric:
    """A figure's unit and words; ``confirmed_us@3`` is ``confirmed_us`` at 3."""
    return METRICS[figure.partition("@")[0]]


def _work(work: str, table: Table, names: Sequence[str]) -> dict[str, Any]:
    figures = table[work]
    return {
        "words": WORKS[work].words,
        "figures": {figure: _figure(figure, figures, names) for figure in figures},
    }


def _figure(figure: str, figures: Mapping[str, Mapping[str, Found]], names: Sequence[str]) -> dict[str, Any]:
    metric, of = metric_of(figure), figures[figure]
    rivals = {name: _in_best_mode(figure, figures, name) for name in PEERS if name in of}
    best = _best(metric, {name: found for name, found in rivals.items() if found.values})
    rows = {}
    for name in names:
        found = of[name]
        rows[name] = _row(found) if found.values else {"absent": found.why}
        if found.values:
            rows[name] |= {
                "to_floor": ratio(found, of.get(FLOOR)) if name != FLOOR else None,
                "to_best_peer": ratio(found, rivals[best]) if best and name not in PEERS else None,
            }
    return {"unit": metric.unit, "less_is_better": metric.less, "words": metric.words, "best_peer": best, "of": rows}


def _in_best_mode(figure: str, figures: Mapping[str, Mapping[str, Found]], name: str) -> Found:
    found, instead = figures[figure][name], figures.get(INSTEAD.get(figure, ""), {}).get(name)
    private = CONTESTANTS[name].private or "_gb_s" not in figure
    if instead is None or not instead.values or (found.values and private):
        return found if private or instead is None else instead
    return instead


def _best(metric: Metric, of: Mapping[str, Found]) -> str | None:
    choose: Callable[..., str] = min if metric.less else max
    return choose(of, key=lambda name: statistics.median(of[name].values)) if of else None


def _row(found: Found) -> dict[str, Any]:
    values = found.values
    return {
        "median": significant(statistics.median(values)),
        "least": significant(min(values)),
        "greatest": significant(max(values)),
        "rounds": len(values),
    }


def ratio(found: Found, other: Found | None) -> float | None:
    """The median of the rounds' ratios: what slows a whole round down is in both. None without the other."""
    if other is None or not other.values:
        return None
    if len(found.values) == len(other.values):
        return significant(statistics.median(a / b for a, b in zip(found.values, other.values, strict=True)))
    return significant(statistics.median(found.values) / statistics.median(other.values))


def significant(value: float, digits: int = 4) -> float:
    """Rounded to so many digits: more would be noise."""
    return float(f"{value:.{digits}g}")
