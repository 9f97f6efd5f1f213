"""Nothing moves data without being asked by name: seen from the broker's count of the bytes that were fetched."""

from __future__ import annotations

import copy
import operator
import pickle

import numpy as np
import pytest

import farptr as fp
from tests.behaviour.far import sent


def fetched_bytes(run):
    """(value bytes, wire bytes) that came to this client."""
    rows = [t for t in run.traffic() if t.destination == "me"]
    return sum(t.value_bytes for t in rows), sum(t.wire_bytes for t in rows)


@pytest.fixture(params=[1, 2])
def secret(request, cluster):
    """Called, it gives a run and two pointers into it: a fixture that held them would keep them alive."""

    def make():
        run = cluster("julie", "toby")
        way = list(run)[: request.param]
        return run, sent(np.arange(5000.0), way), sent(np.arange(5000.0), way)

    return make


QUIET = {
    "repr": lambda p, q: repr(p),
    "str": lambda p, q: f"{p} {p!s}",
    "hash": lambda p, q: {p: 1, q: 2}[p],
    "eq": lambda p, q: p == q,
    "ne": lambda p, q: p != 3,
    "less": lambda p, q: p < q,
    "dir": lambda p, q: dir(p),
    "vars": lambda p, q: [getattr(type(p), name, None) for name in dir(p)],
    "is": lambda p, q: p is q,
    "clone": lambda p, q: p.clone(),
    "copy": lambda p, q: p.copy(),
    "sum": lambda p, q: p.sum(),
    "index": lambda p, q: p[3],
    "dot": lambda p, q: p @ q,
    "location": lambda p, q: (p.id, p.location, p.id_at_location, p.owner, p.gc),
}
METADATA = {
    "len": len,
    "shape": lambda p: p.shape,
    "dtype": lambda p: p.dtype,
    "ndim": lambda p: p.ndim,
    "size": lambda p: p.size,
    "nbytes": lambda p: p.nbytes,
    "iter": lambda p: next(iter(p)),
}
REFUSED = {
    "asarray": np.asarray,
    "array": np.array,
    "fp.tensor": fp.tensor,
    "tolist": lambda p: p.tolist(),
    "tobytes": lambda p: p.tobytes(),
    "item": lambda p: p.item(),
    "list of pointers": lambda p: np.array([p, p]),
    "assignment": lambda p: operator.setitem(np.zeros(5000), slice(None), p),
}


@pytest.mark.parametrize("name", QUIET)
def test_nothing_is_fetched(secret, name):
    run, p, q = secret()
    before = fetched_bytes(run)
    QUIET[name](p, q)
    run.sync()
    assert fetched_bytes(run) == before


@pytest.mark.parametrize("name", METADATA)
def test_metadata_fetches_no_values(secret, name):
    run, p, _ = secret()
    before = fetched_bytes(run)
    METADATA[name](p)
    after = fetched_bytes(run)
    assert after[0] == before[0]
    assert after[1] - before[1] < 1000


@pytest.mark.parametrize("name", REFUSED)
def test_what_would_fetch_is_refused(secret, name):
    run, p, _ = secret()
    before = fetched_bytes(run)
    with pytest.raises(fp.ImplicitFetch, match=r"\.get\(\)"):
        REFUSED[name](p)
    assert fetched_bytes(run) == before


def test_implicit_fetch_is_a_type_error_and_a_runtime_error(secret):
    _, p, _ = secret()
    with pytest.raises(RuntimeError, match=r"\.get\(\)"):
        p.item()
    with pytest.raises(TypeError):
        np.asarray(p)


def test_a_comparison_is_no_truth_value(secret):
    run, p, q = secret()
    before = fetched_bytes(run)
    equal = p == q
    assert isinstance(equal, fp.Pointer)
    assert equal.dtype == bool
    with pytest.raises(ValueError, match="no single value"):
        bool(equal)
    assert fetched_bytes(run)[0] == before[0]
    assert bool(equal.all())


def test_completion_in_ipython_fetches_nothing(secret):
    completer = pytest.importorskip("IPython.core.completer")
    run, p, _ = secret()
    before = fetched_bytes(run)
    found = completer.Completer(namespace={"p": p}).attr_matches("p.re")
    assert "p.remote_get" in found or ".remote_get" in found
    assert fetched_bytes(run) == before


def test_the_count_sees_a_fetch(secret):
    """Without this, the tests above could not fail."""
    run, p, _ = secret()
    before = fetched_bytes(run)
    value = p
    while isinstance(value, fp.Pointer):
        value = value.get_copy()
    after = fetched_bytes(run)
    assert after[0] - before[0] == 40_000
    float(p[1])
    assert fetched_bytes(run)[0] == after[0] + 8, "one element that is asked for is counted as well"


def test_a_move_is_pushed_and_an_argument_is_sent(cluster):
    run = cluster("julie", "toby")
    julie, toby = run

    def cell(source, destination, what):
        rows = [t for t in run.traffic() if (t.source, t.destination, t.what) == (source, destination, what)]
        return rows[0].value_bytes if rows else 0

    before = [cell("me", "julie", "sent"), cell("julie", "toby", "pushed")]
    p = fp.tensor(np.zeros(100)).send(julie)
    p += np.ones(100)
    p.move(toby)
    assert [cell("me", "julie", "sent") - before[0], cell("julie", "toby", "pushed") - before[1]] == [1600, 800]


def test_an_argument_for_a_chain_is_counted_at_every_worker(cluster):
    run = cluster("julie", "toby")
    julie, toby = run
    pp = sent(np.zeros(10), (julie, toby))

    def received(name):
        return sum(t.value_bytes for t in run.traffic() if t.destination == name)

    before = received("toby"), received("julie")
    pp += np.ones(10)
    assert (received("toby") - before[0], received("julie") - before[1]) == (80, 80)


@pytest.mark.parametrize(
    "how", [pickle.dumps, copy.copy, copy.deepcopy, lambda p: copy.deepcopy({"x": [p]})],
    ids=["pickle", "copy", "deepcopy", "nested"],
)  # fmt: skip
def test_pointers_are_not_copied_by_accident(secret, how):
    _, p, _ = secret()
    with pytest.raises(fp.NotSerializable, match=r"clone\(\) makes a second handle"):
        how(p)
    with pytest.raises(TypeError):
        how(p)


def test_a_fetched_array_can_be_pickled(cluster):
    (julie,) = cluster("julie")
    x = fp.tensor([1, 2]).send(julie).get()
    assert pickle.loads(pickle.dumps(x)).tolist() == [1, 2]
    assert copy.deepcopy(x).tolist() == [1, 2]


def test_a_pointer_is_not_made_by_hand():
    with pytest.raises(fp.UsageError, match="not made by hand"):
        fp.Pointer()
