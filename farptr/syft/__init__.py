"""PySyft 0.2's face, over processes: ``import farptr.syft as sy``.

>>> import torch
>>> import farptr.syft as sy
>>> hook = sy.TorchHook(torch)
>>> julie = sy.VirtualWorker(hook, id="julie")
>>> x = torch.tensor([1, 2]).send(julie)
>>> (x + x).get()
tensor([2, 4])

Needs torch (``pip install 'farptr[torch]'``). ``install()`` lets unmodified programs ``import syft``.
"""

from __future__ import annotations

try:
    import torch
except ImportError as missing:
    raise ImportError(
        "farptr.syft needs torch: pip install 'farptr[torch]', or, for CPUs only, "
        "pip install torch --index-url https://download.pytorch.org/whl/cpu"
    ) from missing

from farptr.syft import exceptions, old_paths, running
from farptr.syft.datasets import BaseDataset, FederatedDataLoader, FederatedDataset
from farptr.syft.far_near import far, near
from farptr.syft.far_tensor import FarTensor
from farptr.syft.hook import TorchHook
from farptr.syft.old_paths import install
from farptr.syft.optims import Optims
from farptr.syft.pointer_tensor import MultiPointerTensor, PointerTensor
from farptr.syft.running import use
from farptr.syft.several import combine_pointers
from farptr.syft.virtual_worker import VirtualWorker

local_worker = running.me
"""This process."""

_NOT_BUILT = frozenset(
    """
    AdditiveSharingTensor CryptenPlan FixedPrecisionTensor KerasHook Plan PrivateGridNetwork Promise Protocol
    PublicGridNetwork Role State TensorFlowHook TrainConfig VirtualGrid create_sandbox encrypt func2plan func2protocol
    load serde
    """.split()
)
"""Names of PySyft 0.2 that stand for what has no like here."""


def __getattr__(name: str) -> object:
    if name in old_paths.PATHS:
        return old_paths.modules_below(name)
    if name in _NOT_BUILT:
        raise exceptions.NotBuilt(
            f"PySyft's {name} is not built here", hint="docs/migrating-from-pysyft.md says what there is"
        )
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


__all__ = [
    "BaseDataset",
    "FarTensor",
    "FederatedDataLoader",
    "FederatedDataset",
    "MultiPointerTensor",
    "Optims",
    "PointerTensor",
    "TorchHook",
    "VirtualWorker",
    "combine_pointers",
    "exceptions",
    "far",
    "install",
    "local_worker",
    "near",
    "torch",
    "use",
]
