"""The demonstration on digits: equal to training in one place, and honest about what the client saw."""

from __future__ import annotations

import io
import sys

import numpy as np
import pytest
from rich.console import Console

from farptr.demo import digits
from farptr.demo.account import verdict
from farptr.demo.digits import Samples
from farptr.protocol.errors import FarptrError, UsageError

TRAINING = 300
ROUNDS = 4


@pytest.fixture(scope="module")
def samples():
    return digits.load_digits()


def partition(samples, sizes, seed):
    order = np.random.default_rng(seed).permutation(sum(sizes))
    return [Samples(samples.x[part], samples.y[part]) for part in np.split(order, np.cumsum(sizes)[:-1])]


def descent(x, y, rounds, step):
    """Gradient descent on the mean cross-entropy, written sample by sample and without the library."""
    weights = np.zeros((x.shape[1], y.shape[1]))
    for _ in range(rounds):
        gradient = np.zeros_like(weights)
        for sample, label in zip(x, y, strict=True):
            scores = sample @ weights
            gradient += np.outer(sample, np.exp(scores - np.logaddexp.reduce(scores)) - label)
        weights -= step * gradient / len(x)
    return weights


@pytest.fixture(scope="module")
def expected(samples):
    return descent(samples.x[:TRAINING], samples.y[:TRAINING], ROUNDS, digits.STEP)


@pytest.mark.parametrize(
    "sizes",
    [[300], [1, 299], [100, 100, 100], [1, 1, 1, 297], [3, 210, 17, 69, 1], [296, 1, 1, 1, 1], [5, 80, 40, 2, 100, 73]],
    ids=lambda sizes: "+".join(map(str, sizes)),
)
def test_any_partition_gives_what_training_in_one_place_gives(samples, expected, sizes):
    shards = partition(samples, sizes, seed=len(sizes))
    with digits.start(shards, seed=0) as run:
        weights = digits.train(run, rounds=ROUNDS)
    np.testing.assert_allclose(weights, expected, rtol=0, atol=1e-10)
    np.testing.assert_allclose(digits.centralised(shards, rounds=ROUNDS), expected, rtol=0, atol=1e-10)


def test_large_scores_do_not_overflow(samples):
    huge = Samples(samples.x[:20] * 1e4, samples.y[:20])
    with digits.start([huge], seed=0) as run, np.errstate(all="raise"):
        assert np.isfinite(digits.train(run, rounds=3)).all()


# ---------------------------------------------------------------- the data


@pytest.mark.parametrize("workers", [1, 2, 5, 40])
def test_a_split_is_a_partition_and_its_seed_decides_it(samples, workers):
    marked = Samples(np.arange(len(samples.x))[:, None], samples.y)
    shards, test = digits.split(marked, workers, seed=3)
    again, _ = digits.split(marked, workers, seed=3)
    parts = [shard.x.ravel() for shard in shards]
    assert sorted(np.concatenate([*parts, test.x.ravel()])) == list(range(len(samples.x)))
    assert len(shards) == workers
    assert all(len(part) for part in parts)
    assert all((a == b.x.ravel()).all() for a, b in zip(parts, again, strict=True))
    if workers > 1:
        assert (test.x != digits.split(marked, workers, seed=4)[1].x).any()


@pytest.mark.parametrize("workers", [0, -1, 1438])
def test_a_split_that_cannot_be_is_refused(samples, workers):
    with pytest.raises(UsageError, match="cannot share 1437 samples"):
        digits.split(samples, workers, seed=0)


def test_features_are_scaled_and_have_a_bias(samples):
    assert samples.x.shape == (1797, 65)
    assert (samples.x[:, -1] == 1).all()
    assert samples.x.max() == 1
    assert (samples.y.sum(axis=1) == 1).all()


def test_without_scikit_learn_it_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "sklearn.datasets", None)
    with pytest.raises(FarptrError, match="scikit-learn") as caught:
        digits.load_digits()
    assert caught.value.hint == "pip install 'farptr[demo]'"


# ---------------------------------------------------------------- the verdict


def demonstrate(**options):
    out = io.StringIO()
    code = digits.main(**{"workers": 3, "rounds": 3, "console": Console(file=out, width=100)} | options)
    return code, out.getvalue()


def test_the_client_receives_nothing_but_means():
    code, shown = demonstrate()
    assert code == 0
    assert "the client received 3 mean gradients of 5,200 bytes, 15,600 bytes of arrays in all" in shown
    assert "round   3/3" in shown


def fetch_a_gradient(gradients, aggregator):
    gradients[0].get_copy()


def fetch_one_number(gradients, aggregator):
    float(gradients[0][0, 0])


def fetch_it_at_the_aggregator(gradients, aggregator):
    (gradients[0] + 0).move(aggregator).get()


@pytest.mark.parametrize("peek", [fetch_a_gradient, fetch_one_number, fetch_it_at_the_aggregator])
def test_a_client_that_peeks_at_a_gradient_is_found_out(monkeypatch, peek):
    honest = digits.average

    def average(gradients, count, aggregator):
        peek(gradients, aggregator)
        return honest(gradients, count, aggregator)

    monkeypatch.setattr(digits, "average", average)
    code, shown = demonstrate()
    assert code == 1
    assert "something else than mean gradients" in shown


def test_a_client_that_peeks_at_a_sample_is_found_out(monkeypatch):
    honest = digits.gradient_sum

    def gradient_sum(samples, weights):
        if not isinstance(weights, np.ndarray):
            samples.x[:1].get()
        return honest(samples, weights)

    monkeypatch.setattr(digits, "gradient_sum", gradient_sum)
    code, shown = demonstrate()
    assert code == 1
    assert "what it should not have" in shown


def test_the_mean_of_one_worker_is_its_gradient():
    code, shown = demonstrate(workers=1)
    assert code == 1
    assert "The mean of a single worker's gradient is that gradient" in shown


def test_the_verdict_is_that_of_the_ledger_whoever_trains(samples, tmp_path):
    """One more mean than was due, of every worker's data, is something else, too."""
    shards = partition(samples, [100, 200], seed=1)
    with digits.start(shards, seed=0, journal=str(tmp_path)) as run:
        weights = digits.train(run, rounds=2)
        assert verdict(run.ledger, ["w1", "w2"], 2, weights.nbytes).holds
        assert not verdict(run.ledger, ["w1"], 2, weights.nbytes).holds
        assert not verdict(run.ledger, ["w1", "w2"], 1, weights.nbytes).holds
        run["w1"]["x"][:1].get()
        judged = verdict(run.ledger, ["w1", "w2"], 2, weights.nbytes)
    assert not judged.holds
    assert "520 bytes, fetched by w1, raw from w1/x" in judged.sentence


def test_no_rounds_are_refused():
    with pytest.raises(UsageError, match="0 rounds"):
        demonstrate(rounds=0)
