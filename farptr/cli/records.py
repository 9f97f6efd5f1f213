"""What tables show, as plain values with stable keys: the documents of ``--json``. docs/cli.md lists the keys."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from farptr.client.look import Holder
    from farptr.client.status import Status
    from farptr.launch.spec import RunInfo

Record = dict[str, Any]


def started(info: RunInfo) -> Record:
    """A run that has just come up."""
    workers = [{"name": name, "pid": pid} for name, pid in info.workers.items()]
    return {
        "run": info.name,
        "address": info.address,
        "bound": info.bound,
        "supervisor_pid": info.supervisor_pid,
        "broker_pid": info.broker_pid,
        "workers": workers,
    }


def runs(found: Iterable[Status]) -> Record:
    """Runs and their processes."""
    return {"runs": [_run(status) for status in found]}


def _run(status: Status) -> Record:
    import dataclasses

    processes = [dataclasses.asdict(process) for process in status.processes]
    return {"name": status.name, "address": status.address, "trouble": status.trouble, "processes": processes}


def objects(run: str, holders: Iterable[Holder]) -> Record:
    """What each worker holds, and which references each client has."""
    rows = [_object(holder.name, id, value) for holder in holders for id, value in holder.objects.items()]
    return {"run": run, "objects": rows}


def _object(worker: str, id: int, value: Any) -> Record:
    from farptr.client.stored import StoredPointer
    from farptr.views.objects import kind, summary

    shape, points_to = getattr(value, "shape", None), None
    if isinstance(value, StoredPointer):
        points_to = {"worker": value.location, "id": value.id_at_location}
    return {
        "worker": worker,
        "id": id,
        "kind": kind(value),
        "shape": None if shape is None else list(shape),
        "dtype": None if shape is None else _dtype(value),
        "text": summary(value).plain,
        "points_to": points_to,
    }


def _dtype(value: Any) -> str:
    import numpy as np

    return str(np.dtype(value.dtype).name)


def tree(run: str, holders: Sequence[Holder], through: str) -> Record:
    """Chains of pointers, from who has the first one to the data."""
    from farptr.views.objects import NOBODY, chains_of

    stores = {(holder.name, id): value for holder in holders for id, value in holder.objects.items()}
    rows = [
        {
            "holder": None if label == NOBODY else label,
            "places": [{"worker": worker, "id": id} for worker, id in chain],
            "end": _object(*chain[-1], stores[chain[-1]]) if chain[-1] in stores else None,
        }
        for label, chains in chains_of(holders, through=through)
        for chain in chains
    ]
    return {"run": run, "chains": rows}
