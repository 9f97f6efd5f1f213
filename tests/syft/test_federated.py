"""FederatedDataset, FederatedDataLoader, ``dataset.federate``; optimisers and averages of several workers."""

from __future__ import annotations

import copy

import pytest

torch = pytest.importorskip("torch", reason="torch is not installed (pip install torch)")

import farptr as fp  # noqa: E402


@pytest.fixture
def federated(sy, hook, alice, bob):
    data, target = torch.arange(22.0).reshape(11, 2), torch.arange(11)
    found = torch.utils.data.TensorDataset(data, target).federate((bob, alice))
    yield found
    found.datasets.clear()


def rows(loader):
    return [row for _, target in loader for row in target.get().tolist()]


def test_each_worker_gets_a_part(federated, alice, bob):
    assert federated.workers == ["bob", "alice"]
    assert (len(federated), len(federated["bob"]), len(federated[alice])) == (11, 6, 5)
    assert federated["bob"].location == bob
    assert (bob.objects_count(), alice.objects_count()) == (2, 2)
    data, target = federated["alice"][0]
    assert (data.get().tolist(), target.get().item()) == ([12.0, 13.0], 6)
    assert "bob: 6 rows" in repr(federated)


def test_batches_are_pairs_of_pointers_to_one_worker(sy, federated):
    loader = sy.FederatedDataLoader(federated, batch_size=4)
    assert len(loader) == 4
    seen = []
    for data, target in loader:
        assert data.location == target.location
        seen.append((data.location.id, len(data)))
    assert seen == [("bob", 4), ("bob", 2), ("alice", 4), ("alice", 1)]
    assert rows(loader) == list(range(11))


def test_the_loaders_options(sy, federated):
    torch.manual_seed(0)
    shuffled = rows(sy.FederatedDataLoader(federated, batch_size=4, shuffle=True))
    assert shuffled != sorted(shuffled) == list(range(11))
    dropping = sy.FederatedDataLoader(federated, batch_size=4, drop_last=True)
    assert len(dropping) == len(list(dropping)) == 2
    turns = [data.location.id for data, _ in sy.FederatedDataLoader(federated, batch_size=3, num_iterators=2)]
    assert turns == ["bob", "alice", "bob", "alice"]
    (first, *_) = sy.FederatedDataLoader(federated, batch_size=4, iter_per_worker=True)
    assert list(first) == ["bob", "alice"]


def test_base_datasets(sy, bob):
    one = sy.BaseDataset(torch.ones(3, 2), torch.zeros(3))
    two = sy.FederatedDataset([one.send(bob)])
    assert len(two) == 3
    assert two["bob"] is one
    assert torch.equal(one.get().data, torch.ones(3, 2))
    with pytest.raises(fp.UsageError):
        sy.BaseDataset(torch.ones(3), torch.ones(2))
    with pytest.raises(fp.UsageError, match="transform"):
        sy.BaseDataset(torch.ones(3), torch.ones(3), transform=lambda x: x)


def test_any_dataset_of_pairs_can_be_federated(sy, hook, alice, bob):
    class Squares(torch.utils.data.Dataset):
        def __len__(self):
            return 4

        def __getitem__(self, index):
            return torch.tensor([float(index)]), index * index

    found = Squares().federate((bob, alice))
    assert found["alice"][:][1].get().tolist() == [4, 9]


# ---------------------------------------------------------------- what is learnt by several workers


def test_each_worker_has_an_optimiser_with_a_state_of_its_own(sy, federated, alice, bob):
    def trained(federate):
        torch.manual_seed(0)
        model = torch.nn.Linear(2, 1)
        adam = torch.optim.Adam(model.parameters(), lr=0.1)
        optims = sy.Optims(["bob", "alice"], optim=adam) if federate else [copy.deepcopy(adam) for _ in range(2)]
        for _ in range(3):
            for i, worker in enumerate((bob, alice)):
                part = sy.BaseDataset(*federated[worker][:])
                if federate:
                    model.send(worker)
                    optimiser = optims.get_optim(worker.id)
                else:
                    part.get()
                    optimiser = optims[i]
                    optimiser.param_groups[0]["params"] = list(model.parameters())
                optimiser.zero_grad()
                ((model(part.data) - part.targets.reshape(-1, 1)) ** 2).mean().backward()
                optimiser.step()
                if federate:
                    model.get()
        if federate:
            assert optims.count_optims() == 2
            with pytest.raises(fp.UnknownWorker, match="carol"):
                optims.get_optim("carol")
        return model.weight.detach().clone(), model.bias.detach().clone()

    for theirs, ours in zip(trained(True), trained(False), strict=True):
        assert torch.equal(theirs, ours)


def test_models_are_averaged_where_they_are(sy, alice, bob):
    from farptr.syft.frameworks.torch.fl import utils

    models = {name: torch.nn.Linear(2, 2) for name in ("bob", "alice", "me")}
    mean = sum(model.weight.detach().clone() for model in models.values()) / 3
    for model in models.values():
        model.send(bob)
    found = utils.federated_avg(models)
    assert found is models["bob"]
    assert torch.allclose(found.get().weight, mean)
    assert models["alice"].location == bob
    with pytest.raises(fp.UsageError):
        utils.federated_avg({})


def test_nothing_of_a_data_set_is_dropped_without_a_word(sy, alice, bob):
    base = sy.BaseDataset(torch.arange(4.0), torch.arange(4))
    for workers, why in (((), "no worker"), ((alice, alice), "alice twice")):
        with pytest.raises(fp.UsageError, match=why):
            base.federate(workers)
    assert alice.objects_count() == 0
    part = sy.BaseDataset(torch.ones(2).send(alice), torch.ones(2).send(alice))
    with pytest.raises(fp.UsageError, match="alice twice"):
        sy.FederatedDataset([part, part])
    with pytest.raises(fp.UsageError, match="federate"):
        sy.FederatedDataLoader(base)
    with pytest.raises(fp.UsageError, match="batch_size"):
        sy.FederatedDataLoader(base.federate((alice, bob)), batch_size=0)


def test_a_model_at_two_workers_is_not_lost_by_fetching_it(sy, alice, bob):
    model = torch.nn.Linear(2, 1)
    weight = model.weight.detach().clone()
    model.send(alice, bob)
    with pytest.raises(fp.UsageError, match="several"):
        model.get()
    both = model.weight.get_copy()
    assert [torch.equal(one, weight) for one in both] == [True, True]
    assert torch.equal(model.weight.get_(sum_results=True), weight * 2)
    del model, both
