"""Learning from digits that nobody hands over: gradients are averaged on a worker, and only the mean is fetched.

Softmax regression on scikit-learn's 1797 handwritten digits, a file of them for each worker. A round is one step of
full-batch gradient descent, so the result equals centralised training for any partition of the samples.

This process also plays the dealer: it writes the workers' files before the run starts, for want of real owners. What
it learns *in* the run is what the account at the end is about.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from farptr.demo.account import AGGREGATOR, table, verdict
from farptr.protocol.errors import FarptrError, UsageError

if TYPE_CHECKING:
    from rich.console import Console

    from farptr.client.run import Run
    from farptr.client.workers import Worker

Array = np.ndarray[Any, Any]

CLASSES = 10
STEP = 1.0
HELD_OUT = 360
"""Samples that stay with the client, for the accuracy."""
LINES = 8
"""Lines of progress in a pipe."""


class Samples(NamedTuple):
    """Samples as rows, features and a 1 for the bias, and one-hot labels. Arrays, or pointers to a worker's own."""

    x: Any
    y: Any


# ---------------------------------------------------------------- the data


def load_digits() -> Samples:
    """The bundled digits, features scaled to 0..1; raises FarptrError when scikit-learn is missing."""
    try:
        from sklearn.datasets import load_digits
    except ImportError as error:
        raise FarptrError(
            "the digits come with scikit-learn, which is not installed", hint="pip install 'farptr[demo]'"
        ) from error
    found = load_digits()
    return Samples(np.c_[found.data / 16, np.ones(len(found.data))], np.eye(CLASSES)[found.target])


def split(samples: Samples, workers: int, seed: int) -> tuple[list[Samples], Samples]:
    """(shards, held out): a random partition into shards of unequal sizes, none empty, and the client's test part."""
    training = len(samples.x) - HELD_OUT
    if not 1 <= workers <= training:
        raise UsageError(f"{workers} workers cannot share {training} samples", hint=f"take 1 to {training}")
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(samples.x))
    cuts = np.sort(rng.choice(np.arange(1, training), workers - 1, replace=False))
    shards = [Samples(samples.x[part], samples.y[part]) for part in np.split(order[HELD_OUT:], cuts)]
    return shards, Samples(samples.x[order[:HELD_OUT]], samples.y[order[:HELD_OUT]])


def write_shards(shards: Sequence[Samples], directory: Path) -> dict[str, str]:
    """A file for each worker, by the worker's name."""
    files = {f"w{i}": directory / f"shard{i}.npz" for i in range(1, len(shards) + 1)}
    for path, shard in zip(files.values(), shards, strict=True):
        np.savez(path, x=shard.x, y=shard.y)
    return {name: str(path) for name, path in files.items()}


def start(shards: Sequence[Samples], seed: int, journal: str | bool = False) -> Run:
    """A run whose workers have loaded a shard each, and an aggregator; the files are gone when it returns."""
    import farptr

    with tempfile.TemporaryDirectory(prefix="farptr-digits-") as directory:
        return farptr.up(write_shards(shards, Path(directory)), AGGREGATOR, seed=seed, journal=journal)


# ---------------------------------------------------------------- the learning


def gradient_sum(samples: Samples, weights: Any) -> Any:
    """The loss's gradient, summed over the samples; of pointers, a pointer to it where the samples are."""
    scores = samples.x @ weights
    likely = np.exp(scores - scores.max(axis=1, keepdims=True))
    return samples.x.T @ (likely / likely.sum(axis=1, keepdims=True) - samples.y)


def average(gradients: Sequence[Any], count: int, aggregator: Worker) -> Any:
    """Push the workers' gradient sums to the aggregator and average them there: a pointer to the mean."""
    return sum(gradient.move(aggregator) for gradient in gradients) / count


def train(run: Run, *, rounds: int, step: float = STEP, after_round: Callable[[Array], None] | None = None) -> Array:
    """The weights after some rounds of gradient descent on the data of all workers but the aggregator."""
    import farptr

    workers = [worker for worker in run if worker.name != AGGREGATOR]
    theirs = [Samples(worker["x"], worker["y"]) for worker in workers]
    count = sum(len(samples.y) for samples in theirs)
    weights = np.zeros((64 + 1, CLASSES))
    for _ in range(rounds):
        sent = [farptr.send(weights, worker) for worker in workers]
        gradients = [gradient_sum(*pair) for pair in zip(theirs, sent, strict=True)]
        weights = weights - step * average(gradients, count, run[AGGREGATOR]).get()
        if after_round:
            after_round(weights)
    return np.asarray(weights)


def centralised(shards: Sequence[Samples], *, rounds: int, step: float = STEP) -> Array:
    """The same, with all samples in one place: what the run's result is held against."""
    everything = Samples(*map(np.concatenate, zip(*shards, strict=True)))
    weights = np.zeros((64 + 1, CLASSES))
    for _ in range(rounds):
        weights = weights - step * gradient_sum(everything, weights) / len(everything.x)
    return weights


def accuracy(weights: Array, samples: Samples) -> float:
    """Share of the samples that the weights put in the right class."""
    return float(np.mean((samples.x @ weights).argmax(axis=1) == samples.y.argmax(axis=1)))


# ---------------------------------------------------------------- the demonstration


def main(*, workers: int = 5, rounds: int = 40, seed: int = 0, console: Console) -> int:
    """Run it and show it; 0 when the client saw nothing but mean gradients, else 1."""
    if rounds < 1:
        raise UsageError(f"{rounds} rounds train nothing", hint="take at least 1")
    shards, test = split(load_digits(), workers, seed)
    sizes = ", ".join(str(len(shard.x)) for shard in shards)
    _say(
        console, f"{len(shards)} workers load {sizes} digits from files of their own; {len(test.x)} are held out here."
    )
    with tempfile.TemporaryDirectory(prefix="farptr-digits-") as journal, start(shards, seed, journal) as run:
        began = time.perf_counter()
        weights = _train_visibly(run, rounds, test, console)
        seconds = time.perf_counter() - began
        rows, names = run.traffic(), [worker.name for worker in run if worker.name != AGGREGATOR]
        judged = verdict(run.ledger, names, rounds, weights.nbytes)
    apart = float(np.abs(weights - centralised(shards, rounds=rounds)).max())
    _say(console, f"{accuracy(weights, test):.1%} of the held-out digits are recognised; {seconds:.2f} s of training.")
    _say(console, f"Gradient descent with all digits in one place gives the same weights to {apart:.0e}.\n")
    console.print(table(rows))
    _say(console, judged.sentence, style="bold green" if judged.holds else "bold red")
    return 0 if judged.holds else 1


def _say(console: Console, sentence: str, style: str = "") -> None:
    # In a pipe a sentence stays on one line: whoever greps for it finds it.
    console.print(sentence, style=style, soft_wrap=not console.is_terminal, highlight=False)


def _train_visibly(run: Run, rounds: int, test: Samples, console: Console) -> Array:
    """The weights, with a bar, or lines in a pipe."""
    done = 0
    columns = (
        TextColumn("round"), MofNCompleteColumn(), BarColumn(), TextColumn("accuracy {task.fields[right]:.1%}"),
        TimeElapsedColumn(),
    )  # fmt: skip
    began = time.perf_counter()
    with Progress(*columns, console=console, disable=not console.is_terminal) as progress:
        task = progress.add_task("", total=rounds, right=0.0)

        def after_round(weights: Array) -> None:
            nonlocal done
            right, done = accuracy(weights, test), done + 1
            progress.update(task, advance=1, right=right)
            if not console.is_terminal and (done % -(-rounds // LINES) == 0 or done == rounds):
                console.print(f"round {done:3}/{rounds}  accuracy {right:.1%}  {time.perf_counter() - began:.2f} s")

        return train(run, rounds=rounds, after_round=after_round)
