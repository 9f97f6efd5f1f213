"""The modules that old programs import, under ``farptr.syft`` and, after ``install()``, under ``syft``."""

from __future__ import annotations

import importlib
import subprocess
import sys
import textwrap
import types

import pytest

torch = pytest.importorskip("torch", reason="torch is not installed (pip install torch)")

from farptr.syft import old_paths  # noqa: E402


@pytest.mark.parametrize("path", old_paths.PATHS)
def test_every_old_module_has_a_home(path):
    module = importlib.import_module(f"farptr.syft.{path}")
    for name in old_paths.PATHS[path]:
        assert callable(getattr(module, name))


def test_the_classes_are_the_same_ones(sy):
    from farptr.syft.generic.pointers.pointer_tensor import PointerTensor
    from farptr.syft.workers.virtual import VirtualWorker

    assert PointerTensor is sy.PointerTensor
    assert VirtualWorker is sy.VirtualWorker


def test_what_is_not_built_says_so(sy):
    with pytest.raises(sy.exceptions.NotBuilt, match="migrating-from-pysyft"):
        sy.func2plan  # noqa: B018
    with pytest.raises(AttributeError):
        sy.nonsense  # noqa: B018
    assert not hasattr(sy, "Plan")


def test_a_module_that_never_was_is_not_found():
    with pytest.raises(ModuleNotFoundError):
        importlib.import_module("farptr.syft.workers.nonsense")


SCRIPT = """
    import farptr.syft
    print(farptr.syft.frameworks.torch.fl.utils.federated_avg, farptr.syft.workers.VirtualWorker)
    farptr.syft.install()

    import syft as sy
    import torch
    import syft.workers.virtual
    from syft.exceptions import TensorsNotCollocatedException
    from syft.frameworks.torch.fl import FederatedDataLoader
    from syft.generic.pointers.pointer_tensor import PointerTensor

    hook = sy.TorchHook(torch)
    bob = syft.workers.virtual.VirtualWorker(hook, id="bob")
    alice = sy.VirtualWorker(hook, id="alice")
    p = torch.tensor([1, 2]).send(bob)
    print(isinstance(p, PointerTensor), (p + p).get())
    try:
        p + torch.tensor([1, 2]).send(alice)
    except TensorsNotCollocatedException:
        print("not collocated")
    assert syft is farptr.syft and FederatedDataLoader is sy.FederatedDataLoader
"""


def test_an_unmodified_program_runs_after_install(runtime_dir, tmp_path):
    """In a process of its own, which ends its run by its own end."""
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(SCRIPT)], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    attributes, *lines = done.stdout.splitlines()
    assert "federated_avg" in attributes
    assert "VirtualWorker" in attributes
    assert lines == ["True tensor([2, 4])", "not collocated"]


def test_another_syft_is_not_replaced(sy, monkeypatch):
    another = types.ModuleType("syft")
    monkeypatch.setitem(sys.modules, "syft", another)
    with pytest.raises(ImportError, match="another package called syft"):
        sy.install()
    assert sys.modules["syft"] is another
