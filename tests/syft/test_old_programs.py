"""Programs as they were written for PySyft 0.2: what they say that no row of the contract has."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch", reason="torch is not installed (pip install torch)")

from torch import nn  # noqa: E402


class Recurrent(nn.Module):
    """A network of the tutorial on names and languages, smaller."""

    def __init__(self, letters, hidden, classes):
        super().__init__()
        self.hidden_size = hidden
        self.i2h = nn.Linear(letters + hidden, hidden)
        self.i2o = nn.Linear(letters + hidden, classes)
        self.softmax = nn.LogSoftmax(dim=1)

    def forward(self, letter, hidden):
        combined = torch.cat((letter, hidden), 1)
        return self.softmax(self.i2o(combined)), self.i2h(combined)

    def init_hidden(self):
        return torch.zeros(1, self.hidden_size)


def word(kind, letters=6, length=4):
    return torch.eye(letters)[[(t * (1 + kind)) % letters for t in range(length)]].unsqueeze(1), torch.tensor([kind])


@pytest.mark.filterwarnings("ignore:This overload of add_ is deprecated")
def test_copies_of_a_recurrent_model_learn_apart_and_are_averaged(sy, hook, alice, bob):
    from farptr.syft.frameworks.torch.fl import utils

    torch.manual_seed(3)
    model, criterion, rate, losses = Recurrent(6, 8, 2), nn.NLLLoss(), 0.1, []
    data = {worker: [tuple(part.send(worker) for part in word(kind)) for kind in (0, 1)] for worker in (alice, bob)}
    for _ in range(5):
        copies = {worker.id: model.copy().send(worker) for worker in data}
        total = 0.0
        for worker, words in data.items():
            there = copies[worker.id]
            for letters, kind in words:
                hidden = there.init_hidden().send(letters.location)
                there.zero_grad()
                for t in range(letters.shape[0]):
                    output, hidden = there(letters[t], hidden)
                loss = criterion(output, kind)
                loss.backward()
                for parameter in there.parameters():
                    parameter.data.add_(-rate, parameter.grad.data)
                total += loss.get().item()
        losses.append(total)
        for there in copies.values():
            there.move(alice)
        model.load_state_dict(utils.federated_avg(copies).get().state_dict())
    assert losses[-1] < losses[0] / 1.2
    data = copies = there = words = letters = kind = hidden = output = loss = parameter = None


def test_a_loop_with_clipping_and_eval(sy, hook, bob):
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Dropout(0.2), nn.Linear(8, 1))
    optimiser = torch.optim.RMSprop(model.parameters(), lr=0.01)
    x, y = torch.randn(32, 4), torch.randn(32, 1)
    model.train()
    model.send(bob)
    data, target = x.send(bob), y.send(bob)
    losses = []
    for _ in range(5):
        optimiser.zero_grad()
        loss = nn.functional.mse_loss(model(data), target)
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 5.0)
        optimiser.step()
        losses.append(loss.get().item())
    assert losses[-1] < losses[0]
    model.get()
    model.eval()
    with torch.no_grad():
        assert model(x).shape == (32, 1)
    model.state_dict()
    del data, target, loss, optimiser


def test_handles_by_their_old_names(sy, hook, bob, alice):
    x = torch.tensor([1, 2, 3]).tag("#boston", "#housing").describe("the input").send(bob)
    assert x.child.location is bob
    assert x.owner is sy.local_worker
    (found,) = bob.search(["#boston", "#housing"])
    assert found.description == "the input"
    assert bob.search(["#boston", "#nothing"]) == []
    x.child.garbage_collect_data = False
    found.garbage_collect_data = False
    del x, found
    assert len(bob._objects) == 1
    assert bob.clear_objects()._objects == {}
    both = sy.combine_pointers(torch.tensor([1.0]).send(bob), torch.tensor([2.0]).send(alice))
    assert sorted(both.child) == ["alice", "bob"]
    assert both.get(sum_results=True).tolist() == [3.0]
