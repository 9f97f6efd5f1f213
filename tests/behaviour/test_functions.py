"""Functions that run on workers: what they get, what comes of what they return, and what they leave alone."""

from __future__ import annotations

import io
import json
import threading
import time
import warnings
from dataclasses import dataclass, field

import cloudpickle
import numpy as np
import pytest

import farptr as fp
from farptr.protocol.functions import PICKLED
from farptr.protocol.records import Record
from tests.behaviour.far import fetched, sent

FACTOR = 10


@dataclass
class Fit:
    slope: float
    rest: list = field(default_factory=list)


def scaled(x):
    """Of this module, which workers need not be able to import."""
    return _times(x, FACTOR)


def _times(x, factor):
    return x * factor


@pytest.fixture
def run(cluster):
    return cluster("julie", "toby", "carol", functions=True)


def broken(x):
    raise ValueError(f"no good: {x.sum()}")


# ---------------------------------------------------------------- what it is given, what comes of it


def test_it_runs_on_the_values_and_gives_a_pointer(run):
    julie, _, _ = run
    p = fp.tensor([1.0, 2.0, 3.0]).send(julie)
    made = julie.run(lambda x, y, *, k: (x - x.mean()) * k + y, p, np.ones(3), k=2)
    assert made.location == julie
    assert made.get().tolist() == [-1.0, 1.0, 3.0]
    assert p.apply(scaled).get().tolist() == [10.0, 20.0, 30.0]
    assert p.apply(np.var).get() == np.var([1.0, 2.0, 3.0])
    assert julie.run(lambda: np.arange(3)).get().tolist() == [0, 1, 2]


def test_it_gets_the_array_itself_in_program_order(run):
    julie, toby, _ = run
    p = fp.tensor([1, 2]).send(julie)
    chain = p.send(toby)

    def add(x, n):
        x += n
        return x

    chain += 1
    same = chain.apply(add, 10)
    chain *= 2
    assert p.get_copy().tolist() == [24, 26]
    assert same.get_copy(all=True).tolist() == [24, 26]  # one array under two names
    second = p[1:].apply(add, 100)
    assert second.get().tolist() == [126]
    assert chain.get_copy(all=True).tolist() == [24, 126]


def test_pointers_in_what_it_is_given(run):
    julie, _, _ = run
    p, q = fp.tensor([1]).send(julie), fp.tensor([2]).send(julie)
    several = {"a": p, "rest": [q, (p, 5)], "fit": Fit(1.0, [q])}

    def add(given, *, k):
        assert type(given["a"]) is np.ndarray
        return given["a"] + given["rest"][0] + given["rest"][1][0] * given["rest"][1][1] + given["fit"].rest[0] + k[0]

    assert julie.run(add, several, k=[q]).get().tolist() == [12]


def test_pointers_that_it_refers_to(run):
    julie, toby, _ = run
    p, q = fp.tensor([1, 2]).send(julie), fp.tensor([10, 20]).send(julie)
    here = np.array([100, 200])
    mine = fp.tensor([1000, 2000])

    def closure(x, y=q):
        return x + y + p + here + mine

    assert julie.run(closure, p).get().tolist() == [1112, 2224]
    p += 1  # it is no copy
    assert julie.run(closure, p).get().tolist() == [1114, 2226]
    chain, other = p.send(toby), q.send(toby)
    assert chain.apply(lambda x: x * other).get(all=True).tolist() == [20, 60]
    away = fp.tensor([1]).send(toby)
    with pytest.raises(fp.NotCollocated, match="different places"):
        julie.run(lambda x: x + away, q)
    with pytest.raises(fp.NotCollocated, match="different places"):
        q.apply(lambda x: x + other)
    q.get()
    with pytest.raises(fp.PointerSpent):
        julie.run(lambda: q + 1)


def test_along_chains_of_every_kind(way):
    p = sent([1.0, 2.0], way)
    with pytest.raises(fp.FunctionsOff) as told:
        fetched(p.apply(lambda x: x + 1))
    assert way[0].name in str(told.value)
    assert "functions=True" in told.value.hint


def test_chains_run_at_the_far_end(run):
    julie, toby, carol = run
    p = fp.tensor([1, 2]).send(julie)
    chain = p.send(toby)
    for made in (chain.apply(lambda x: x + 1), toby.run(lambda x: x + 1, chain), julie.run(lambda x: x + 1, chain)):
        assert made.location == toby
        assert (inner := made.get()).location == julie
        assert inner.get().tolist() == [2, 3]
    with pytest.raises(fp.NotCollocated, match=r"cannot run on carol: .* is on julie \(by way of toby\)"):
        carol.run(lambda x: x + 1, chain)
    with pytest.raises(fp.NotCollocated, match="cannot run on toby"):
        toby.run(lambda x: x + 1, p)
    there = p.move(toby)
    assert toby.run(lambda x: x + 1, there).get().tolist() == [2, 3]
    assert fetched(chain.apply(lambda x: x + 1)).tolist() == [2, 3]


def test_on_each_of_several_workers(run):
    julie, toby, _ = run
    mp = fp.tensor([1.0, 2.0]).send(julie, toby)
    assert [x.tolist() for x in mp.apply(lambda x, k: x * k, 3).get()] == [[3.0, 6.0]] * 2
    with pytest.raises(fp.UnsupportedOperation):
        mp.unpack()
    with pytest.raises(fp.FarptrError):
        julie.run(lambda x: x, mp)


# ---------------------------------------------------------------- results with parts


def test_results_with_parts(run):
    julie, toby, _ = run
    p = fp.tensor([3.0, 1.0, 2.0]).send(julie)
    low, high = p.apply(lambda x: (x.min(), x.max()))
    assert (float(low), float(high)) == (1.0, 3.0)
    made = p.apply(lambda x: {"sorted": np.sort(x), "at": [int(x.argmin()), {"name": "x"}], 3: None})
    before = julie.count()
    assert made["sorted"].get().tolist() == [1.0, 2.0, 3.0]
    assert made["at"][1]["name"].get() == "x"
    assert julie.count() == before
    assert len(made) == 3
    parts = made.unpack()
    assert parts["at"][0].get() == 1
    assert parts[3].get() is None
    assert list(parts) == ["sorted", "at", 3]
    assert made.get()["sorted"].tolist() == [1.0, 2.0, 3.0]
    chain = p.send(toby)
    low, (high, _) = chain.apply(lambda x: [x.min(), (x.max(), "words")])
    assert fetched(low + high) == 4.0
    assert chain.unpack() is chain


def test_one_id_for_a_call_and_one_for_a_part(run):
    """What a function returns changes no id of what comes after it."""
    julie, _, _ = run
    p = fp.tensor([1]).send(julie)
    ids = run._session.core.ids
    ids.next()
    for function in (lambda x: x, lambda x: [x] * 5, lambda x: {"a": {"b": x}}, broken):
        drawn = len(ids.drawn) if hasattr(ids, "drawn") else 0
        made = p.apply(function)
        if drawn > 1:
            assert len(ids.drawn) == drawn - 1
        del made
    with pytest.raises(ValueError, match="no good"):
        run.sync()


def test_dataclasses_come_back_as_they_are(run):
    julie, _, _ = run
    p = fp.tensor([1.0]).send(julie)
    made = p.apply(lambda x: Fit(float(x[0]), [x]))
    assert made["slope"].get() == 1.0
    fit = made.get()
    assert type(fit) is Fit
    assert fit.rest[0].tolist() == [1.0]


@pytest.mark.parametrize(
    "function",
    [lambda: {1, 2}, lambda: (x for x in "ab"), lambda: object(), lambda: len, lambda: np.array([object()]),
     lambda: np.zeros(2, [("a", int)]), lambda: {"a": [object()]}, lambda: {(1, 2): 3}, lambda: threading.Lock(),
     lambda: np.ma.masked_array([1, 2], [0, 1]), lambda: dict.fromkeys(range(5000)), io.StringIO],
    ids=["set", "generator", "object", "function", "objects", "structured", "deep", "key", "lock", "masked", "keys",
         "file"],
)  # fmt: skip
def test_what_cannot_be_kept(run, function):
    julie, _, _ = run
    with pytest.raises(fp.UnsupportedValue, match="returned what cannot be kept") as told:
        julie.run(function).get()
    assert told.value.hint
    assert julie.run(lambda: 1).get() == 1


def test_nested_without_end(run):
    julie, _, _ = run

    def endless():
        found = []
        found.append(found)
        return found

    async def later():
        return 1

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for function in (endless, later):
            with pytest.raises(fp.UnsupportedValue):
                julie.run(function).get()


# ---------------------------------------------------------------- define once, call often


def test_defined_once_and_called_often(run):
    julie, toby, carol = run

    @fp.remote
    def add(x, k=1):
        """Adds."""
        return x + k

    assert (add.__name__, add.__doc__) == ("add", "Adds.")
    assert repr(add) == "<remote function add>"
    p, q = fp.tensor([1]).send(julie), fp.tensor([2]).send(toby)
    taught = run._session.core.taught
    digest = add.shipped.digest
    for i in range(3):
        assert add(p, k=i).get().tolist() == [1 + i]
    assert sum(digest in known for known in taught.values()) == 1
    chain = p.send(toby)
    assert add(chain).get(all=True).tolist() == [2]
    assert sum(digest in known for known in taught.values()) == 1  # julie has it already
    assert add(q).get().tolist() == [3]
    assert carol.run(add, 1, k=2).get() == 3
    assert [x.tolist() for x in fp.tensor([1]).send(julie, carol).apply(add).get()] == [[2], [2]]
    assert sum(digest in known for known in taught.values()) == 3
    with pytest.raises(fp.UsageError, match="add was given no pointer") as told:
        add(1)
    assert "julie.run(add" in told.value.hint
    assert add.__wrapped__(1) == 2


def test_it_travels_before_the_first_call_whatever_the_way(run):
    julie, toby, carol = run
    p = fp.tensor([1.0, 2.0]).send(julie)
    chain = p.send(toby).send(carol)
    q = fp.tensor([3.0]).send(julie)

    @fp.remote
    def add(x, y):
        return x + y

    chain *= 2
    made = add(chain, 1.0)
    chain += 1
    assert made.get(all=True).tolist() == [3.0, 5.0]
    assert add(q, 1.0).get().tolist() == [4.0]


def test_remote_functions_refer_to_pointers_and_to_one_another(run):
    julie, _, _ = run
    p = fp.tensor([1]).send(julie)

    @fp.remote
    def factorial(n):
        return 1 if n < 2 else n * factorial(n - 1)

    @fp.remote
    def both(x):
        return factorial(x) + p

    assert julie.run(both, 5).get().tolist() == [121]
    p += 1
    assert julie.run(both, 5).get().tolist() == [122]
    assert julie.run(both, 5).get().tolist() == [122]


def test_more_functions_than_a_worker_keeps(run, monkeypatch):
    julie, _, _ = run
    for name in ("farptr.client.functions.KEPT", "farptr.worker.functions.KEPT"):
        monkeypatch.setattr(name, 2)
    p = fp.tensor([1]).send(julie)
    functions = [fp.remote(lambda x, k=k: x + k) for k in range(4)]
    if not hasattr(run, "_running"):  # simulated: the worker is here, and counts alike
        for _ in range(3):
            assert [f(p).get().tolist() for f in functions] == [[1], [2], [3], [4]]
            assert [f(p).get().tolist() for f in reversed(functions)] == [[4], [3], [2], [1]]


# ---------------------------------------------------------------- failure


def test_what_it_raises_is_an_error_of_that_type_with_its_traceback(run):
    julie, _, _ = run
    p = fp.tensor([1, 2]).send(julie)
    made = p.apply(broken)
    after = made + 1
    for failed in (made, after, made.apply(scaled)):
        with pytest.raises(ValueError, match=r"no good: 3  ?\[broken on julie") as told:
            failed.get()
        assert isinstance(told.value, fp.RemoteError)
        (note, *_) = told.value.__notes__
        assert "in broken" in note
        assert "worker/functions.py" not in note
    assert p.apply(scaled).get().tolist() == [10, 20]


def test_causes_are_told(run):
    julie, _, _ = run

    def caused():
        try:
            1 / 0  # noqa: B018
        except ZeroDivisionError as error:
            raise KeyError("x") from error

    with pytest.raises(KeyError) as told:
        julie.run(caused).get()
    assert "ZeroDivisionError" in told.value.__notes__[0]


def test_an_error_of_a_type_that_is_not_known_here_says_its_name(run):
    julie, _, _ = run

    class Unheard(Exception):
        pass

    def unheard():
        raise Unheard("of", 2)

    with pytest.raises(fp.RemoteError, match=r"^Unheard: \('of', 2\) \[unheard on julie") as told:
        julie.run(unheard).get()
    assert type(told.value) is fp.RemoteError
    for kind, function in (
        (ValueError, lambda: json.loads("{")),
        (UnicodeError, lambda: b"\xff".decode()),
        (FileExistsError, lambda: exec("raise FileExistsError('there')")),
        (UserWarning, lambda: exec("raise UserWarning('careful')")),
    ):
        with pytest.raises(kind):
            julie.run(function).get()


def test_what_ends_a_program_ends_no_worker(run):
    julie, _, _ = run

    class Odd(Exception):
        def __str__(self):
            raise RuntimeError

    class Bare(BaseException):
        pass

    def odd():
        raise Odd

    def bare():
        raise Bare("x\ud800")

    def deep(n=0):
        return deep(n + 1)

    with pytest.raises(fp.RemoteError, match="raised SystemExit: 3"):
        julie.run(lambda: exec("raise SystemExit(3)")).get()
    with pytest.raises(fp.RemoteError, match="raised KeyboardInterrupt"):
        julie.run(lambda: exec("raise KeyboardInterrupt")).get()
    with pytest.raises(fp.RemoteError, match="its text cannot be had"):
        julie.run(odd).get()
    with pytest.raises(fp.RemoteError, match="raised Bare"):
        julie.run(bare).get()
    with pytest.raises(RecursionError):
        julie.run(deep).get()
    assert julie.run(lambda: 1).get() == 1


def test_what_cannot_be_sent(run):
    julie, _, _ = run
    lock = threading.Lock()
    for function, message in (
        (lambda: lock, "cannot be sent: cannot pickle"),
        (lambda: julie, r"refers to a worker \(julie\)"),
        (lambda: run, "refers to a run"),
        (lambda: run._session, "refers to a run"),
    ):
        with pytest.raises(fp.NotSerializable, match=message) as told:
            julie.run(function)
        assert told.value.hint
    for value in ("text", None, 3):
        with pytest.raises(fp.UsageError, match="is no function"):
            julie.run(value)
    with pytest.raises(fp.UsageError, match="is no function"):
        fp.remote(3)
    with pytest.raises(fp.NotSerializable, match="what <lambda> is given cannot be sent: cannot pickle"):
        julie.run(lambda x: x, lock)
    with pytest.raises(fp.UnsupportedValue, match="a generator cannot travel"):
        julie.run(lambda x: x, (i for i in range(3)))
    with pytest.raises(fp.UnsupportedValue, match="a MaskedArray cannot be sent"):
        julie.run(lambda x: x, np.ma.masked_array([1], [0]))


@dataclass
class Plan:
    steps: int
    rule: object = None
    start: object = None


def test_it_is_given_what_is_no_plain_value(run):
    """By pickle, as the function itself is: functions, estimators, sets, with pointers in them."""
    julie, _, _ = run
    p = fp.tensor([1.0, 2.0, 3.0]).send(julie)
    offset = fp.tensor([10.0]).send(julie)
    assert julie.run(lambda f, x: f(x), np.max, p).get() == 3.0
    assert julie.run(lambda f, x: f(x), lambda x: (x + offset).sum(), p).get() == 36.0
    assert p.apply(lambda x, *, allowed: sorted(allowed & {1, 2}), allowed={2, 3}).get() == [2]
    rng = np.random.default_rng(5)
    assert julie.run(lambda r: r.integers(1000), rng).get() == np.random.default_rng(5).integers(1000)
    plan = Plan(2, rule=lambda x: x * 2, start=p)
    assert julie.run(lambda given: given.rule(given.start).sum() + given.steps, plan).get() == 14.0
    called = fp.remote(lambda f, x: {"given": f(x), "name": f.__name__})
    assert [called(f, p).get() for f in (np.sum, np.min)] == [
        {"given": 6.0, "name": "sum"},
        {"given": 1.0, "name": "min"},
    ]
    with pytest.raises(fp.NotSerializable, match="refers to a worker"):
        julie.run(lambda given: given, {"deep": [julie]})


def test_nothing_of_what_another_client_stored_is_unpickled(run):
    """A record of that name in a value that a client may send without the right to run anything."""
    julie, _, _ = run
    code = np.frombuffer(cloudpickle.dumps(lambda: 1), np.uint8)
    forged = fp.send({"x": Record(PICKLED, {"code": code, "captured": ()})}, julie)
    assert forged.apply(lambda value: type(value["x"]).__name__).get() == "Record"
    assert julie.run(lambda given: type(given[0]["x"]).__name__, [forged]).get() == "Record"
    assert forged["x"].apply(lambda value: type(value).__name__).get() == "Record"


def test_a_module_that_the_worker_lacks(run):
    julie, _, _ = run

    def needs():
        import no_such_module_anywhere

        return no_such_module_anywhere.x

    with pytest.raises(ModuleNotFoundError):
        julie.run(needs).get()


def test_pointers_of_two_runs(cluster):
    one = cluster("julie", functions=True)
    other = cluster("julie", "toby", functions=True)
    p, q = fp.tensor([1]).send(one["julie"]), fp.tensor([1]).send(other["julie"])
    with pytest.raises(fp.UsageError, match="different runs"):
        p.apply(lambda x, y: x + y, q)
    with pytest.raises(fp.UsageError, match="different runs"):
        one["julie"].run(lambda: q)


# ---------------------------------------------------------------- what it says


def test_what_it_prints_is_shown_with_its_worker(run, capsys):
    julie, toby, _ = run

    def say(what):
        print(what)
        print("and\ttabs", end="")
        return 1

    made = [julie.run(say, "hello\nworld"), toby.run(say, "there")]
    assert [x.get() for x in made] == [1, 1]
    out = capsys.readouterr().out
    for line in ("[julie] hello\n", "[julie] world\n", "[julie] and\ttabs\n", "[toby] there\n"):
        assert line in out


def test_what_it_warns_of_is_shown_with_its_worker(run):
    julie, _, _ = run

    def careless(x):
        warnings.warn("mind the gap", DeprecationWarning, stacklevel=1)
        with np.errstate(divide="warn"):
            return np.log(x)

    p = fp.tensor([0.0]).send(julie)
    with pytest.warns() as told:
        assert p.apply(careless).get().tolist() == [-np.inf]
    said = {(w.category, str(w.message)) for w in told}
    assert (DeprecationWarning, "[julie] mind the gap") in said
    assert (RuntimeWarning, "[julie] divide by zero encountered in log") in said
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # it is not the fault of who reads answers
        assert p.apply(careless).get().tolist() == [-np.inf]


def test_what_it_prints_is_bounded(run, capsys):
    julie, _, _ = run

    def chatter():
        for _ in range(2000):
            print("x" * 1000)
        return time.time() > 0

    assert julie.run(chatter).get()
    out = capsys.readouterr().out
    assert len(out) < 200_000
    assert "are left out here" in out


# ---------------------------------------------------------------- several clients, several handles


def test_what_another_client_made_and_where_that_leads(cluster):
    """Where a found pointer leads is not known here: the code goes along with each call."""
    run = cluster("julie", "toby", "carol", functions=True)
    julie, toby, _ = run
    p = fp.tensor([1, 2]).send(julie)
    chain = p.send(toby)
    chain.publish("chain")
    other = cluster.another(run)

    @fp.remote
    def add(x, k):
        return x + k

    found = other["toby"]["chain"]
    for k in (1, 2):
        assert add(found, k).get(all=True).tolist() == [1 + k, 2 + k]
    assert found.apply(add, 3).get(all=True).tolist() == [4, 5]
    found.free()
    other.sync()
    del toby["chain"]


def test_a_handle_that_does_not_own_and_one_that_is_gone(run):
    julie, toby, _ = run
    p = fp.tensor([1]).send(julie)
    chain = p.send(toby)
    assert p.apply(lambda x: x + 1).get().tolist() == [2]
    del chain
    with pytest.raises(fp.ObjectGone):
        p.apply(lambda x: x + 1).get()


def test_futures_and_gathering(run):
    julie, toby, _ = run
    p, q = fp.tensor([1, 2]).send(julie), fp.tensor([3]).send(toby)
    future = p.apply(lambda x: {"sum": int(x.sum())}).get_async()
    assert fp.gather([q.apply(scaled), p.apply(scaled)])[1].tolist() == [10, 20]
    assert future.result() == {"sum": 3}
    assert [r.tolist() for r in run.map(lambda w: w.run(lambda: np.arange(2)))] == [[0, 1]] * 3


def test_in_sync_mode_its_error_comes_at_its_line(cluster):
    (julie,) = cluster("julie", functions=True, sync=True)
    p = fp.tensor([1]).send(julie)
    with pytest.raises(ValueError, match="no good"):
        p.apply(broken)
    assert p.apply(scaled).get().tolist() == [10]


def test_nobody_asked_for_its_failure(run):
    julie, _, _ = run
    made = julie.run(broken, fp.tensor([1]).send(julie))
    with pytest.raises(ValueError, match="no good"):
        run.sync()
    run.sync()
    del made
