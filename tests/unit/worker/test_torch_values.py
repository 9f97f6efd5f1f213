"""What a worker runs of torch, and what it does not; values between store and wire."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch", reason="torch is not installed (pip install torch)")

from farptr.protocol import marked, torch_bytes  # noqa: E402
from farptr.protocol.errors import ProtocolError, UnsupportedOperation, UnsupportedValue  # noqa: E402
from farptr.worker import execute, tensors, torch_values  # noqa: E402


def test_operations_are_found_by_their_names():
    x = torch.tensor([-1.0, 2.0])
    for name, args, expected in [
        ("torch.add", (x, x), x + x),
        ("torch.Tensor.__rsub__", (x, 1), 1 - x),
        ("torch.nn.functional.relu", (x,), x.relu()),
        ("torch.linalg.norm", (x,), x.norm()),
        ("torch.Tensor.T.__get__", (torch.eye(2),), torch.eye(2)),
        ("torch.zeros", (2,), torch.zeros(2)),
        ("torch.Tensor.to", (x, "torch.float64"), x.double()),
        ("torch.farptr.copy", (x,), x),
        ("aten.add.Tensor", (x, x), x + x),
    ]:
        (found,) = execute.run(name, args, {}, 1)
        assert torch.equal(found, expected), name


def test_no_grad_is_told_with_the_operation():
    w = torch.ones(2, requires_grad=True)
    (recorded,) = execute.run("torch.mul", (w, 2), {}, 1)
    (plain,) = execute.run("no_grad:torch.mul", (w, 2), {}, 1)
    assert (recorded.requires_grad, plain.requires_grad) == (True, False)
    execute.run("no_grad:torch.Tensor.add_", (w, 1), {}, 0)
    with pytest.raises(RuntimeError, match="leaf"):
        execute.run("torch.Tensor.add_", (w, 1), {}, 0)


@pytest.mark.parametrize(
    "name",
    """
    torch.load torch.save torch.from_file torch.compile torch.hub.load torch._C._jit_get_operation torch.os.system
    torch.Tensor.__reduce_ex__ torch.Tensor.__class__ torch.Tensor.__setstate__ torch.Tensor.grad_fn.__get__
    torch.Tensor.__init__ torch.Tensor.__dict__.__get__ torch.jit.load torch.utils.cpp_extension.load torch
    torch. torch.add.__globals__ torch.add.__self__.save torch.serialization.load_ torch.set_num_threads
    torch.os.remove_ aten.from_file.default aten.set_.source_Tensor aten.resize_.default aten._unsafe_index.Tensor
    aten.add aten.add.Tensor.default aten.add.__class__ aten._index_put_impl_.default aten.nope.default aten.__class__.x
    """.split(),
)
def test_nothing_else_runs(name):
    for operation in (name, f"no_grad:{name}"):
        with pytest.raises(UnsupportedOperation):
            execute.find(operation)


def test_texts_of_torch_stand_for_dtypes_and_their_like_only():
    with pytest.raises(UnsupportedOperation, match=r"torch\.add"):
        execute.run("torch.Tensor.to", (torch.ones(1), "torch.add"), {}, 1)
    with pytest.raises(UnsupportedOperation):
        execute.run("torch.Tensor.to", (torch.ones(1), "torch.nn"), {}, 1)


def test_results_are_tensors_numbers_or_truth_values():
    x = torch.ones(2)
    assert execute.run("torch.equal", (x, x), {}, 1)[0].tolist() is True
    for name in ("torch.Tensor.type", "torch.Tensor.storage", "torch.Tensor.tolist"):
        with pytest.raises(UnsupportedOperation):
            execute.run(name, (x,), {}, 1)
    with pytest.raises(UnsupportedOperation, match="2 results where one"):
        execute.run("torch.sort", (x,), {}, 1)


def test_values_go_and_come_with_their_gradient():
    w = torch.tensor([1.0, 2.0], requires_grad=True)
    (w * w).sum().backward()
    back = torch_bytes.tensor_of(torch_bytes.marked(w))
    assert back.requires_grad
    assert torch.equal(back, w)
    assert torch.equal(back.grad, w.grad)
    with pytest.raises(UnsupportedValue):
        torch_bytes.marked(torch.eye(2).to_sparse())
    with pytest.raises(ProtocolError):
        torch_bytes.tensor_of(marked.Marked("int64", w.detach().long().numpy(), requires_grad=True))


@pytest.mark.parametrize(
    "name",
    """
    save.default set_grad_enabled.default manual_seed.default format.default append.t pop.t from_file.default
    _local_scalar_dense.default _fused_sdp_choice.default resize_.default set_.source_Tensor add nonsense.default
    """.split(),
)
def test_only_kernels_are_run_as_kernels(name):
    with pytest.raises(UnsupportedOperation):
        execute.find(f"aten.{name}")


def test_a_kernel_records_no_graph_and_leaves_the_mode_as_it_is():
    w = torch.ones(2, requires_grad=True)
    (result,) = execute.run("aten.mul.Tensor", (w, w), {}, 1)
    assert not result.requires_grad
    assert torch.is_grad_enabled()
    with pytest.raises(RuntimeError):
        execute.run("aten.mm.default", (w, w), {}, 1)
    assert torch.is_grad_enabled()
    assert execute.run("aten.add_.Tensor", (w, w), {"alpha": 2}, 0) == []
    assert w.tolist() == [3.0, 3.0]


def test_questions():
    x = torch.ones(2, 3)
    assert torch_values.ask(x, "shape") == (2, 3)
    assert type(torch_values.ask(x, "shape")) is tuple
    assert torch_values.ask(x, "facts") == ((2, 3), (3, 1), "float32", "strided", "cpu", False, True, False)
    with pytest.raises(RuntimeError):
        torch_values.ask(x, "item")
    with pytest.raises(UnsupportedOperation):
        torch_values.ask(x, "__class__")


@pytest.mark.parametrize(
    ("what", "flops"),
    [
        (lambda x, w: x @ w, 2 * 4 * 3 * 5),
        (lambda x, w: torch.nn.functional.linear(x, w.T), 2 * 4 * 3 * 5),
        (lambda x, w: x + x, 12),
        (lambda x, w: x.sum(), 12),
        (lambda x, w: x.T.reshape(2, 6).unsqueeze(0), 12),  # of these only the reshape copies
        (lambda x, w: x[:2], 0),
        (
            lambda x, w: torch.nn.functional.scaled_dot_product_attention(*[x.reshape(1, 1, 4, 3)] * 3),
            2 * 2 * 4 * 4 * 3,
        ),
    ],
)
def test_kernels_are_counted_by_their_floating_point_operations(what, flops):
    x, w = torch.ones(4, 3), torch.ones(3, 5)
    with torch_values.counting() as counting:
        what(x, w)
    assert counting.flops == flops


def test_gradients_are_counted():
    x, w = torch.ones(4, 3), torch.ones(3, 5, requires_grad=True)
    loss = (x @ w).sum()
    with torch_values.counting() as counting:
        loss.backward()
    product = 2 * 4 * 3 * 5
    assert product <= counting.flops <= 1.5 * product


def test_a_worker_without_torch_says_so(monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "farptr.worker.torch_values", None)
    with pytest.raises(UnsupportedValue, match="no torch"):
        tensors.theirs()
    with pytest.raises(UnsupportedValue, match="no torch"):
        execute.find("torch.Tensor.sinc")


def test_the_core_does_not_import_torch():
    """Neither a client, nor a worker, nor the broker, until a tensor comes."""
    import subprocess
    import sys

    script = """
import sys
import farptr.client.run, farptr.worker.shell, farptr.broker.shell, farptr.cli, farptr.xp
print("torch" in sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout == "False\n"
