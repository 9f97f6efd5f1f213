"""Unmodified library code on pointers, as a program: one line of JSON for each case and number of hops.

A program of its own, because SciPy looks at SCIPY_ARRAY_API when it is imported:
``python -m tests.array_api.libraries``.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
import warnings
from types import SimpleNamespace

os.environ["SCIPY_ARRAY_API"] = "1"

import einops.array_api as einops
import numpy as np
import scipy.special
import scipy.stats
import sklearn
from sklearn.decomposition import PCA
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.metrics import mean_squared_error, pairwise, r2_score
from sklearn.mixture import GaussianMixture
from sklearn.model_selection import train_test_split
from sklearn.naive_bayes import GaussianNB
from sklearn.preprocessing import MinMaxScaler, Normalizer, StandardScaler

import farptr as fp
from farptr.client.data_face import DataFace

HOPS = (1, 3)


def data():
    """Samples of eight features, a number and a class for each, positive numbers, probabilities, images."""
    rng = np.random.default_rng(7)
    x = rng.normal(size=(400, 8)) @ rng.normal(size=(8, 8))
    return {
        "x": x,
        "z": x + rng.normal(size=x.shape),
        "y": x[:, 0] * 2 - x[:, 1] + rng.normal(size=400),
        "c": (x[:, 0] > 0).astype(np.int64) + (x[:, 1] > 2),
        "b": (x[:, 0] + rng.normal(size=400) > 0).astype(np.int64),
        "p": abs(x) + 0.1,
        "u": rng.uniform(0.01, 0.99, size=(400, 2)),
        "i": rng.normal(size=(2, 6, 4)),
    }


def fit(estimator, what, *, target=None, features="x"):
    """A case: the estimator is fitted, and then asked for something."""

    def run(a):
        x = getattr(a, features)
        fitted = estimator().fit(x) if target is None else estimator().fit(x, getattr(a, target))
        return getattr(fitted, what)(x)

    return run


def mixture():
    return GaussianMixture(2, init_params="random_from_data", random_state=0)


SKLEARN = {
    "StandardScaler": fit(StandardScaler, "transform"),
    "MinMaxScaler": fit(MinMaxScaler, "transform"),
    "Normalizer": fit(Normalizer, "transform"),
    "PCA": fit(lambda: PCA(3, svd_solver="full"), "transform"),
    "Ridge": fit(lambda: Ridge(solver="svd"), "predict", target="y"),
    "LinearDiscriminantAnalysis": fit(LinearDiscriminantAnalysis, "predict", target="c"),
    "LinearDiscriminantAnalysis, probabilities": fit(LinearDiscriminantAnalysis, "predict_proba", target="c"),
    "GaussianMixture": fit(mixture, "predict"),
    "GaussianMixture, probabilities": fit(mixture, "predict_proba"),
    "GaussianNB": fit(GaussianNB, "predict", target="c"),
    "GaussianNB, probabilities": fit(GaussianNB, "predict_proba", target="c"),
    "LogisticRegression": fit(LogisticRegression, "predict_proba", target="b"),
    "LogisticRegression, fetching": fit(LogisticRegression, "predict_proba", target="b"),
    "euclidean_distances": lambda a: pairwise.euclidean_distances(a.x),
    "cosine_similarity": lambda a: pairwise.cosine_similarity(a.x, a.z),
    "rbf_kernel": lambda a: pairwise.rbf_kernel(a.x, a.z),
    "polynomial_kernel": lambda a: pairwise.polynomial_kernel(a.x),
    "manhattan_distances": lambda a: pairwise.manhattan_distances(a.x[:40]),
    "train_test_split": lambda a: train_test_split(a.x, a.y, random_state=0),
    "r2_score": lambda a: r2_score(a.y, a.y + 0.5),
    "mean_squared_error": lambda a: mean_squared_error(a.y, a.y + 0.5),
}


def _stat(name, *operands, **kwargs):
    def run(a):
        found = getattr(scipy.stats, name)(*(getattr(a, o) if isinstance(o, str) else o for o in operands), **kwargs)
        return (found.statistic, found.pvalue) if hasattr(found, "pvalue") else found

    return run


def _special(name, *operands):
    return lambda a: getattr(scipy.special, name)(*(getattr(a, o) for o in operands))


SCIPY = {
    **{
        f"stats.{name}": _stat(name, "x", axis=0)
        for name in "zscore moment skew kurtosis sem variation tmean tvar circmean skewtest kurtosistest normaltest "
        "jarque_bera iqr rankdata median_abs_deviation describe".split()
    },
    **{f"stats.{name}": _stat(name, "p", axis=0) for name in ("gmean", "hmean", "entropy", "chisquare")},
    **{f"stats.{name}": _stat(name, "x", "z", axis=0) for name in ("ttest_ind", "ttest_rel", "pearsonr", "f_oneway")},
    **{f"stats.{name}": _stat(name, "x", "z", axis=0) for name in ("bartlett", "levene", "mannwhitneyu", "wilcoxon")},
    "stats.ttest_1samp": _stat("ttest_1samp", "x", 0.0, axis=0),
    "stats.combine_pvalues": _stat("combine_pvalues", "u", axis=0),
    "stats.quantile": _stat("quantile", "x", 0.25, axis=0),
    "special.logsumexp": lambda a: scipy.special.logsumexp(a.x, axis=1),
    "special.softmax": lambda a: scipy.special.softmax(a.x, axis=1),
    "special.log_softmax": lambda a: scipy.special.log_softmax(a.x, axis=1),
    **{f"special.{name}": _special(name, "x") for name in ("expit", "erf", "erfc", "log_ndtr", "ndtr", "i0", "j1")},
    **{f"special.{name}": _special(name, "p") for name in ("gammaln", "entr", "psi", "exp1", "gamma", "zetac")},
    **{f"special.{name}": _special(name, "u") for name in ("logit", "ndtri", "erfinv", "ellipk")},
    **{f"special.{name}": _special(name, "p", "p") for name in ("xlogy", "rel_entr", "gammainc", "betaln", "chdtr")},
}

EINOPS = {
    "rearrange": lambda a: einops.rearrange(a.i, "n (h two) w -> two n w h", two=2),
    "rearrange of a list": lambda a: einops.rearrange([a.x, a.z], "n s f -> s (n f)"),
    "reduce": lambda a: einops.reduce(a.i, "n (h k) w -> n h w", "max", k=3),
    "reduce to the mean": lambda a: einops.reduce(a.i, "n h w -> w", "mean"),
    "repeat": lambda a: einops.repeat(a.i, "n h w -> n h (w two)", two=2),
    "pack": lambda a: einops.pack([a.x, a.y], "s *")[0],
    "unpack": lambda a: einops.unpack(a.x, [(3,), (5,)], "s *"),
}

CASES = {"sklearn": SKLEARN, "scipy": SCIPY, "einops": EINOPS}


@contextlib.contextmanager
def fetching(allowed):
    """Let libraries fetch whole arrays by ``np.asarray``, where a case is about that."""
    if not allowed:
        yield
        return
    if hasattr(fp, "implicit_fetch"):
        with fp.implicit_fetch("allow"):
            yield
        return
    refusing = DataFace.__array__
    DataFace.__array__ = lambda pointer, *_, **__: np.asarray(pointer.get_copy(all=True))
    try:
        yield
    finally:
        DataFace.__array__ = refusing


def fetched(value):
    """A result as NumPy has it."""
    if isinstance(value, fp.Pointer):
        return value.get_copy(all=True)
    if isinstance(value, tuple | list):
        return [fetched(part) for part in value]
    return value


def equal(ours, theirs):
    if isinstance(theirs, tuple | list):
        return len(ours) == len(theirs) and all(map(equal, ours, theirs))
    return np.shape(ours) == np.shape(theirs) and np.allclose(ours, theirs, rtol=1e-6, atol=1e-8, equal_nan=True)


def bytes_fetched(sim):
    return sum(row.value_bytes for row in sim.traffic() if row.what == "fetched")


def outcome(sim, name, case, arrays):
    """What one case comes to: is it as without farptr, how many bytes came here, or which error was raised."""
    theirs = case(SimpleNamespace(**data()))
    before = bytes_fetched(sim)
    try:
        with fetching(name.endswith("fetching")):
            ours = case(arrays)
        count = bytes_fetched(sim) - before
        return {"equal": bool(equal(fetched(ours), theirs)), "fetched": count}
    except fp.FarptrError as error:
        return {"error": type(error).__name__}


def sent(sim, hops):
    """The data by attribute, ``hops`` pointers away."""
    workers = list(sim)[-hops:]
    found = {}
    for name, value in data().items():
        pointer = fp.send(value, workers[-1])
        for worker in workers[-2::-1]:
            pointer = pointer.send(worker)
        found[name] = pointer
    return SimpleNamespace(**found)


def main():
    sklearn.set_config(array_api_dispatch=True)
    warnings.simplefilter("ignore")
    with fp.up("carol", "toby", "julie") as sim:
        for hops in HOPS:
            arrays = sent(sim, hops)
            for library, cases in CASES.items():
                for name, case in cases.items():
                    row = {"library": library, "name": name, "hops": hops, **outcome(sim, name, case, arrays)}
                    sys.stdout.write(json.dumps(row) + "\n")


if __name__ == "__main__":
    main()
