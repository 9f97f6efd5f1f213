"""FarTensor: training loops as they are written, bit by bit as local ones."""

from __future__ import annotations

import copy
import inspect

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
    with pytest.raises(fp.NotSerializable):
        copy.deepcopy(x)
    with pytest.raises(fp.UsageError):
        sy.near(torch.ones(2))
    assert "send" not in inspect.getsource(loop)


def test_nothing_stays_behind(sy, julie):
    model = sy.far(mlp(), julie)
    optimiser = adam(model.parameters())
    loop(model, optimiser, sy.far(torch.ones(2, 4), julie), sy.far(torch.zeros(2, 3), julie), F.mse_loss)
    optimiser.zero_grad()
    assert julie.objects_count() == 4 * 3
    del model, optimiser
    assert julie.objects_count() == 0
