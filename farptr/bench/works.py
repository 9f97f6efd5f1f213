"""The works: what is measured, in which unit, and the steps that measure it on any adapter."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from farptr.bench.peers.base import Absent, Adapter
from farptr.bench.steps import (
    Sizes,
    average,
    broker_peak,
    bulk,
    confirmed,
    dependent,
    far_confirmed,
    far_pipelined,
    memcpy,
    scale,
    start_up,
    submit,
)

ERROR_CHARACTERS = 300


QUICK = Sizes(
    workers=2,
    rounds=3,
    trips=30,
    ops=2_000,
    budget_s=0.1,
    floats=10_000,
    bulk_bytes=8_000_000,
    depths=(1, 2),
    parties=(1, 2),
)


class Metric(NamedTuple):
    """One figure."""

    unit: str
    less: bool
    """Whether less is better."""
    words: str


class Step(NamedTuple):
    """Figures that are found together."""

    names: tuple[str, ...]
    run: Callable[[Adapter, Sizes, Any], tuple[float, ...]]
    over: str = ""
    """The field of Sizes over which it goes: the figure of each value is named ``name@value``."""


class Work(NamedTuple):
    """What is done, in words, and its steps."""

    words: str
    steps: tuple[Step, ...]
    fresh: bool = False
    """Whether each round needs a process of its own, in which nothing has been started."""
    ours_only: bool = False
    rounds: int = 0
    """At most so many; 0: as the sizes say."""


METRICS = {
    "confirmed_us": Metric("µs", True, "one operation, until it is known to have run; a handle comes back"),
    "submit_us": Metric("µs", True, "what the caller pays for an operation that it does not wait for"),
    "plain_per_s": Metric("1/s", False, "dependent operations, plain mode"),
    "best_per_s": Metric("1/s", False, "dependent operations, best mode"),
    "plain_ms": Metric("ms", True, "the mean, plain mode"),
    "best_ms": Metric("ms", True, "the mean, best mode"),
    "put_plain_gb_s": Metric("GB/s", False, "there, plain mode"),
    "get_plain_gb_s": Metric("GB/s", False, "back, plain mode"),
    "put_best_gb_s": Metric("GB/s", False, "there, best mode"),
    "get_best_gb_s": Metric("GB/s", False, "back, best mode"),
    "memcpy_gb_s": Metric("GB/s", False, "copying as much within a process"),
    "broker_peak_mb": Metric("MB", True, "the most memory that the broker had so far"),
    "start_s": Metric("s", True, "from the first call until each worker has computed once"),
    "pss_mb": Metric("MB", True, "memory of a worker: its proportional share, the mean"),
    "pss_all_mb": Metric("MB", True, "memory of everything that was started, the caller left out"),
    "pipelined_per_s": Metric("1/s", False, "dependent operations, not waited for"),
}


WORKS = {
    "W1": Work(
        "an operation on four floats, a handle back",
        (Step(("confirmed_us",), confirmed), Step(("submit_us",), submit)),
    ),
    "W2": Work(
        "20,000 operations on four floats, each on the result of the one before",
        (
            Step(("plain_per_s",), dependent("plain")),
            Step(("best_per_s",), dependent("best")),
        ),
    ),
    "W3": Work(
        "an array of 100,000 floats on each of eight workers, averaged on one of them, the mean fetched",
        (Step(("plain_ms",), average("plain")), Step(("best_ms",), average("best"))),
    ),
    "W4": Work(
        "100 MB there and back",
        (
            Step(("memcpy_gb_s",), memcpy),
            Step(("put_plain_gb_s", "get_plain_gb_s"), bulk("plain")),
            Step(("put_best_gb_s", "get_best_gb_s"), bulk("best")),
            Step(("broker_peak_mb",), broker_peak),
        ),
    ),
    "W5": Work(
        "eight workers, from nothing to a result of each; memory",
        (Step(("start_s", "pss_mb", "pss_all_mb"), start_up),),
        fresh=True,
        rounds=5,
    ),
    "W6": Work(
        "an operation on four floats through a handle to a handle",
        (Step(("confirmed_us",), far_confirmed), Step(("pipelined_per_s",), far_pipelined)),
    ),
    "W7": Work(
        "the same through chains of one to eight workers",
        (Step(("confirmed_us",), far_confirmed, "depths"), Step(("pipelined_per_s",), far_pipelined, "depths")),
        rounds=5,
    ),
    "W8": Work(
        "one to 256 workers",
        (Step(("start_s", "pss_mb", "confirmed_us", "best_per_s"), scale, "parties"),),
        fresh=True,
        ours_only=True,
        rounds=5,
    ),
}


def names_of(work: str, sizes: Sizes) -> list[str]:
    """The figures of a work, in order."""
    return [name for step in WORKS[work].steps for value in values_of(step, sizes) for name in named(step, value)]


def values_of(step: Step, sizes: Sizes) -> tuple[Any, ...]:
    """What a step goes over."""
    return getattr(sizes, step.over) if step.over else (None,)


def named(step: Step, value: int | None) -> list[str]:
    """The figures' names for one of them."""
    return [name if value is None else f"{name}@{value}" for name in step.names]


def said(error: BaseException) -> str:
    """An error in one line."""
    return " ".join(f"{type(error).__name__}: {error}".split())[:ERROR_CHARACTERS]


def do(work: str, adapter: Adapter, sizes: Sizes) -> dict[str, float | str]:
    """One round of a work: each figure, or why there is none."""
    found: dict[str, float | str] = {}
    for step in WORKS[work].steps:
        for value in values_of(step, sizes):
            names = named(step, value)
            try:
                found.update(zip(names, step.run(adapter, sizes, value), strict=True))
            except Absent as absent:
                found.update(dict.fromkeys(names, str(absent)))
            except Exception as error:
                found.update(dict.fromkeys(names, f"failed: {said(error)}"))
    return found
