"""FederatedDataset, FederatedDataLoader and ``dataset.federate``."""

from __future__ import annotations

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
