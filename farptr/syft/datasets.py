"""Data sets whose parts are on workers: ``dataset.federate((bob, alice))`` and a loader that gives batches there.

Laws
    A batch is a pair of pointers to one worker, and no batch mixes workers.
    Data leaves this process once, in ``federate`` or ``send``; loading sends indices, never values.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import torch

from farptr.protocol.errors import UsageError
from farptr.syft import verbs
from farptr.syft.verbs import Verb


class BaseDataset:
    """Data and targets of one party, as tensors or pointers of the same length."""

    def __init__(self, data: Any, targets: Any, transform: Any = None, owner: Any = None, **_: Any) -> None:
        if transform is not None:
            raise UsageError(
                "transforms are functions, which do not travel", hint="transform the data before it is sent"
            )
        if len(data) != len(targets):
            raise UsageError(f"{len(data)} rows of data beside {len(targets)} targets")
        self.data, self.targets = data, targets

    def __len__(self) -> int:
        return len(self.data)

    def __getitem__(self, index: Any) -> tuple[Any, Any]:
        return self.data[index], self.targets[index]

    @property
    def location(self) -> Any:
        """The worker that has it."""
        return self.data.location

    def send(self, worker: Any) -> BaseDataset:
        """Send data and targets to a worker; returns this data set."""
        self.data, self.targets = self.data.send(worker), self.targets.send(worker)
        return self

    def get(self) -> BaseDataset:
        """Fetch data and targets; returns this data set."""
        self.data, self.targets = self.data.get(), self.targets.get()
        return self

    def fix_precision(self, *_: Any, **__: Any) -> Any:
        """Refused."""
        raise UsageError("encrypted computation is not built here")

    def federate(self, workers: Sequence[Any]) -> FederatedDataset:
        """A part on each worker, in order."""
        return federate(self, workers)


class FederatedDataset:
    """Data sets on several workers, one on each. Two on one raise UsageError."""

    def __init__(self, datasets: Iterable[BaseDataset]) -> None:
        parts = list(datasets)
        _once([dataset.location.id for dataset in parts])
        self.datasets = {dataset.location.id: dataset for dataset in parts}

    @property
    def workers(self) -> list[str]:
        """Their ids."""
        return list(self.datasets)

    def __getitem__(self, worker: Any) -> BaseDataset:
        """The part of a worker, given by itself or by its id."""
        return self.datasets[worker if isinstance(worker, str) else worker.id]

    def __len__(self) -> int:
        return sum(len(dataset) for dataset in self.datasets.values())

    def __repr__(self) -> str:
        parts = [f"\n    {worker}: {len(dataset)} rows" for worker, dataset in self.datasets.items()]
        return f"FederatedDataset({''.join(parts)}\n)"


class FederatedDataLoader:
    """Batches of a federated data set: ``for data, target in loader``, both pointers to ``data.location``.

    Args:
        federated_dataset: the data sets by worker.
        batch_size: rows of a batch; the last batch of a worker may have fewer.
        shuffle: another order of the rows in each pass, drawn here.
        num_iterators: how many workers' batches take turns; all workers one after the other with 1.
        drop_last: leave batches out that have fewer rows.
        iter_per_worker: give a dictionary of one batch for each worker.
    """

    def __init__(
        self,
        federated_dataset: FederatedDataset,
        batch_size: int = 8,
        shuffle: bool = False,
        num_iterators: int = 1,
        drop_last: bool = False,
        iter_per_worker: bool = False,
        **_: Any,
    ) -> None:
        if not isinstance(federated_dataset, FederatedDataset):
            raise UsageError("a loader wants a FederatedDataset", hint="dataset.federate((bob, alice)) gives one")
        if batch_size < 1:
            raise UsageError(f"a batch_size of {batch_size}: a batch has one row at least")
        self.federated_dataset = federated_dataset
        self.batch_size, self.shuffle, self.drop_last = batch_size, shuffle, drop_last
        self.num_iterators, self.iter_per_worker = max(1, num_iterators), iter_per_worker

    @property
    def workers(self) -> list[str]:
        """Ids of the workers."""
        return self.federated_dataset.workers

    def _batches(self, dataset: BaseDataset) -> Iterator[tuple[Any, Any]]:
        rows = len(dataset)
        order = torch.randperm(rows).tolist() if self.shuffle else None
        for start in range(0, rows, self.batch_size):
            stop = min(start + self.batch_size, rows)
            if stop - start < self.batch_size and self.drop_last:
                return
            yield dataset[slice(start, stop) if order is None else order[start:stop]]

    def __iter__(self) -> Iterator[Any]:
        waiting = [(worker, self._batches(self.federated_dataset[worker])) for worker in self.workers]
        if self.iter_per_worker:
            yield from (
                {w: batch for (w, _), batch in zip(waiting, row, strict=True)}
                for row in zip(*[b for _, b in waiting], strict=False)
            )
            return
        active, waiting = waiting[: self.num_iterators], waiting[self.num_iterators :]
        while active:
            for entry in list(active):
                batch = next(entry[1], None)
                if batch is not None:
                    yield batch
                    continue
                active.remove(entry)
                if waiting:
                    active.append(waiting.pop(0))

    def __len__(self) -> int:
        sizes = [len(self.federated_dataset[worker]) for worker in self.workers]
        if self.drop_last:
            return sum(size // self.batch_size for size in sizes)
        return sum(math.ceil(size / self.batch_size) for size in sizes)


def federate(dataset: Any, workers: Sequence[Any]) -> FederatedDataset:
    """Cut a data set (of pairs) into a part for each worker, in order, and send each there."""
    if not len(workers):
        raise UsageError("there is no worker to have a part", hint="dataset.federate((bob, alice))")
    _once([worker.id for worker in workers])
    rows = math.ceil(len(dataset) / len(workers))
    data, targets = _columns(dataset)
    parts = [
        BaseDataset(data[i * rows : (i + 1) * rows], targets[i * rows : (i + 1) * rows]).send(worker)
        for i, worker in enumerate(workers)
    ]
    return FederatedDataset(parts)


def _once(workers: Sequence[str]) -> None:
    """Refuse a worker that is there twice: the second part would take the first one's place."""
    twice = [worker for place, worker in enumerate(workers) if worker in workers[:place]]
    if twice:
        raise UsageError(f"{twice[0]} twice: a worker has one part of a data set", hint="put its rows together first")


def _columns(dataset: Any) -> tuple[Any, Any]:
    """All data and all targets of a data set."""
    if isinstance(dataset, BaseDataset):
        return dataset.data, dataset.targets
    if isinstance(dataset, torch.utils.data.TensorDataset) and len(dataset.tensors) == 2:
        return dataset.tensors[0], dataset.tensors[1]
    pairs = [dataset[i] for i in range(len(dataset))]
    return torch.stack([torch.as_tensor(x) for x, _ in pairs]), torch.stack([torch.as_tensor(y) for _, y in pairs])


def teach() -> None:
    """Put ``federate`` on ``torch.utils.data.Dataset``. Again does nothing."""
    verbs.teach(torch.utils.data.Dataset, {"federate": Verb(federate)})
