"""TorchHook: makes torch's tensors and modules know what to do with workers."""

from __future__ import annotations

from typing import Any

import torch

from farptr.protocol.errors import UsageError
from farptr.syft import datasets, local_tensor, modules, operators, running


class TorchHook:
    """``hook = sy.TorchHook(torch)``: tensors and modules get ``send`` and its like, one attribute for each.

    Nothing else of torch changes. Processes are started when workers are named. Making another hook changes nothing.

    Args:
        torch: the module.
        local_worker: what ``me`` is; always this process.
        is_client, verbose: taken, and without effect.
    """

    def __init__(self, torch: Any = torch, local_worker: Any = None, is_client: bool = True, verbose: bool = False):
        if getattr(torch, "__name__", "") != "torch":
            raise UsageError(f"this hook is for torch, not for {torch!r}", hint="import torch; sy.TorchHook(torch)")
        self.torch = torch
        self.local_worker = running.me
        local_tensor.teach()
        modules.teach()
        datasets.teach()
        operators.teach()

    def close(self) -> None:
        """End the processes now; they end with this one anyway."""
        running.close()

    def __repr__(self) -> str:
        return "<TorchHook>"
