"""Federated averaging over slow links, in virtual time: what 3G, local epochs, compression and stragglers do to it.

A process for each owner of digits, a modelled network, and no waiting: minutes of 3G pass in seconds, always alike.
The client is the server here: it sees each owner's update (examples/federated_digits.py averages on a worker instead).

Needs scikit-learn, and matplotlib for the plot: pip install 'farptr[demo,plot]'
"""

import argparse
import os
import tempfile
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from random import Random

import numpy as np

import farptr as fp

OWNERS, HIDDEN, STEP, HELD_OUT, GOAL = 10, 128, 1.0, 360, 0.90
SPEED, SLOW_SPEED = "200 MFLOP/s", "10 MFLOP/s"


@dataclass
class Setting:
    """One way to do it."""

    name: str
    access: str = "3G"
    epochs: int = 1
    """Steps that an owner takes on its own digits before it answers."""
    numbers: str = "float64"
    """How weights and updates travel."""
    straggler: bool = False
    """The last owner computes twenty times slower."""
    dropout: float = 0.0
    """Share of rounds that an owner is cut off for."""
    deadline_s: float | None = None
    """A round goes on without those who have not answered by then."""


SETTINGS = [
    Setting("broadband", access="broadband"),
    Setting("3G"),
    Setting("3G, 5 epochs", epochs=5),
    Setting("3G, 5 epochs, float16", epochs=5, numbers="float16"),
    Setting("3G, 5 epochs, int8", epochs=5, numbers="int8"),
    Setting("3G, 5 epochs, int8, a straggler", epochs=5, numbers="int8", straggler=True),
    Setting("the same, 10 % dropouts, deadline", epochs=5, numbers="int8", straggler=True, dropout=0.1, deadline_s=1.5),
]


def digits(folder):
    """A file for each owner, how many digits each has, and what we keep for measuring."""
    from sklearn.datasets import load_digits

    found = load_digits()
    x = np.c_[found.data / 16, np.ones(len(found.data))]
    y = np.eye(10)[found.target]
    order = np.random.default_rng(0).permutation(len(x))
    parts = np.array_split(order[HELD_OUT:], OWNERS)
    files = {f"w{i + 1}": str(Path(folder, f"w{i + 1}.npz")) for i in range(OWNERS)}
    for path, part in zip(files.values(), parts, strict=True):
        np.savez(path, x=x[part], y=y[part])
    return files, [len(part) for part in parts], (x[order[:HELD_OUT]], found.target[order[:HELD_OUT]])


def packed(array, numbers):
    """An array, or a pointer to one, as it travels: (numbers, scale). Of a pointer, this happens where it leads to."""
    if numbers != "int8":
        return array.astype(numbers), 1.0
    scale = abs(array).max() / 127.0
    return (array / scale).round().astype("int8"), scale


def trained(x, y, count, w1, w2, epochs):
    """Weights after some steps on one owner's digits: all of these are pointers, so it runs where the digits are."""
    for _ in range(epochs):
        hidden = np.tanh(x @ w1)
        scores = hidden @ w2
        likely = np.exp(scores - scores.max(axis=1, keepdims=True))
        wrong = (likely / likely.sum(axis=1, keepdims=True) - y) / count
        change = x.T @ ((wrong @ w2.T) * (1.0 - hidden * hidden))
        w2 = w2 - (hidden.T @ wrong) * STEP
        w1 = w1 - change * STEP
    return w1, w2


def asked(worker, data, count, weights, setting):
    """Send the weights to an owner, have it train, and ask for what it changed: futures of numbers and scales."""
    there = []
    for array in weights:
        numbers, scale = packed(array, setting.numbers)
        there.append(fp.send(numbers, worker).astype("float64") * float(scale))
    after = trained(*data, count, *there, setting.epochs)
    futures = []
    for new, old in zip(after, there, strict=True):
        numbers, scale = packed(new - old, setting.numbers)
        futures += [numbers.get_async(), scale.get_async() if setting.numbers == "int8" else None]
    return futures


def answered(futures):
    """Whether all of an owner's answers are here."""
    return all(future is None or future.done() for future in futures)


def run(setting, rounds, files, counts, test):
    """Train: rows of (virtual seconds, accuracy), bytes that the client received, and answers that came in time."""
    x, labels = test
    rng, chance = np.random.default_rng(1), Random(1)
    weights = [rng.normal(0, 0.1, (65, HIDDEN)), rng.normal(0, 0.1, (HIDDEN, 10))]
    costs = {"worker": {f"w{OWNERS}": SLOW_SPEED if setting.straggler else SPEED}, "else": SPEED}
    net = fp.Network(everybody=setting.access, parties={"me": "LAN"})
    rows, in_time, busy = [], 0, {}
    with fp.up(files, clock="virtual", seed=1, net=net, costs=costs) as sim:
        owners = list(sim)
        data = [(owner["x"], owner["y"]) for owner in owners]
        start = sim.now
        for _ in range(rounds):
            began = sim.now
            cut = [sim.net.partition(owner) for owner in owners if chance.random() < setting.dropout]
            # Who still works on an earlier round is not asked again until that is over.
            busy = {i: futures for i, futures in busy.items() if not answered(futures)}
            asked_now = {
                i: asked(owner, data[i], counts[i], weights, setting) for i, owner in enumerate(owners) if i not in busy
            }
            while not all(map(answered, asked_now.values())):
                sim.sleep(0.05)
                if setting.deadline_s and sim.now - began >= setting.deadline_s:
                    break
            for partition in cut:
                partition.undo()
            came = {i: futures for i, futures in asked_now.items() if answered(futures)}
            busy |= {i: futures for i, futures in asked_now.items() if i not in came}
            total = sum(counts[i] for i in came)
            for i, futures in came.items():
                values = [1.0 if future is None else future.result() for future in futures]
                for at, (numbers, scale) in enumerate(zip(values[::2], values[1::2], strict=True)):
                    change = np.asarray(numbers, dtype=float) * float(scale)
                    weights[at] = weights[at] + change * counts[i] / total
            in_time += len(came)
            right = (np.tanh(x @ weights[0]) @ weights[1]).argmax(axis=1) == labels
            rows.append((sim.now - start, float(right.mean())))
        received = sum(row.wire_bytes for row in sim.traffic() if row.destination == "me")
    return rows, received, in_time


def draw(results, path):
    """Accuracy against virtual time, a line for each setting."""
    import matplotlib as mpl
    from matplotlib.figure import Figure

    mpl.rcParams.update({"svg.hashsalt": "farptr", "svg.fonttype": "none", "font.size": 9})
    figure = Figure(figsize=(8, 4.5), layout="constrained")
    axes = figure.subplots()
    for name, rows in results:
        axes.plot(*zip(*rows, strict=True), label=name)
    axes.set(xscale="log", xlabel="virtual time in seconds", ylabel="share of held-out digits recognised", ylim=(0, 1))
    axes.grid(visible=True, alpha=0.3)
    axes.legend(frameon=False)
    figure.savefig(path, metadata={"Date": None})


def main():
    """All settings, one after the other."""
    # Ten workers that each compute with all cores would only get into each other's way.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--plot", metavar="FILE.svg", help="draw accuracy against time")
    options = parser.parse_args()
    if options.plot and find_spec("matplotlib") is None:  # said now, and not when all has been computed
        parser.error("--plot needs matplotlib: pip install 'farptr[plot]'")
    print(f"{'':34} {'round':>7} {f'to {GOAL:.0%}':>9} {'in the end':>11} {'received':>9} {'in time':>8}")
    results = []
    with tempfile.TemporaryDirectory() as folder:
        files, counts, test = digits(folder)
        for setting in SETTINGS:
            rows, received, in_time = run(setting, options.rounds, files, counts, test)
            goal = next((f"{time:.1f} s" for time, right in rows if right >= GOAL), "never")
            share = in_time / (OWNERS * options.rounds)
            a_round = f"{rows[-1][0] / len(rows):.2f} s"
            print(
                f"{setting.name:34} {a_round:>7} {goal:>9} {rows[-1][1]:>11.1%} {received / 1e6:>6.2f} MB {share:>8.0%}"
            )
            results.append((setting.name, rows))
    if options.plot:
        draw(results, options.plot)


if __name__ == "__main__":
    main()
