"""Where PySyft 0.2 had things: modules under the old paths, made when they are imported.

``import farptr.syft.workers.virtual`` works by itself; ``install()`` gives programs that ``import syft`` the same.
"""

from __future__ import annotations

import importlib
import importlib.abc
import importlib.machinery
import importlib.util
import sys
from types import ModuleType
from typing import Any

_HERE = "farptr.syft"

_EXCEPTIONS, _POINTER, _WORKER = f"{_HERE}.exceptions", f"{_HERE}.pointer_tensor", f"{_HERE}.virtual_worker"
_DATA, _HOOK, _OPTIMS, _AVERAGING = (f"{_HERE}.{name}" for name in ("datasets", "hook", "optims", "averaging"))

_DATASETS = {"BaseDataset": _DATA, "FederatedDataset": _DATA}
_LOADER = {"FederatedDataLoader": _DATA}

PATHS: dict[str, dict[str, str]] = {
    "generic": {},
    "generic.pointers": {},
    "generic.pointers.object_pointer": {"ObjectPointer": f"{_POINTER}:PointerTensor"},
    "generic.pointers.pointer_tensor": {"PointerTensor": _POINTER},
    "generic.pointers.multi_pointer": {"MultiPointerTensor": _POINTER},
    "workers": {"VirtualWorker": _WORKER, "BaseWorker": "farptr.client.workers:Worker"},
    "workers.abstract": {"AbstractWorker": "farptr.client.workers:Worker"},
    "workers.base": {"BaseWorker": "farptr.client.workers:Worker"},
    "workers.virtual": {"VirtualWorker": _WORKER},
    "frameworks": {},
    "frameworks.torch": {"TorchHook": _HOOK},
    "frameworks.torch.hook": {"TorchHook": _HOOK},
    "frameworks.torch.hook.hook": {"TorchHook": _HOOK},
    "frameworks.torch.fl": _DATASETS | _LOADER,
    "frameworks.torch.fl.dataset": _DATASETS,
    "frameworks.torch.fl.dataloader": _LOADER,
    "frameworks.torch.fl.utils": dict.fromkeys(("add_model", "scale_model", "federated_avg"), _AVERAGING),
    "frameworks.torch.federated": _DATASETS | _LOADER,
    "federated": {},
    "federated.floptimizer": {"Optims": _OPTIMS},
}  # fmt: skip
"""Old module, below the package, to what was in it and where that is now (``module:name`` where the name changed)."""


class _Finder(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Finds the modules of the table below one package name; ``syft`` is the package itself."""

    def __init__(self, root: str) -> None:
        self.root = root

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> importlib.machinery.ModuleSpec | None:
        below = name.removeprefix(f"{self.root}.")
        if below == name or (below not in PATHS and self.root == _HERE):
            return None
        if below not in PATHS and importlib.util.find_spec(f"{_HERE}.{below}") is None:
            return None
        return importlib.machinery.ModuleSpec(name, self, is_package=below in PATHS)

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> ModuleType | None:
        below = spec.name.removeprefix(f"{self.root}.")
        return None if below in PATHS else importlib.import_module(f"{_HERE}.{below}")

    def exec_module(self, module: ModuleType) -> None:
        for name, home in PATHS.get(str(module.__name__).removeprefix(f"{self.root}."), {}).items():
            where, _, other = home.partition(":")
            setattr(module, name, getattr(importlib.import_module(where), other or name))


def modules_below(name: str) -> ModuleType:
    """An old module, with all below it in their places."""
    for below in PATHS:
        if below.startswith(f"{name}."):
            importlib.import_module(f"{_HERE}.{below}")
    return importlib.import_module(f"{_HERE}.{name}")


def _find_below(root: str) -> None:
    if not any(isinstance(finder, _Finder) and finder.root == root for finder in sys.meta_path):
        sys.meta_path.append(_Finder(root))


def install() -> None:
    """Let programs ``import syft``: in this process it is farptr.syft from now on, its old modules too.

    Raises ImportError when another syft has been imported already.
    """
    ours = sys.modules[_HERE]
    if sys.modules.get("syft", ours) is not ours:
        raise ImportError("another package called syft is imported in this process")
    sys.modules["syft"] = ours
    for below in PATHS:
        sys.modules[f"syft.{below}"] = importlib.import_module(f"{_HERE}.{below}")
    sys.modules["syft.exceptions"] = importlib.import_module(_EXCEPTIONS)


_find_below(_HERE)
