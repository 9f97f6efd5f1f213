"""torch itself, with the hook on: nothing is patched, plain tensors never pass through farptr, ``torch.jit`` works."""

from __future__ import annotations

import subprocess
import sys
import textwrap

import pytest

pytest.importorskip("torch", reason="torch is not installed (pip install torch)")

SCRIPT = """
    import copy, io, sys
    import torch, torch.nn.functional, torch.utils.data

    places = [torch.Tensor, torch.nn.Module, torch.utils.data.Dataset]
    places += [torch, torch.nn.functional, torch.nn.Parameter]
    before = [dict(vars(place)) for place in places]
    import farptr.syft as sy
    hook = sy.TorchHook(torch)
    for place, old in zip(places, before):
        new = {k: v for k, v in vars(place).items() if k not in old or v is not old[k]}
        changed, added = (" ".join(sorted(k for k in new if (k in old) == there)) for there in (True, False))
        print(place.__name__, changed or "-", added or "-")


    class Mine(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.location = 3
            self.get = torch.nn.Linear(2, 2)
            self.register_buffer("copies", torch.ones(1))

        def forward(self, x):
            return torch.relu(self.get(x)) * self.location


    def plainly():
        torch.manual_seed(0)
        model = torch.nn.Sequential(torch.nn.Linear(2, 2), torch.nn.ReLU(), torch.nn.Linear(2, 2))
        optimiser = torch.optim.Adam(model.parameters())
        rows = torch.utils.data.TensorDataset(torch.rand(8, 2), torch.rand(8, 2))
        for data, target in torch.utils.data.DataLoader(rows, batch_size=4):
            optimiser.zero_grad()
            torch.nn.functional.mse_loss(model(data), target).backward()
            optimiser.step()
        kept = io.BytesIO()
        torch.save(model.state_dict(), kept)
        copy.deepcopy(model).load_state_dict(model.state_dict())

    plainly()  # the first time imports much
    seen = []
    ours = lambda frame: frame.f_globals.get("__name__", "").partition(".")[0] == "farptr"
    watch = lambda frame, event, _: seen.append(frame) if ours(frame) else None
    sys.setprofile(watch)
    plainly()
    sys.setprofile(None)
    print("calls of farptr:", [f.f_code.co_name for f in seen])
    sys.setprofile(watch)
    torch.ones(1).tag("#seen")
    sys.setprofile(None)
    assert "tag" in [f.f_code.co_name for f in seen]
    assert not torch.overrides.has_torch_function((torch.ones(1), torch.nn.Parameter(torch.ones(1))))

    x, model = torch.ones(1), Mine()
    assert model(torch.ones(2)).shape == (2,)
    x.id, x.tags = 5, "mine"
    assert (x.id, x.tags, model.location, type(model.get)) == (5, "mine", 3, torch.nn.Linear)
    assert torch.nn.Linear(1, 1).location is None

    @torch.jit.script
    def f(x):
        return torch.relu(x) + 1

    scripted = torch.jit.script(torch.nn.Sequential(torch.nn.Linear(2, 2), torch.nn.ReLU()))
    traced = torch.jit.trace(torch.nn.Linear(2, 2), torch.ones(1, 2))
    twice = torch.jit.trace(lambda x: x * 2, torch.ones(1))
    assert scripted(torch.ones(3, 2)).shape == traced(torch.ones(3, 2)).shape == (3, 2)
    print(f(torch.tensor([-1.0, 2.0])).tolist(), twice(torch.ones(1)).tolist())
"""


@pytest.fixture(scope="module")
def told(tmp_path_factory):
    """What a fresh process tells."""
    file = tmp_path_factory.mktemp("plain") / "script.py"
    file.write_text(textwrap.dedent(SCRIPT))
    done = subprocess.run(
        [sys.executable, "-W", "ignore", file], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def test_torch_is_not_patched_beyond_one_attribute_for_each_verb(told):
    assert told[:6] == [
        "Tensor - describe description id send send_ tag tags",
        "Module - copy get location move send",
        "Dataset - federate",
        "torch - -",
        "torch.nn.functional - -",
        "Parameter - -",
    ]


def test_plain_training_calls_nothing_of_farptrs(told):
    assert told[6] == "calls of farptr: []"


def test_what_a_program_calls_as_a_verb_is_its_own_and_jit_compiles(told):
    assert told[7] == "[1.0, 3.0] [2.0]"
