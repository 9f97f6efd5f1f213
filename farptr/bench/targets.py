"""What is aimed at, as ratios within one run where that is possible, and whether a document shows it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from farptr.bench.peers import CONTESTANTS, FLOOR, OURS, PEERS

Document = dict[str, Any]
AT_LEAST, AT_MOST = "≥", "≤"


class Target(NamedTuple):
    """One aim."""

    work: str
    words: str
    sign: str
    aim: float
    find: Callable[[Document], float | None]
    """None where the document has not what it takes."""


def _row(document: Document, work: str, figure: str, name: str) -> dict[str, Any]:
    rows = document["works"].get(work, {}).get("figures", {}).get(figure, {}).get("of", {})
    return dict(rows.get(name, {}))


def _ours(work: str, figure: str, key: str = "median", name: str = OURS) -> Callable[[Document], float | None]:
    return lambda document: _row(document, work, figure, name).get(key)


def _best_of(document: Document, figure: str, name: str) -> float | None:
    """GB/s in the better of both modes; of one whose best mode gives no private copy, in plain mode."""
    modes = ("plain", "best") if CONTESTANTS[name].private else ("plain",)
    found = [_row(document, "W4", figure.format(mode), name).get("median") for mode in modes]
    return max((value for value in found if value is not None), default=None)


def _of_memcpy(figure: str) -> Callable[[Document], float | None]:
    def find(document: Document) -> float | None:
        ours = _row(document, "W4", figure, OURS).get("median")
        memcpy = _row(document, "W4", "memcpy_gb_s", FLOOR).get("median")
        return ours / memcpy if ours and memcpy else None

    return find


def _of_peers(figure: str) -> Callable[[Document], float | None]:
    def find(document: Document) -> float | None:
        ours = _best_of(document, figure, OURS)
        theirs = [value for name in PEERS if (value := _best_of(document, figure, name))]
        return ours / max(theirs) if ours and theirs else None

    return find


def _depths(document: Document, figure: str) -> list[tuple[int, float]]:
    found = ((int(depth), _row(document, "W7", f"{figure}@{depth}", OURS)) for depth in document["sizes"]["depths"])
    return [(depth, row["median"]) for depth, row in found if "median" in row]


def _extra_hop(document: Document) -> float | None:
    """The slope between the shortest chain and the longest, in round trips of the floor."""
    points = _depths(document, "confirmed_us")
    floor = _row(document, "W7", f"confirmed_us@{points[0][0]}", FLOOR).get("median") if points else None
    if len(points) < 2 or not floor:
        return None
    (near, first), (far, last) = points[0], points[-1]
    return float((last - first) / (far - near) / floor)


def _depth_times_rate(document: Document) -> float | None:
    """The least, over all depths, of operations a second times depth, over those of depth 1."""
    points = _depths(document, "pipelined_per_s")
    if len(points) < 2 or points[0][0] != 1:
        return None
    return float(min(depth * rate for depth, rate in points) / points[0][1])


TARGETS = (
    Target("W1", "submit, µs", AT_MOST, 2, _ours("W1", "submit_us")),
    Target("W1", "confirmed, of the floor", AT_MOST, 1.4, _ours("W1", "confirmed_us", "to_floor")),
    Target("W2", "operations a second", AT_LEAST, 400_000, _ours("W2", "best_per_s")),
    Target("W2", "of the best peer's best mode", AT_LEAST, 3.5, _ours("W2", "best_per_s", "to_best_peer")),
    Target("W3", "of the best peer's time", AT_MOST, 0.5, _ours("W3", "best_ms", "to_best_peer")),
    Target("W4", "put, of memcpy", AT_LEAST, 0.25, _of_memcpy("put_best_gb_s")),
    Target("W4", "put in parts, of memcpy", AT_LEAST, 0.08, _of_memcpy("put_plain_gb_s")),
    Target("W4", "get, of memcpy", AT_LEAST, 0.25, _of_memcpy("get_best_gb_s")),
    Target("W4", "get in parts, of memcpy", AT_LEAST, 0.08, _of_memcpy("get_plain_gb_s")),
    Target("W4", "put, of the best peer with a private copy", AT_LEAST, 1, _of_peers("put_{}_gb_s")),
    Target("W4", "get, of the best peer with a private copy", AT_LEAST, 1, _of_peers("get_{}_gb_s")),
    Target("W4", "the broker's peak, MB", AT_MOST, 80, _ours("W4", "broker_peak_mb")),
    Target("W5", "start, s", AT_MOST, 0.3, _ours("W5", "start_s")),
    Target("W5", "PSS of a worker, MB", AT_MOST, 10, _ours("W5", "pss_mb")),
    Target("W6", "confirmed, of the floor", AT_MOST, 2.2, _ours("W6", "confirmed_us", "to_floor")),
    Target("W6", "pipelined operations a second", AT_LEAST, 250_000, _ours("W6", "pipelined_per_s")),
    Target("W7", "each further hop, of the floor", AT_MOST, 0.6, _extra_hop),
    Target("W7", "operations a second times depth, of depth 1", AT_LEAST, 0.6, _depth_times_rate),
    Target("W8", "256 workers up, s", AT_MOST, 6, _ours("W8", "start_s@256")),
    Target("W8", "PSS of one among 256, MB", AT_MOST, 10, _ours("W8", "pss_mb@256")),
)


def targets(document: Document) -> list[dict[str, Any]]:
    """Each aim, what was found, and whether it is met; ``found`` is None where it was not measured."""
    return list(_held(document))


def _held(document: Document) -> Iterator[dict[str, Any]]:
    for target in TARGETS:
        if target.work not in document["works"]:
            continue
        found = target.find(document)
        met = None if found is None else (found >= target.aim if target.sign == AT_LEAST else found <= target.aim)
        words = f"{target.words} {target.sign} {target.aim:,}"
        yield {
            "work": target.work,
            "words": words,
            "found": None if found is None else float(f"{found:.4g}"),
            "met": met,
        }
