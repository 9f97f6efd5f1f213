"""What was a defect of PySyft 0.2.9 and is none here ("Better"), row by row, on real processes."""

from __future__ import annotations

import contextlib
import copy
import inspect
import io
import os
import pickle
import signal
from concurrent.futures import ThreadPoolExecutor

import pytest

torch = pytest.importorskip("torch", reason="torch is not installed (pip install torch)")

import torch.nn.functional as F  # noqa: E402
from torch.overrides import get_ignored_functions, get_testing_overrides, resolve_name  # noqa: E402

import farptr as fp  # noqa: E402
from tests.conftest import until  # noqa: E402


def three(**kwargs):
    return torch.tensor([1.0, 2.0, 3.0], **kwargs)


def same(value, other):
    return value.dtype == other.dtype and torch.equal(value, other)


# ---------------------------------------------------------------- 1: real processes


def test_workers_are_processes_of_their_own(sy, julie, toby):
    pids = sy.running.current().pids
    assert len({os.getpid(), pids["julie"], pids["toby"]}) == 3


def test_two_clients_get_their_own_answers_and_an_error_runs_nothing_twice(sy, julie):
    other = fp.connect(sy.running.current()._running.info.address)
    try:
        p = three().send(julie)
        q = fp.send([10.0, 20.0], other["julie"])
        with pytest.raises(RuntimeError):
            p.add_(torch.ones(2).send(julie))
        p.add_(1)
        assert same(p.get(), three() + 1)
        assert (q + 1).get().tolist() == [11.0, 21.0]
        del q
        other.sync()
    finally:
        other.close()


# ---------------------------------------------------------------- 2: aliases


@pytest.mark.parametrize(
    "call",
    [
        lambda p: p.contiguous(),
        lambda p: p.float(),
        lambda p: p.to(torch.float32),
        lambda p: p.cpu(),
        lambda p: F.relu(p, inplace=True),
        lambda p: p.view(3),
    ],
)
def test_what_returns_its_own_operand_gives_it_a_second_name(call, julie):
    p = three().send(julie)
    q = call(p)
    assert p.id_at_location != q.id_at_location
    q.mul_(2)
    assert same(p.get(), three() * 2)
    assert same(q.get(), three() * 2)


def test_out_is_the_operand_itself(julie):
    p = three().send(julie)
    assert torch.add(p, p, out=p) is p
    assert torch.relu_(p) is p
    assert same(p.get(), three() * 2)


# ---------------------------------------------------------------- 3: every owner counts


def test_a_tensor_that_is_sent_twice(julie):
    x = three()
    first, second = x.send(julie), x.send(julie)
    assert first.id_at_location == second.id_at_location
    del first
    assert same(second.get(), x)


def test_a_pointer_that_is_sent_to_two_workers(julie, toby, alice):
    p = three().send(julie)
    q, r = p.clone().send(toby), p.send(alice)
    del q
    assert same(r.get().get(), three())


def test_an_unwrapped_chain_and_a_search_result_own(julie, toby):
    q = three().tag("#x").send(julie).send(toby)
    (found,) = julie.search("#x")
    p = q.get()
    del p
    assert same(found.get(), three())


# ---------------------------------------------------------------- 4: in circles


def test_circles_lose_nothing(sy, julie, toby):
    p = three().send(julie)
    circle = p.send(toby).send(julie)
    assert same((circle * 2).get().get().get(), three() * 2)
    del circle
    q = three().send(julie).send(toby)
    q.move(julie)
    assert same(q.get().get(), three())
    x = three()
    assert x.send(sy.local_worker) is x


# ---------------------------------------------------------------- 5: who is where


def test_far_ends_are_compared(sy, julie, toby, alice):
    p = three().send(julie).send(alice)
    q = three().send(toby).send(alice)
    with pytest.raises(sy.exceptions.TensorsNotCollocatedException, match=r"julie.*toby"):
        p + q


# ---------------------------------------------------------------- 6: the data, or an error


def test_what_is_asked_is_about_the_data(julie, toby):
    x = torch.zeros(2, 3, dtype=torch.float64, requires_grad=True)
    p = x.send(julie).send(toby)
    assert (p.size(), p.size(1), p.dtype, p.ndim) == (x.size(), 3, torch.float64, 2)
    assert (p.device, p.requires_grad, p.is_leaf, p.layout) == (x.device, True, True, torch.strided)
    assert (p.stride(), p.is_contiguous(), p.element_size(), p.nbytes) == ((3, 1), True, 8, 48)
    assert (p.is_floating_point(), p.is_complex(), p.is_cuda, p.is_sparse) == (True, False, False, False)
    assert p.T.shape == (3, 2)
    assert (p != p).any().get().get().item() is False


UNLIKE = {"__class__", "__dict__", "__weakref__", "__doc__", "__module__", "__new__", "__init__", "__init_subclass__"}


def test_nothing_is_computed_on_what_a_pointer_is_made_of(sy, julie):
    """Every member of torch.Tensor, called or read on a pointer without arguments, gives no local tensor."""
    here = torch.ones(2, 2).send(julie)
    in_place = torch.ones(2, 2)
    in_place.send_(julie)
    ours = set(vars(sy.PointerTensor))
    checked = 0
    for p in (here, in_place):
        for name in sorted(set(dir(torch.Tensor)) - UNLIKE - ours):
            if name.startswith("_") and not name.startswith("__"):
                continue
            try:
                member = inspect.getattr_static(torch.Tensor, name)
                found = getattr(p, name)
                if callable(found) and not isinstance(member, classmethod | staticmethod):
                    found = found()
            except Exception:
                checked += 1
                continue
            checked += 1
            local = isinstance(found, torch.Tensor) and not isinstance(found, sy.PointerTensor)
            assert not local, f"{name} gave {found!r}"
    assert checked > 900
    del found, member, p


def both_ways(julie):
    """A pointer that ``send`` gave, and a tensor that became one."""
    turned = torch.ones(2, 2)
    turned.send_(julie)
    return torch.ones(2, 2).send(julie), turned


def local_tensors(sy, found, depth=0):
    if isinstance(found, torch.Tensor):
        return [] if isinstance(found, sy.PointerTensor) else [found]
    parts = found.values() if isinstance(found, dict) else found if isinstance(found, list | tuple | set) else ()
    return [tensor for part in parts if depth < 4 for tensor in local_tensors(sy, part, depth + 1)]


@pytest.mark.filterwarnings("ignore")
def test_what_torch_lets_nobody_override_gives_nothing_local(sy, julie):
    """Constructors and their like, which never ask what they are called with."""
    makers = [torch.Tensor, torch.FloatTensor, torch.nn.Parameter, torch.from_dlpack]
    makers += [f for f in get_ignored_functions() if getattr(f, "__name__", "") in MAKERS]
    assert {torch.tensor, torch.as_tensor, torch.asarray, torch.from_numpy} <= set(makers)
    called = 0
    for function in makers:
        for p in both_ways(julie):
            for args in ((p,), ([p, p],), ((2,), p)):
                called, found = called + 1, None
                with contextlib.suppress(Exception):
                    found = function(*args)
                assert not local_tensors(sy, found), (function, args)
    assert called > 50
    p = found = args = None


MAKERS = """
    arange as_tensor asarray empty eye from_numpy frombuffer full linspace logspace normal ones range scalar_tensor
    sparse_coo_tensor tensor tril_indices triu_indices zeros
    """.split()


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_every_function_that_can_be_overridden_gives_nothing_local(sy, julie):
    """Each with pointers for its arguments, and with a pointer and numbers: a pointer comes, or an error."""
    came = 0
    for function, override in get_testing_overrides().items():
        try:
            spec = inspect.getfullargspec(override)
        except TypeError:
            continue
        needed = max(1, len(spec.args) - len(spec.defaults or ()))
        for p in both_ways(julie):
            for others in (p, 1):
                try:
                    found = function(p, *[others] * (needed - 1))
                except Exception:
                    continue
                came += 1
                assert not local_tensors(sy, found), (resolve_name(function), found)
    assert came > 2500
    p = others = found = None


@pytest.mark.filterwarnings("ignore:To copy construct")
def test_what_torch_lets_nobody_override_raises(sy, julie):
    p = three().send(julie)
    for refused in both_ways(julie):
        for constructor in (torch.tensor, torch.Tensor, torch.FloatTensor):
            with pytest.raises(sy.exceptions.ImplicitFetch):
                constructor(refused)
    refused = None
    with pytest.raises(fp.UnsupportedValue):
        p.register_hook(print)
    with pytest.raises(fp.UnsupportedOperation):
        p.name  # noqa: B018
    with pytest.raises(fp.UnsupportedValue):
        p.normal_(generator=torch.Generator())


def test_numpys_arrays_are_local_too(sy, julie):
    import numpy as np

    p = three().send(julie)
    for mixed in (lambda: p + np.ones(3), lambda: np.ones(3) + p):
        with pytest.raises(sy.exceptions.PureFrameworkTensorFoundError):
            mixed()
    with pytest.raises(sy.exceptions.ImplicitFetch):
        np.asarray(p)


# ---------------------------------------------------------------- 7: arity


def test_arity_comes_from_the_call(julie):
    x = torch.arange(6.0).reshape(2, 3)
    p = x.send(julie)
    assert same(p.max().get(), x.max())
    values, places = p.max(dim=0)
    assert same(values.get(), x.max(dim=0).values)
    assert same(places.get(), x.max(dim=0).indices)
    assert same(p.max(p).get(), x)
    for size in (1, 2, 5):
        assert [same(a.get(), b) for a, b in zip(p.split(size, dim=1), x.split(size, dim=1), strict=True)]
    assert len(p.chunk(2)) == len(p.unbind()) == 2
    assert same(p[p > 2].get(), x[x > 2])
    assert len(p.nonzero(as_tuple=True)) == 2
    assert [row.shape for row in p] == [(3,), (3,)]


# ---------------------------------------------------------------- 8: remote exceptions


def test_a_remote_exception_says_where_and_how(julie, toby):
    p = three().send(julie).send(toby)
    with pytest.raises(RuntimeError, match="size of tensor a") as caught:
        p + torch.ones(2).send(julie).send(toby)
    assert isinstance(caught.value, fp.RemoteError)
    assert "on julie, hop 1" in str(caught.value)
    assert "remote traceback (julie)" in caught.value.__notes__[0]
    assert same((p + 1).get().get(), three() + 1)


# ---------------------------------------------------------------- 9: loss


@pytest.fixture
def another_run(sy, monkeypatch):
    """A run for one test: after a loss ids are drawn anew, which others would notice."""
    monkeypatch.setattr(sy.running, "_run", None)
    yield
    sy.running.close()


def test_a_workers_death_has_a_name_and_the_others_go_on(sy, hook, another_run):
    carol, julie = sy.VirtualWorker(hook, id="carol"), sy.VirtualWorker(hook, id="julie")
    p, q = three().send(carol), three().send(julie)
    sy.running.current().kill("carol")
    with pytest.raises(fp.WorkerLost, match="carol"):
        p.get()
    assert same((q + 1).get(), three() + 1)
    again = sy.VirtualWorker(hook, id="carol")
    assert same(three().send(again).get(), three())


def test_a_worker_that_does_not_answer_is_an_error_in_bounded_time_and_others_work_meanwhile(sy, julie, toby):
    p, q = three().send(julie), three().send(toby)
    pid = sy.running.current().pids["julie"]
    os.kill(pid, signal.SIGSTOP)
    try:
        with pytest.raises(fp.DeadlineExceeded):
            p.get_copy(timeout=0.6)
        with ThreadPoolExecutor(1) as other:
            late = other.submit(p.get_copy, timeout=None)
            until(lambda: sy.running.current()._session.core.answers._waiting)
            assert same(q.get_copy(), three())
            assert not late.done()
            os.kill(pid, signal.SIGCONT)
            assert same(late.result(10), three())
    finally:
        os.kill(pid, signal.SIGCONT)


# ---------------------------------------------------------------- data of the workers' own


def test_data_of_a_workers_own_is_used_by_torch_and_does_not_leave_without_leave(sy, hook, another_run, tmp_path):
    import numpy as np

    np.savez(tmp_path / "shard.npz", x=[[1.0, 2.0], [3.0, 4.0]], y=[0, 1])
    sy.use(fp.up({"julie": tmp_path / "shard.npz"}, "toby", sync=True, allow="me:names+use"))
    julie, toby = sy.VirtualWorker(hook, id="julie"), sy.VirtualWorker(hook, id="toby")
    x, y = julie["x"], julie["y"]
    assert (x.shape, x.dtype, y.dtype) == ((2, 2), torch.float64, torch.int64)
    model = torch.nn.Linear(2, 2).double().send(julie)
    F.cross_entropy(model(x), y).backward()
    assert model.get().weight.grad.shape == (2, 2)
    assert same((x @ x).sum().get(), torch.tensor(54.0, dtype=torch.float64))
    with pytest.raises(sy.exceptions.GetNotPermittedError):
        x.get()
    with pytest.raises(sy.exceptions.SendNotPermittedError):
        x.move(toby).get()


def test_data_of_a_workers_own_comes_as_a_tensor_where_it_may(sy, hook, another_run, tmp_path):
    import numpy as np

    np.save(tmp_path / "shard.npy", np.arange(3))
    sy.use(fp.up({"julie": tmp_path / "shard.npy"}, sync=True))
    assert same(sy.VirtualWorker(hook, id="julie")["shard"].get_copy(), torch.arange(3))


# ---------------------------------------------------------------- 10: handles


def test_handles(sy, julie):
    p = three().send(julie)
    assert same(p.get_copy(), three())
    for refused in (pickle.dumps, copy.copy, copy.deepcopy, lambda v: torch.save(v, io.BytesIO())):
        with pytest.raises(fp.NotSerializable, match="clone"):
            refused(p)
    assert "me" in repr(sy.running.current().why(p.id_at_location))
    p.free()
    assert julie._objects == {}
    with three().send(julie) as q:
        assert julie.objects_count() == 1
        assert q.gc
    assert julie._objects == {}


# ---------------------------------------------------------------- dtypes


DTYPES = [
    torch.bool, torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64, torch.float16, torch.bfloat16,
    torch.float32, torch.float64, torch.complex64, torch.complex128,
]  # fmt: skip


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_every_dtype_goes_and_comes_bit_by_bit(dtype, julie, toby):
    torch.manual_seed(0)
    x = (torch.randn(3, 4) * 100).to(dtype)
    for shaped in (x, x[0, 0], x[:0], x.T, x[:, ::2]):
        p = shaped.send(julie)
        assert same(p.move(toby).get(), shaped)
    big = (torch.randn(300, 700) * 100).to(dtype)
    assert same(big.send(julie).get(), big)
    assert same(x.conj().send(julie).get(), x.conj())


@pytest.mark.filterwarnings("ignore:torch.quantize_per_tensor", "ignore:The PyTorch API of nested tensors")
def test_what_has_no_plain_bytes_is_refused(julie):
    nested = torch.nested.nested_tensor([torch.ones(2), torch.ones(3)])
    quantized = torch.quantize_per_tensor(torch.ones(2), 0.1, 0, torch.qint8)
    for value in (torch.eye(2).to_sparse(), quantized, nested, torch.ones(2, device="meta")):
        with pytest.raises(fp.UnsupportedValue):
            value.send(julie)
    p = torch.eye(2).send(julie).to_sparse()
    with pytest.raises(fp.UnsupportedValue, match="to_dense"):
        p.get()
    assert same(p.to_dense().get(), torch.eye(2))
