"""What torch's operations cost under a virtual clock (docs/clocks.md), on real processes."""

from __future__ import annotations

import pytest

import farptr as fp

torch = pytest.importorskip("torch", reason="torch is not installed (pip install torch)")


@pytest.fixture
def spent(face, monkeypatch):
    """``spent(costs, work)``: the virtual time that the work takes on a worker of a run with those costs."""
    sy, hook, _ = face

    def measured(costs, work):
        with fp.up("carol", clock="virtual", costs=costs, functions=True, preload=sy.running.PRELOADED) as sim:
            monkeypatch.setattr(sy.running, "_run", sim)
            carol = sy.VirtualWorker(hook, id="carol")
            x = torch.ones(10, 10).send(carol)
            w = torch.ones(10, 10).requires_grad_().send(carol)
            sim.sync()
            began_s = sim.now
            kept = work(x, w)
            sim.sync()
            del kept
            return sim.now - began_s

    return measured


def test_a_table_holds_by_the_names_that_torch_has(spent):
    costs = {"matmul": "10 s", "add": "1 s", "sum": "100 s"}
    assert spent(costs, lambda x, w: ((x @ x) + x).sum()) == pytest.approx(111.0)
    assert spent(costs, lambda x, w: torch.add(torch.matmul(x, x), x).add_(x)) == pytest.approx(12.0)


def test_at_a_speed_torch_counts_its_operations_and_gradients(spent):
    product = 2 * 10 * 10 * 10
    assert spent("1 kFLOP/s", lambda x, w: x @ x + x) == pytest.approx((product + 100) / 1e3)
    forward = spent("1 kFLOP/s", lambda x, w: (x @ w).sum())
    both = spent("1 kFLOP/s", lambda x, w: (x @ w).sum().backward())
    assert forward == pytest.approx((product + 100) / 1e3)
    assert forward + product / 1e3 <= both <= forward + 1.5 * product / 1e3


def test_far_tensors_send_kernels_which_cost_the_same(spent):
    def loop(x, w):
        from farptr import syft as sy

        far = sy.far(torch.ones(10, 10), sy.VirtualWorker(None, id="carol"))
        return far @ far + far

    assert spent("1 kFLOP/s", loop) == pytest.approx(2.1)
    assert spent({"mm": "1 s"}, loop) == pytest.approx(1.0)


def test_at_a_speed_kernels_within_a_function_are_counted(spent):
    product = 2 * 10 * 10 * 10

    def trained(x, w):
        (x @ w).sum().backward()
        return x @ x

    found = spent("1 kFLOP/s", lambda x, w: x.apply(trained, w))
    assert 3 * product / 1e3 <= found <= 3.5 * product / 1e3
