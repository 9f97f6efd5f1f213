"""An optimiser for each worker: what it has learnt of a parameter (momentum, squares) stays beside that one's data."""

from __future__ import annotations

import copy
from collections.abc import Iterable
from typing import Any

from farptr.protocol.errors import UnknownWorker


class Optims:
    """``Optims(["bob", "alice"], torch.optim.Adam(model.parameters()))``: optimisers of the same parameters.

    Args:
        workers: ids, or workers.
        optim: is copied for each, with its settings; its own state is left alone.
    """

    def __init__(self, workers: Iterable[Any], optim: Any) -> None:
        self.optimizers = {_id(worker): _twin(optim) for worker in workers}

    def get_optim(self, worker: Any) -> Any:
        """The optimiser of a worker, given by itself or by its id; raises UnknownWorker."""
        found = self.optimizers.get(_id(worker))
        if found is None:
            raise UnknownWorker(
                f"there is no optimiser for {_id(worker)}", hint=f"there are some for {', '.join(self.optimizers)}"
            )
        return found

    def count_optims(self) -> int:
        """How many there are."""
        return len(self.optimizers)


def _id(worker: Any) -> str:
    return worker if isinstance(worker, str) else str(worker.id)


def _twin(optimiser: Any) -> Any:
    """Another optimiser of the same parameters, whose state begins as this one's."""
    twin = copy.copy(optimiser)
    twin.load_state_dict(optimiser.state_dict())
    return twin
