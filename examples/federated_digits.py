"""Federated learning in one page: the client learns from digits it never sees, and sees no worker's gradient either.

Needs scikit-learn for its 1797 handwritten digits: pip install 'farptr[demo]'
"""

import tempfile

import numpy as np
from sklearn.datasets import load_digits

import farptr as fp

WORKERS, ROUNDS, STEP = 5, 40, 1.0

# Each owner has a file with some of the digits; 360 of them we keep for measuring.
digits = load_digits()
x = np.c_[digits.data / 16, np.ones(len(digits.data))]  # the last column is for the bias
y = np.eye(10)[digits.target]
test, *shards = np.split(np.random.default_rng(0).permutation(len(x)), [360, 400, 600, 900, 1400])

with tempfile.TemporaryDirectory() as folder:
    files = {f"w{i + 1}": f"{folder}/shard{i}.npz" for i in range(WORKERS)}
    for path, shard in zip(files.values(), shards, strict=True):
        np.savez(path, x=x[shard], y=y[shard])
    sim = fp.up(files, "aggregator")  # a process for each owner, which loads the file itself


def gradient_sum(x, y, weights):
    """The gradient of softmax regression: all of these are pointers, so all of it runs where the data is."""
    scores = x @ weights
    likely = np.exp(scores - scores.max(axis=1, keepdims=True))
    return x.T @ (likely / likely.sum(axis=1, keepdims=True) - y)


with sim:
    *owners, aggregator = sim
    data = [(owner["x"], owner["y"]) for owner in owners]
    samples = sum(len(labels) for _, labels in data)
    weights = np.zeros((65, 10))
    for done in range(1, ROUNDS + 1):
        there = [fp.send(weights, owner) for owner in owners]
        gradients = [gradient_sum(*mine, w) for mine, w in zip(data, there, strict=True)]
        # From worker to worker, averaged there; what comes to us is the mean.
        mean = sum(gradient.move(aggregator) for gradient in gradients) / samples
        weights -= STEP * mean.get()
        if done % 10 == 0:
            right = (x[test] @ weights).argmax(axis=1) == digits.target[test]
            print(f"round {done}: {right.mean():.1%} of {len(test)} digits recognised")

    for row in sim.traffic():
        if row.destination == "me" and row.value_bytes:
            print(f"the client received {row.value_bytes:,} bytes of arrays from {row.source}")
    print(f"{ROUNDS} mean gradients are {ROUNDS * weights.nbytes:,} bytes")
