"""FarTensor: training loops as they are written, bit by bit as local ones."""

from __future__ import annotations

import copy
import inspect
import pickle

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="torch is not installed (pip install torch)")

import torch.nn.functional as F  # noqa: E402
from torch import nn  # noqa: E402

import farptr as fp  # noqa: E402


def loop(model, optimiser, data, target, loss_of, steps=4):
    """Nothing in here knows where anything is."""
    for _ in range(steps):
        optimiser.zero_grad()
        loss = loss_of(model(data), target)
        loss.backward()
        optimiser.step()
    return loss


def mlp():
    torch.manual_seed(1)
    return nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 3))


def cnn():
    torch.manual_seed(1)
    return nn.Sequential(
        nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(36, 3)
    )


def sgd(parameters):
    return torch.optim.SGD(parameters, lr=0.1, momentum=0.9)


def adam(parameters):
    return torch.optim.Adam(parameters, lr=0.01)


SHAPES = {mlp: (16, 4), cnn: (16, 1, 8, 8)}


@pytest.mark.parametrize("make_optimiser", [sgd, adam])
@pytest.mark.parametrize("make", [mlp, cnn])
def test_an_unmodified_loop_trains_to_the_same_bits(make, make_optimiser, sy, julie):
    torch.manual_seed(0)
    data, target = torch.randn(SHAPES[make]), torch.randint(0, 3, (16,))
    here, there = make(), sy.far(make(), julie)
    loss = loop(here, make_optimiser(here.parameters()), data, target, F.cross_entropy)
    far = loop(there, make_optimiser(there.parameters()), sy.far(data, julie), sy.far(target, julie), F.cross_entropy)
    assert isinstance(far, sy.FarTensor)
    assert torch.equal(sy.near(far), loss.detach())
    assert far.item() == loss.item()
    sy.near(there)
    for (name, ours), theirs in zip(there.state_dict().items(), here.state_dict().values(), strict=True):
        assert type(ours) is torch.Tensor
        assert ours.dtype == theirs.dtype
        assert torch.equal(ours, theirs), name


MODULES = {
    "groups": (lambda: nn.Conv2d(3, 3, 3, groups=3, padding="same"), (2, 3, 8, 8)),
    "transposed": (lambda: nn.ConvTranspose2d(3, 2, 3), (2, 3, 8, 8)),
    "group norm": (lambda: nn.GroupNorm(3, 3), (2, 3, 8, 8)),
    "instance norm": (lambda: nn.InstanceNorm2d(3, affine=True), (2, 3, 8, 8)),
    "pools": (lambda: nn.Sequential(nn.AvgPool2d(2), nn.AdaptiveMaxPool2d(2)), (2, 3, 8, 8)),
    "upsample": (lambda: nn.Upsample(scale_factor=2, mode="bilinear"), (2, 3, 8, 8)),
    "pads": (lambda: nn.Sequential(nn.ReflectionPad2d(1), nn.ZeroPad2d(1), nn.Unfold(2)), (2, 3, 8, 8)),
    "batch norm": (lambda: nn.BatchNorm1d(6), (4, 6)),
    "layer norm": (lambda: nn.Sequential(nn.Linear(6, 6), nn.ReLU(inplace=True), nn.LayerNorm(6)), (4, 6)),
    "activations": (
        lambda: nn.Sequential(*[kind() for kind in (nn.GELU, nn.SiLU, nn.PReLU, nn.ELU, nn.Softplus, nn.LogSoftmax)]),
        (4, 6),
    ),
    "embedding": (lambda: nn.Embedding(10, 4), None),
}


@pytest.mark.filterwarnings("ignore:Implicit dimension choice")
@pytest.mark.parametrize("name", MODULES)
def test_modules_give_and_learn_the_same_bits(name, sy, julie):
    make, shape = MODULES[name]
    torch.manual_seed(0)
    here, there = make(), make()
    there.load_state_dict(here.state_dict())
    x = torch.randint(0, 10, (3, 4)) if shape is None else torch.randn(shape, requires_grad=True)
    far = sy.far(x, julie)
    sy.far(there, julie)
    results = []
    for model, given in ((here, x), (there, far)):
        results.append(model(given))
        (results[-1] * results[-1]).sum().backward()
    assert torch.equal(sy.near(results[1]), results[0].detach())
    pairs = [(x, far)] if x.requires_grad else []
    for ours, theirs in [*pairs, *zip(here.parameters(), there.parameters(), strict=True)]:
        assert torch.equal(sy.near(theirs.grad), ours.grad)


OPTIMISERS = {
    "nesterov": lambda ps: torch.optim.SGD(ps, lr=0.1, momentum=0.9, nesterov=True, weight_decay=0.1),
    "amsgrad": lambda ps: torch.optim.Adam(ps, amsgrad=True),
    "adamw": torch.optim.AdamW,
    "rmsprop": lambda ps: torch.optim.RMSprop(ps, centered=True),
    "rprop": torch.optim.Rprop,
}


@pytest.mark.parametrize("name", OPTIMISERS)
def test_optimisers_schedules_and_clipping(name, sy, julie):
    torch.manual_seed(0)
    data, target = torch.randn(5, 4), torch.randn(5, 3)

    def trained(model, data, target):
        optimiser = OPTIMISERS[name](model.parameters())
        schedule = torch.optim.lr_scheduler.StepLR(optimiser, 2, 0.5)
        for _ in range(4):
            optimiser.zero_grad()
            F.mse_loss(model(data), target).backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimiser.step()
            schedule.step()
        return model

    here = trained(mlp(), data, target)
    there = sy.near(trained(sy.far(mlp(), julie), sy.far(data, julie), sy.far(target, julie)))
    for ours, theirs in zip(there.parameters(), here.parameters(), strict=True):
        assert torch.equal(ours, theirs)


def test_local_numbers_and_what_is_copied_travel(sy, julie):
    x = sy.far(torch.tensor([[1.0, -2.0], [3.0, 4.0]]), julie)
    two = torch.tensor(2.0, dtype=torch.float64)
    assert (x * two).dtype == (two * x).dtype == torch.float32
    assert torch.equal(sy.near(torch.where(x > 0, x, 0.0)), torch.tensor([[1.0, 0.0], [3.0, 4.0]]))
    x[0] = 7.0
    assert torch.equal(sy.near(x), torch.tensor([[7.0, 7.0], [3.0, 4.0]]))
    model, other = sy.far(mlp(), julie), nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 3))
    model.load_state_dict(other.state_dict())
    assert torch.equal(sy.near(model)[0].weight, other[0].weight)
    total = torch.tensor(0.0)
    for refused in (lambda: total.add_(x.sum()), lambda: x + torch.ones(2), lambda: torch.ones(2, 2).copy_(x)):
        with pytest.raises(sy.exceptions.PureFrameworkTensorFoundError):
            refused()


def test_no_value_comes_here_unasked(sy, julie):
    run = sy.running.current()

    def received():
        return sum(row.value_bytes for row in run.traffic() if row.destination == "me")

    model, data = sy.far(mlp(), julie), sy.far(torch.ones(5, 4), julie)
    before = received()
    loss = loop(model, sgd(model.parameters()), data, sy.far(torch.zeros(5, 3), julie), F.mse_loss)
    assert repr(loss) == "FarTensor((), torch.float32, on julie, requires_grad=True)"
    assert (data.shape, data.dtype, loss.requires_grad) == ((5, 4), torch.float32, True)
    assert received() == before
    sy.near(loss)
    assert received() == before + 4


def test_a_shape_that_does_not_fit_raises_at_its_line(sy, julie):
    x = sy.far(torch.ones(2, 3), julie)
    with pytest.raises(RuntimeError, match="reduction dim"):
        x @ x
    assert torch.equal(sy.near(x @ x.T), torch.full((2, 2), 3.0))


def test_gradients_hooks_and_views_are_torchs_own(sy, julie):
    seen = []
    x = sy.far(torch.tensor([[1.0, 2.0], [3.0, 4.0]], requires_grad=True), julie)
    assert x.is_leaf
    assert x.requires_grad
    y = (x[0] * 3).sum()
    x.register_hook(lambda g: seen.append(tuple(g.shape)))
    y.backward()
    assert seen == [(2, 2)]
    assert torch.equal(sy.near(x.grad), torch.tensor([[3.0, 3.0], [0.0, 0.0]]))
    (again,) = torch.autograd.grad((x * x).sum(), [x])
    assert torch.equal(sy.near(again), torch.tensor([[2.0, 4.0], [6.0, 8.0]]))
    with torch.no_grad():
        x[0].zero_()
        x += 1
    assert torch.equal(sy.near(x).detach(), torch.tensor([[1.0, 1.0], [4.0, 5.0]]))
    _values, places = x.detach().max(dim=1)
    assert torch.equal(sy.near(places), torch.tensor([0, 1]))
    assert [tuple(part.shape) for part in x.split(1)] == [(1, 2), (1, 2)]
    assert [tuple(part.shape) for part in x.split(2)] == [(2, 2)]


def test_pointers_and_far_tensors_are_of_the_same_objects(sy, julie, toby):
    p = torch.tensor([1.0, 2.0]).send(julie)
    x = sy.far(p, julie)
    x.add_(1)
    assert torch.equal(p.get_copy(), torch.tensor([2.0, 3.0]))
    assert x.location == julie
    assert torch.equal((x * 2).pointer.get(), torch.tensor([4.0, 6.0]))
    chain = sy.far(torch.ones(2).send(julie).send(toby), None)
    assert torch.equal(sy.near(chain + 1), torch.tensor([2.0, 2.0]))


def test_what_data_is_set_to_is_what_there_is(sy, julie):
    def by_hand(model, data):
        for _ in range(3):
            model.zero_grad()
            model(data).square().sum().backward()
            for p in model.parameters():
                p.data = p.data - 0.01 * p.grad.data
        nn.utils.vector_to_parameters(nn.utils.parameters_to_vector(model.parameters()) * 2, model.parameters())
        return model

    here, there = by_hand(mlp(), torch.ones(2, 4)), by_hand(sy.far(mlp(), julie), sy.far(torch.ones(2, 4), julie))
    for ours, theirs in zip(there.parameters(), here.parameters(), strict=True):
        assert torch.equal(sy.near(ours), theirs)
    w = next(there.parameters())
    shared = w.data
    shared.zero_()
    assert not sy.near(w).any()


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64], ids=str)
def test_modules_change_their_dtype(dtype, sy, julie):
    torch.manual_seed(0)
    data = torch.randn(SHAPES[cnn])
    here, there = cnn(), sy.far(cnn(), julie)
    for model, given in ((here, data), (there, sy.far(data, julie))):
        model.to(dtype)(given.to(dtype)).sum().backward()
        model.float()
    for ours, theirs in zip(there.parameters(), here.parameters(), strict=True):
        assert ours.dtype == ours.grad.dtype == torch.float32
        assert torch.equal(sy.near(ours.grad), theirs.grad)
    for ours, theirs in zip(there.buffers(), here.buffers(), strict=True):
        assert torch.equal(sy.near(ours), theirs)


def test_a_deep_copy_is_another_model_on_the_worker(sy, julie):
    model = sy.far(mlp(), julie)
    model(sy.far(torch.ones(2, 4), julie)).sum().backward()
    other, best = copy.deepcopy(model), copy.deepcopy(model.state_dict())
    average = torch.optim.swa_utils.AveragedModel(model)
    with torch.no_grad():
        for p in other.parameters():
            assert isinstance(p, nn.Parameter)
            p.add_(1.0)
            p.grad.zero_()
    average.update_parameters(other)
    for p, q, r, kept in zip(model.parameters(), other.parameters(), average.parameters(), best.values(), strict=True):
        assert torch.equal(sy.near(p), sy.near(kept))
        assert torch.equal(sy.near(p) + 1.0, sy.near(q))
        assert torch.equal(sy.near(q), sy.near(r))
        assert sy.near(p.grad).any()


def test_operators_of_integers(sy, julie):
    def all_of_them(x):
        y = x.clone()
        y <<= 2
        y >>= 1
        y |= 1
        return x << 1, x >> 1, x & 3, x | 1, x ^ 2, ~x, x // 2, x % 3, y

    x = torch.arange(6)
    for ours, theirs in zip(all_of_them(sy.far(x, julie)), all_of_them(x), strict=True):
        assert torch.equal(sy.near(ours), theirs)


def test_recurrent_layers(sy, julie):
    data, first = torch.randn(3, 2, 4), torch.zeros(1, 2, 5)
    far, begun = sy.far(data, julie), sy.far(first, julie)
    with pytest.raises(fp.UnsupportedOperation, match="mkldnn"):
        sy.far(nn.LSTM(4, 5), julie)(far, (begun, begun))
    with pytest.raises(fp.UnsupportedOperation, match="batch_first"):
        sy.far(nn.GRU(4, 5, batch_first=True), julie)(far, sy.far(torch.zeros(1, 3, 5), julie))
    with torch.backends.mkldnn.flags(enabled=False):
        for here, state in ((nn.LSTM(4, 5), (first, first)), (nn.GRU(4, 5), first)):
            there = sy.far(copy.deepcopy(here), julie)
            results, _ = there(far, (begun, begun) if isinstance(state, tuple) else begun)
            wanted, _ = here(data, state)
            assert torch.equal(sy.near(results), wanted)
            results.sum().backward()
            wanted.sum().backward()
            assert torch.equal(sy.near(there.weight_hh_l0.grad), here.weight_hh_l0.grad)


def test_random_numbers_are_the_workers_own(sy, julie):
    drop = nn.Dropout(0.5)
    torch.manual_seed(1)
    before = torch.random.get_rng_state()
    assert julie.remote.torch.manual_seed(7) is None
    far = sy.near(drop(sy.far(torch.ones(50), julie)))
    pointed = drop(torch.ones(50).send(julie)).get()
    assert torch.equal(torch.random.get_rng_state(), before)
    torch.manual_seed(7)
    assert torch.equal(far, drop(torch.ones(50)))
    assert torch.equal(pointed, drop(torch.ones(50)))
    with pytest.raises(ValueError, match="invalid literal"):
        julie.remote.torch.manual_seed("x")


def test_tied_parameters_stay_tied(sy, julie):
    model = nn.Sequential(nn.Linear(3, 3, bias=False), nn.Linear(3, 3, bias=False))
    model[1].weight = model[0].weight
    sy.far(model, julie)
    assert model[1].weight is model[0].weight
    assert len(list(model.parameters())) == 1
    sy.near(model)
    assert model[1].weight is model[0].weight


def test_what_cannot_be_is_refused(sy, julie, toby):
    x = sy.far(torch.tensor([1.0, 0.0]), julie)
    with pytest.raises(sy.exceptions.PureFrameworkTensorFoundError):
        x + torch.ones(2)
    with pytest.raises(fp.NotCollocated):
        x + sy.far(torch.ones(2), toby)
    with pytest.raises(fp.UnsupportedOperation):
        x.nonzero()
    with pytest.raises(fp.UnsupportedOperation, match="foreach=False"):
        torch._foreach_add_([x], 1.0)
    for fetching in (x.numpy, x.tolist):
        with pytest.raises(fp.ImplicitFetch, match="near"):
            fetching()
    with pytest.raises(fp.NotSerializable):
        pickle.dumps(x)
    with pytest.raises(RuntimeError, match="was computed"):
        copy.deepcopy(x.requires_grad_() * 2)
    with pytest.raises(sy.exceptions.PureFrameworkTensorFoundError):
        x.data = torch.ones(2)
    with pytest.raises(TypeError):
        x.data = 3
    with pytest.raises(fp.UsageError):
        sy.near(torch.ones(2))
    assert "send" not in inspect.getsource(loop)


def test_no_memory_is_read_that_is_not_there(sy, julie):
    x, model = sy.far(torch.ones(2, 2), julie), sy.far(nn.Linear(2, 2), julie)
    reading = (
        lambda: x.apply_(abs),
        x.share_memory_,
        model.share_memory,
        lambda: np.from_dlpack(x),
        lambda: torch.from_dlpack(x),
    )
    for read in reading:
        with pytest.raises(fp.ImplicitFetch, match="near"):
            read()
    for asks in (x.is_pinned, x.pin_memory, lambda: x.is_same_size(x)):
        with pytest.raises(fp.UnsupportedOperation, match="no tensor"):
            asks()


def test_what_loops_print_and_compare(sy, julie, toby):
    x = torch.tensor([1.0, 2.5])
    far = sy.far(x, julie)
    assert f"loss {far.sum():.2f} {far.sum():>8.1f}" == "loss 3.50      3.5"
    assert f"{far.sum()}" == "FarTensor((), torch.float32, on julie)"
    with pytest.raises(TypeError):
        format(far, ".2f")
    assert torch.equal(far, far.clone()) is True
    assert torch.equal(far, far + 1) is torch.equal(far, far[:1]) is False
    assert torch.allclose(far, far + 1e-9) is True
    assert torch.allclose(far, far + 1, atol=0.5) is far.allclose(far * 2) is False
    for compare in (torch.equal, torch.allclose):
        with pytest.raises(sy.exceptions.PureFrameworkTensorFoundError):
            compare(far, x)
        with pytest.raises(fp.NotCollocated):
            compare(far, sy.far(x, toby))


def test_transformers(sy, julie):
    torch.manual_seed(0)
    here, data = nn.TransformerEncoderLayer(8, 2, 16, dropout=0.0, batch_first=True), torch.randn(3, 2, 8)
    there, far = sy.far(copy.deepcopy(here), julie), sy.far(data, julie)
    with pytest.raises(fp.UnsupportedOperation, match="sdpa_kernel"):
        there(far)
    with torch.no_grad(), pytest.raises(fp.UnsupportedOperation, match="set_fastpath_enabled"):
        there.eval()(far)
    with torch.nn.attention.sdpa_kernel(torch.nn.attention.SDPBackend.MATH):
        results = [model.train()(given) for model, given in ((here, data), (there, far))]
    assert torch.equal(sy.near(results[1]), results[0].detach())
    for result in results:
        result.sum().backward()
    for ours, theirs in zip(here.parameters(), there.parameters(), strict=True):
        assert torch.equal(sy.near(theirs.grad), ours.grad)


def test_nothing_stays_behind(sy, julie):
    model = sy.far(mlp(), julie)
    optimiser = adam(model.parameters())
    loop(model, optimiser, sy.far(torch.ones(2, 4), julie), sy.far(torch.zeros(2, 3), julie), F.mse_loss)
    optimiser.zero_grad()
    assert julie.objects_count() == 4 * 3
    del model, optimiser
    assert julie.objects_count() == 0
