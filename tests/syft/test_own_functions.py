"""Functions of a program's own on pointer tensors; tensors in what they are given and return. On real processes."""

from __future__ import annotations

import asyncio
import gc

import pytest

import farptr as fp

torch = pytest.importorskip("torch", reason="torch is not installed (pip install torch)")


@pytest.fixture(scope="module")
def functions(_started):
    """A run with functions, for the tests of this module."""
    with fp.up("julie", "toby", functions=True, preload=_started[0].running.PRELOADED) as run:
        yield run


@pytest.fixture
def workers(_started, functions, monkeypatch):
    sy, hook, _ = _started
    monkeypatch.setattr(sy.running, "_run", functions)
    yield [sy.VirtualWorker(hook, id=name) for name in ("julie", "toby")]
    if any(worker.count() for worker in functions):
        gc.collect()  # an exception's traceback is a cycle
    assert [worker.count() for worker in functions] == [0, 0]


def three():
    return torch.tensor([1.0, 2.0, 3.0])


@fp.remote
def doubled(x, times=1):
    return {"twice": x * 2 * times, "sums": (x.sum(), "all of it")}


def test_a_pointer_tensor_is_given_and_one_comes(sy, workers):
    julie, _ = workers
    p = three().send(julie)
    made = julie.run(lambda x, y: x @ y, p, p)
    assert isinstance(made, sy.PointerTensor)
    assert made.location is julie
    assert made.get() == torch.tensor(14.0)
    assert torch.equal(p.apply(torch.exp).get(), three().exp())
    assert p.apply(lambda x: type(x).__name__).get() == "Tensor"


def test_local_tensors_travel_and_keep_their_dtype(workers):
    julie, _ = workers
    given = {"half": torch.ones(2, dtype=torch.bfloat16), "more": [three(), (torch.tensor(True),)]}
    assert julie.run(lambda g: [str(g["half"].dtype), g["more"][1][0].item()], given).get() == ["torch.bfloat16", True]
    back = julie.run(lambda g: g, given).get()
    assert back["half"].dtype == torch.bfloat16
    assert torch.equal(back["more"][0], three())
    assert type(back["more"][1]) is tuple


def test_parts_of_what_comes_are_pointers_there(workers):
    julie, toby = workers
    made = doubled(three().send(julie), times=3)
    assert torch.equal((made["twice"] + 1).get(), three() * 6 + 1)
    total, text = made["sums"]
    assert (total.get(), text.get()) == (torch.tensor(6.0), "all of it")
    parts = made.unpack()
    assert torch.equal(parts["twice"].move(toby).get(), three() * 6)
    moved = made.move(toby)
    assert moved.location is toby
    assert torch.equal(moved.get()["twice"], three() * 6)


def test_chains_closures_attributes_and_far_tensors_are_given(sy, workers):
    julie, toby = workers
    p = three().send(julie)
    pp = three().send(julie).send(toby)
    assert pp.apply(lambda x: x.sum()).get().get() == torch.tensor(6.0)
    assert julie.run(lambda: p.sum()).get() == torch.tensor(6.0)
    w = three().requires_grad_().send(julie)
    (w * w).sum().backward()
    assert julie.run(lambda g: g.sum(), w.grad).get() == torch.tensor(12.0)
    far = sy.far(three(), julie)
    assert julie.run(lambda a, b: (a * b).sum(), far, p).get() == torch.tensor(14.0)
    assert torch.equal(sy.near(far), three())


def test_a_state_goes_there_and_back_as_one_is_trained_here(workers):
    julie, _ = workers

    def trained(state, x, steps):
        model = torch.nn.Linear(3, 1)
        model.load_state_dict(state)
        optimiser = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
        for _ in range(steps):
            optimiser.zero_grad()
            model(x).square().sum().backward()
            optimiser.step()
        return model.state_dict()

    state = torch.nn.Linear(3, 1).state_dict()
    found = julie.run(trained, dict(state), three().send(julie), 3).get()
    expected = trained(state, three(), 3)
    assert {name: found[name].tolist() for name in found} == {name: expected[name].tolist() for name in expected}


def test_a_gradient_goes_on_through_a_part(workers):
    julie, _ = workers
    w = three().requires_grad_().send(julie)
    made = w.apply(lambda x: {"loss": (x * 3).sum()})
    made["loss"].backward()
    assert torch.equal(w.grad.clone().get(), torch.full((3,), 3.0))
    assert made.get()["loss"] == torch.tensor(18.0)


def test_values_with_tensors_are_sent(functions, workers):
    julie, _ = functions
    value = {"w": three(), "names": ["a", "b"], "steps": 3}
    p = fp.send(value, julie)
    assert torch.equal(p["w"].get(), three())
    back = p.get()
    assert torch.equal(back.pop("w"), three())
    assert back == {"names": ["a", "b"], "steps": 3}
    found = fp.send([three(), torch.zeros(1)], julie).get()
    assert [part.tolist() for part in found] == [[1.0, 2.0, 3.0], [0.0]]


def test_a_copy_has_memory_of_its_own(workers):
    julie, _ = workers
    made = julie.run(lambda: {"w": torch.zeros(2), "loss": torch.ones(2, requires_grad=True).sum()})
    copy = made.copy()
    made["w"].add_(1)
    julie.run(lambda value: value["w"].add_(1) and None, made)
    assert copy.get()["w"].tolist() == [0.0, 0.0]
    assert made.get()["w"].tolist() == [2.0, 2.0]


def test_what_cannot_be_kept_says_so(workers):
    julie, _ = workers
    with pytest.raises(fp.UnsupportedValue, match="cannot be kept: a Linear"):
        julie.run(lambda: {"model": torch.nn.Linear(1, 1)}).get()
    with pytest.raises(fp.UnsupportedValue, match="sparse"):
        julie.run(lambda: [torch.eye(2).to_sparse()]).get()


def test_several_at_once(sy, functions, workers):
    julie, toby = workers
    p, q = three().send(julie), three().send(toby) * 2
    kept = p.clone()
    found = fp.gather([p, q, fp.tensor([1]).send(functions["julie"]), three().send(julie, toby)])
    assert [type(part) for part in found] == [torch.Tensor, torch.Tensor, fp.tensor, list]
    assert torch.equal(found[1], three() * 2)
    with pytest.raises(fp.PointerSpent):
        p.get()
    assert torch.equal(kept.get(), three())
    assert [part.tolist() for part in functions.map(lambda w: three().send(w) + 1, workers)] == [[2.0, 3.0, 4.0]] * 2


def test_futures(sy, workers):
    julie, toby = workers
    p = three().send(julie)
    assert torch.equal(p.get_copy_async().result(), three())

    async def both():
        return await asyncio.gather((p + 1).get_async(), p.get_async())

    assert [part.tolist() for part in asyncio.run(both())] == [[2.0, 3.0, 4.0], [1.0, 2.0, 3.0]]
    chain = three().send(julie).send(toby)
    inner = chain.get_async().result()
    assert isinstance(inner, sy.PointerTensor)
    assert torch.equal(inner.get(), three())
    with pytest.raises(fp.UsageError, match="FarTensor"):
        fp.gather([sy.far(three(), julie)])


def test_pointers_of_both_faces_meet(functions, workers):
    julie, _ = workers
    t, p = three().send(julie), fp.tensor([1.0, 1.0, 1.0]).send(functions["julie"])
    assert torch.equal((p + t).get(), three() + 1)  # the operator is left to torch's
    assert torch.equal((t - p).get(), three() - 1)
    assert (p < t).get().tolist() == [False, True, True]
    assert [keeper.holder for keeper in functions.why(t)] == ["me"]
    t.publish("w")
    assert torch.equal(julie["w"].get_copy(), three())
    del functions["julie"]["w"]


def test_models_are_given_and_a_tensor_beside_a_pointer_is_not(functions, workers):
    julie, _ = workers
    p = fp.tensor([1.0]).send(functions["julie"])
    with pytest.raises(fp.UnsupportedValue, match=r"x.numpy\(\) travels"):
        p + torch.ones(1)
    model = torch.nn.Linear(3, 1)
    x = three().send(julie)
    expected = model(three()).tolist()
    assert julie.run(lambda given: model(given), x).get().tolist() == expected
    assert julie.run(lambda m, given: m(given), model, x).get().tolist() == expected
    model.send(julie)  # from here on it refers to pointers
    assert x.apply(lambda given: model(given)).get().tolist() == expected
    assert x.apply(lambda given, m: m(given), model).get().tolist() == expected
    model.get()
