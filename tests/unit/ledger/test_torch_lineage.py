"""Which tensor was made of which: torch's graphs and views reach further than the operands of a call."""

from __future__ import annotations

import numpy as np

from farptr.journal import lineage as notes
from farptr.ledger.lineage import Lineage
from farptr.protocol import body, marked
from farptr.protocol.ids import make_name

JULIE, TOBY, ME = 1, 2, 3


def sent(*ids, worker=JULIE):
    lineage = Lineage()
    names = [make_name(worker, id) for id in ids]
    for name in names:
        lineage.new(name, (), raw=True, own=[(ME, name)])
    return lineage, names


def test_a_gradient_is_made_of_what_the_loss_was_made_of():
    lineage, (data, weights) = sent(11, 12)
    loss = make_name(JULIE, 13)
    lineage.call([loss], [data, weights], "torch.matmul", [])
    before = lineage.of(weights)
    lineage.call([], [loss], "no_grad:torch.Tensor.backward", [])
    assert (ME, data) not in lineage.origins[before]
    assert {(ME, data), (ME, weights)} <= lineage.origins[lineage.of(weights)]
    assert lineage.raw[lineage.of(data)]


def test_a_change_by_another_name_reaches_the_tensor():
    lineage, (x, y) = sent(11, 12)
    alias = make_name(JULIE, 13)
    lineage.call([alias], [x], "torch.Tensor.data.__get__", [])
    lineage.call([], [alias, y], "no_grad:torch.Tensor.add_", [])
    assert (ME, y) in lineage.origins[lineage.of(x)]


def test_running_means_change_beside_a_result():
    lineage, (images, mean) = sent(11, 12)
    result, later = make_name(JULIE, 13), make_name(JULIE, 14)
    lineage.call([result], [images, mean], "torch.nn.functional.batch_norm", [])
    assert (ME, images) in lineage.origins[lineage.of(mean)]
    lineage.new(later, (), raw=True, own=[(ME, later)])
    assert lineage.origins[lineage.of(later)] == {(ME, later)}


def test_what_another_worker_has_is_not_touched():
    lineage, (x,) = sent(11)
    other = make_name(TOBY, 12)
    lineage.new(other, (), raw=True, own=[(ME, other)])
    lineage.call([], [x], "torch.Tensor.zero_", [])
    assert lineage.origins[lineage.of(other)] == {(ME, other)}


def test_tensors_on_the_way_are_noted_as_data():
    value = marked.Marked("float32", np.ones(5, "<f4"), True, np.ones(5, "<f4"))
    wire = marked.encode_any(value, [])
    size, tag, points = notes._value(body.loads(body.dumps(wire)))
    assert (size, tag, points) == (40, "A", [])
    assert notes._row((11, "A", wire)) == (11, 40)


def of_two(*ids):
    """Data of julie and of toby on a third worker, and names for results there."""
    lineage = Lineage()
    g, h, *more = (make_name(ME + 1, id) for id in (11, 12, *ids))
    lineage.new(g, (), raw=True, own=[(JULIE, g)])
    lineage.new(h, (), raw=True, own=[(TOBY, h)])
    return lineage, g, h, *more


def test_a_change_of_another_tensor_makes_no_aggregate():
    lineage, g, h, derived, other = of_two(13, 14)
    lineage.call([derived], [g], "torch.Tensor.mul", [])
    lineage.new(other, (), raw=True, own=[(ME, other)])
    lineage.call([], [other], "torch.Tensor.zero_", [])
    assert lineage.sure[lineage.of(derived)] == {JULIE}
    assert {(JULIE, g), (TOBY, h)} <= lineage.origins[lineage.of(derived)]


def test_side_by_side_is_raw_and_a_sum_is_an_aggregate():
    for operation, kept in (("torch.stack", 2), ("aten.cat.default", 2), ("torch.maximum", 2), ("torch.Tensor.add", 0)):
        lineage, g, h, result = of_two(13)
        lineage.call([result], [g, h], operation, [])
        assert len(lineage.raw[lineage.of(result)]) == kept
        assert lineage.sure[lineage.of(result)] == {JULIE, TOBY}


def test_what_is_set_in_place_is_raw_and_what_is_added_in_place_an_aggregate():
    for operation, kept in (("no_grad:torch.Tensor.copy_", True), ("aten.add_.Tensor", False)):
        lineage, g, h, total, part = of_two(13, 14)
        lineage.new(total, (), raw=True, own=[(ME, total)])
        lineage.call([part], [total], "torch.Tensor.view", [])
        for other in (g, h):
            lineage.call([], [total, other], operation, [])
        assert lineage.sure[lineage.of(total)] == {ME, JULIE, TOBY}
        assert ((JULIE, g) in lineage.raw[lineage.of(total)]) == kept
        assert (JULIE, g) in lineage.raw[lineage.of(part)]
