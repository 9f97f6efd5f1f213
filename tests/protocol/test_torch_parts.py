"""``protocol.torch_parts``: tensors inside of other values, there and back; malformed ones are refused."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from farptr.protocol import plain, torch_parts
from farptr.protocol.errors import ProtocolError, UnsupportedValue
from farptr.protocol.marked import Marked
from farptr.protocol.records import Record, replaced
from farptr.worker import tensors

ONES = np.ones(3, "<f4")
SOUND = {"mark": "float32", "array": ONES, "requires_grad": False, "grad": None}


def there_and_back(value):
    buffers = []
    wire = plain.encode_value(plain.Plain(plain.checked(value)), buffers)
    return plain.decode_value(wire, [np.asarray(buffer).tobytes() for buffer in buffers]).value, wire


def test_a_record_that_stands_for_a_tensor():
    assert torch_parts.marked_in(Record(torch_parts.NAME, SOUND)) == Marked(**SOUND)


@pytest.mark.parametrize(
    "changed",
    [
        {"mark": "float64"},
        {"mark": "object"},
        {"mark": ["float32"]},
        {"array": [1.0]},
        {"array": np.ones(3)},
        {"requires_grad": 1},
        {"grad": np.ones(4, "<f4")},
        {"grad": np.ones(3)},
        {"more": 1},
    ],
)
def test_malformed_ones_are_refused(changed):
    with pytest.raises(ProtocolError, match="malformed tensor"):
        torch_parts.marked_in(Record(torch_parts.NAME, SOUND | changed))
    with pytest.raises(ProtocolError, match="malformed tensor"):
        replaced([Record(torch_parts.NAME, SOUND | changed)], torch_parts.maker(lambda found: found))
    with pytest.raises(ProtocolError, match="malformed tensor"):
        torch_parts.marked_in(Record(torch_parts.NAME, {}))


def test_what_was_not_decoded_is_left_alone():
    loop = {"w": Record(torch_parts.NAME, SOUND)}
    loop["itself"] = loop
    given = [loop, (Record(torch_parts.NAME, SOUND), 1)]
    found = replaced(given, torch_parts.maker(lambda marked: marked.mark), {id(loop)})
    assert found[0] is loop
    assert found[1] == ("float32", 1)
    assert torch_parts.is_record(loop["w"])


def test_a_worker_without_torch_says_so(monkeypatch):
    monkeypatch.setitem(sys.modules, "farptr.worker.torch_values", None)
    with pytest.raises(UnsupportedValue, match="no torch"):
        replaced({"w": Record(torch_parts.NAME, SOUND)}, tensors.maker())


def test_tensors_travel_in_values():
    torch = pytest.importorskip("torch", reason="torch is not installed (pip install torch)")
    w = torch.arange(3.0, requires_grad=True)
    (w * 2).sum().backward()
    value = {"w": w, "half": [torch.ones(2, dtype=torch.bfloat16), (torch.tensor(True), "text")]}
    found, wire = there_and_back(value)
    filled = replaced(found, tensors.maker())
    assert torch.equal(filled["w"], w)
    assert torch.equal(filled["w"].grad, w.grad)
    assert filled["half"][0].dtype == torch.bfloat16
    assert filled["half"][1] == (torch.tensor(True), "text")
    texts = len("w") + len("half") + len("text")
    assert plain.size_bytes(wire[1]) == 2 * 3 * 4 + 2 * 2 + 1 + texts, "of tensors their data, and nothing else"
    assert plain.structure_of(filled)[2][0] is plain.LEAF


def test_a_copy_of_a_value_has_tensors_of_its_own():
    torch = pytest.importorskip("torch", reason="torch is not installed (pip install torch)")
    loss = torch.ones(2, requires_grad=True).sum()  # of a graph: copy.deepcopy refuses those
    value = plain.Plain([loss, {"a": np.zeros(2)}])
    copied = tensors.copied(value).value
    copied[0].detach().add_(1)
    copied[1]["a"] += 1
    assert value.value[0].item() == 2.0
    assert value.value[1]["a"].tolist() == [0.0, 0.0]


def test_other_kinds_of_tensors_are_refused():
    torch = pytest.importorskip("torch", reason="torch is not installed (pip install torch)")
    with pytest.raises(UnsupportedValue, match="sparse"):
        plain.checked({"a": torch.eye(2).to_sparse()})
    with pytest.raises(UnsupportedValue, match="cannot be sent"):
        plain.checked([torch.ones(1).as_subclass(type("Other", (torch.Tensor,), {}))])
