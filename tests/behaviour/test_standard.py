"""Pointers as arrays of the Array API standard: devices, where arrays are made, and what moves."""

import weakref

import numpy as np
import pytest
import scipy.special

import farptr as fp
from farptr.client import opened
from farptr.xp.devices import run_of
from tests.array_api import needs_numpy
from tests.behaviour.far import sent

pytestmark = needs_numpy


def moved(sim, what):
    """Bytes of array data that went that way so far."""
    return sum(row.value_bytes for row in sim.traffic() if row.what == what)


def bytes_moved(sim):
    return sum(row.value_bytes for row in sim.traffic())


@pytest.fixture(params=[1, 2, 3], ids=["one hop", "two hops", "three hops"])
def floats(request, cluster):
    """Makes pointers to floats on julie, at one, two and three hops."""
    workers = list(cluster("julie", "toby", "carol"))
    return lambda: sent(np.array([[1.0, 2.0], [3.0, 4.0]]), workers[: request.param])


# ---------------------------------------------------------------- devices


def test_the_device_is_the_far_ends_worker(floats):
    x = floats()
    assert x.device.name == "julie"
    julie = x.device
    assert julie == fp.Worker(x._session, julie.number)
    assert hash(julie) == hash(fp.Worker(x._session, julie.number))


def test_what_a_namespace_makes_lies_beside_its_pointer(floats):
    x = floats()
    xp = x.__array_namespace__()
    total = x + xp.ones((2, 2)) + xp.asarray([1.0, 2.0]) + xp.arange(2) + xp.zeros_like(x)
    assert total.device == x.device
    assert total.get(all=True).tolist() == [[3.0, 6.0], [5.0, 8.0]]


def test_functions_run_where_the_data_is(floats):
    x = floats()
    xp = x.__array_namespace__(api_version="2024.12")
    assert xp.sum(x, axis=0).get(all=True).tolist() == [4.0, 6.0]
    assert xp.linalg.matrix_norm(x, ord=1).get(all=True) == 6.0
    values, counts = xp.unique_counts(xp.asarray([3, 1, 3]))
    assert (values.get(all=True).tolist(), counts.get(all=True).tolist()) == ([1, 3], [1, 2])
    q, r = xp.linalg.qr(x)
    np.testing.assert_allclose(xp.matmul(q, r).get(all=True), [[1.0, 2.0], [3.0, 4.0]])
    assert [row.get(all=True).tolist() for row in xp.unstack(x)] == [[1.0, 2.0], [3.0, 4.0]]
    assert len(xp.nonzero(x)) == 2
    assert type(xp.meshgrid(xp.arange(2), xp.arange(3))) is list


def test_to_device_copies_from_worker_to_worker(cluster):
    sim = cluster("julie", "toby", "carol")
    julie, toby, carol = sim
    for hops in (1, 2, 3):
        x = sent(np.arange(6.0), [julie, toby, carol][:hops])
        fetched, pushed = moved(sim, "fetched"), moved(sim, "pushed")
        y = x.to_device("carol")
        assert y.device == y.location == carol
        assert (moved(sim, "fetched") - fetched, moved(sim, "pushed") - pushed) == (0, 48)
        y += 1
        assert y.get().tolist() == [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]
        assert x.get_copy(all=True).tolist() == [0.0, 1.0, 2.0, 3.0, 4.0, 5.0]


def test_to_the_same_device_is_itself(floats):
    x = floats()
    assert x.to_device(x.device) is x
    assert x.to_device("julie") is x
    assert x.to_device(fp.Worker(x._session, x.device.number)) is x


def test_to_the_device_of_a_chain_goes_by_its_way(cluster):
    julie, toby = cluster("julie", "toby")
    chain = sent([1.0], [julie, toby])
    y = sent([2.0], [toby]).to_device(chain.device)
    assert (y + chain).get().get().tolist() == [3.0]


def test_the_device_of_what_others_made_is_asked_for(cluster):
    sim = cluster("julie", "toby")
    julie, toby = sim
    kept = sent([1.0, 2.0], [julie, toby]).publish("w0")
    other = cluster.another(sim)
    found = other["toby"]["w0"]
    assert found.device == other["julie"]
    copy = found.to_device("toby")
    assert copy.get().tolist() == [1.0, 2.0]
    del copy, found, toby["w0"]
    other.sync()
    assert kept.device == julie


def test_devices_that_there_are_not(cluster):
    sim = cluster("julie", "toby")
    julie, _ = sim
    x = fp.tensor([1.0]).send(julie)
    xp = x.__array_namespace__()
    with pytest.raises(fp.UnknownWorker, match="did you mean"):
        x.to_device("julia")
    with pytest.raises(fp.UnknownWorker):
        xp.zeros(3, device="nobody")
    with pytest.raises(fp.UsageError, match="3 is no device"):
        xp.asarray([1], device=3)
    with pytest.raises(fp.UsageError, match="no streams"):
        x.to_device("toby", stream=1)


def test_a_pointer_that_is_used_up_has_no_device(cluster):
    (julie,) = cluster("julie")
    x = fp.tensor([1.0]).send(julie)
    x.get()
    for use in (lambda: x.device, lambda: x.to_device("julie"), x.__array_namespace__):
        with pytest.raises(fp.PointerSpent):
            use()


def test_devices_of_another_run(processes):
    sim, other = processes("julie", own=True), processes("julie", own=True)
    x = fp.tensor([1.0]).send(sim[0])
    with pytest.raises(fp.UsageError, match="another run"):
        x.to_device(other[0])


def test_a_worker_that_is_gone_is_no_device(processes):
    sim = processes("julie", "toby", own=True)
    x = fp.tensor([1.0]).send(sim["julie"])
    xp = x.__array_namespace__()
    sim.kill("toby")
    assert xp.__array_namespace_info__().devices() == [sim["julie"]]
    with pytest.raises(fp.UnknownWorker):
        x.to_device("toby")


# ---------------------------------------------------------------- what moves


def test_arrays_are_made_where_they_are_wanted(cluster):
    sim = cluster("julie", "toby")
    julie, toby = sim
    xp = fp.tensor([1.0]).send(julie).__array_namespace__()
    before = moved(sim, "sent")
    made = [xp.zeros((100, 100)), xp.arange(50, device="toby"), xp.eye(9, device=toby), xp.linspace(0, 1, 500)]
    assert [p.device.name for p in made] == ["julie", "toby", "toby", "julie"]
    assert moved(sim, "sent") == before
    full = xp.full((100,), 2.5)
    assert moved(sim, "sent") == before + 8
    assert full.get_copy().sum() == 250.0
    assert xp.zeros_like(full, device="toby").device == toby
    assert xp.full_like(made[1], 7, device="julie").get().tolist() == [7] * 50


def test_conversions_fetch_one_element(cluster):
    sim = cluster("julie")
    (julie,) = sim
    xp = fp.tensor([1.0]).send(julie).__array_namespace__()
    before = moved(sim, "fetched")
    one = xp.asarray(3)
    assert (bool(one), int(one), float(one), complex(one), [0, 1, 2, 3][one]) == (True, 3, 3.0, 3 + 0j, 3)
    assert moved(sim, "fetched") == before + 5 * 8


def test_asking_for_devices_and_namespaces_moves_nothing(floats):
    x = floats()
    sim = run_of(x._session)
    before = bytes_moved(sim)
    xp = x.__array_namespace__()
    info = xp.__array_namespace_info__()
    assert [d.name for d in info.devices()] == ["julie", "toby", "carol"]
    assert info.default_device() == x.device
    assert info.default_device() in info.devices()
    assert info.capabilities()["boolean indexing"]
    assert repr(xp) == "<farptr.xp, where nothing else is said on julie>"
    assert xp.result_type(x, xp.float32) == np.float64
    assert bytes_moved(sim) == before


def test_whole_arrays_are_not_handed_out(cluster):
    (julie,) = cluster("julie")
    x = fp.tensor([1.0]).send(julie)
    with pytest.raises(fp.ImplicitFetch):
        np.from_dlpack(x)
    assert x.__dlpack_device__() == (1, 0)
    xp = x.__array_namespace__()
    assert xp.from_dlpack(x) is x
    assert xp.from_dlpack(np.array([2.0])).get().tolist() == [2.0]


# ---------------------------------------------------------------- asarray, astype


def test_asarray_of_a_pointer(floats):
    x = floats()
    xp = x.__array_namespace__()
    assert xp.asarray(x) is x
    copy = xp.asarray(x, copy=True)
    copy[0, 0] = 9.0
    assert x[0, 0].get(all=True) == 1.0
    whole = xp.asarray(x, dtype=xp.int32, device="toby")
    assert (whole.dtype, whole.device.name) == (np.int32, "toby")
    assert xp.astype(x, xp.float32, device="carol").device.name == "carol"
    for wrong in ({"dtype": xp.int8}, {"device": "toby"}):
        with pytest.raises(ValueError, match="copy=False"):
            xp.asarray(x, copy=False, **wrong)
    with pytest.raises(ValueError, match="copy=False"):
        xp.asarray([1.0], copy=False)


def test_lists_of_pointers_are_put_together_where_they_are(floats):
    x = floats()
    xp = x.__array_namespace__()
    found = xp.asarray([[x[0, 0], x[1, 1]], [5.0, 6.0]])
    assert found.device == x.device
    assert found.get(all=True).tolist() == [[1.0, 4.0], [5.0, 6.0]]


# ---------------------------------------------------------------- errors


def test_errors_say_where(cluster):
    julie, toby = cluster("julie", "toby")
    x, y = fp.tensor([1.0]).send(julie), fp.tensor([1.0]).send(toby)
    xp = x.__array_namespace__()
    with pytest.raises(fp.NotCollocated, match=r"julie.*toby"):
        xp.add(x, y)
    with pytest.raises(fp.UsageError, match="no pointer among the arguments"):
        xp.add(1.0, 2.0)
    with pytest.raises(TypeError, match="axes"):
        xp.sum(x, axes=0)
    with pytest.raises(fp.UsageError, match=r"'2020\.01' of the Array API"):
        x.__array_namespace__(api_version="2020.01")
    with pytest.raises(ValueError, match=r"shapes.*xp:add on julie"):
        xp.add(xp.asarray([1, 2]), xp.asarray([1, 2, 3])).get()
    with pytest.raises(ValueError, match="nonzero is not defined"):
        xp.nonzero(xp.asarray(1.0))


def test_pointers_where_numbers_are_asked_for(cluster):
    julie, toby = cluster("julie", "toby")
    x = fp.tensor([1.0]).send(julie)
    several = fp.combine_pointers(x, fp.tensor([2.0]).send(toby))
    xp = x.__array_namespace__()
    for call in (lambda: xp.zeros(x), lambda: xp.full(3, x), lambda: xp.arange(0, stop=x)):
        with pytest.raises(fp.UsageError, match="takes plain numbers, not pointers"):
            call()
    for call in (lambda: xp.sum(several), lambda: xp.asarray(several), lambda: xp.concat([x, several])):
        with pytest.raises(fp.UnsupportedOperation, match="pointers to one place"):
            call()
    with pytest.raises(TypeError, match=r"linalg\.qr\(x, /, \*, mode='reduced'\): missing"):
        xp.linalg.qr()
    with pytest.raises(fp.UsageError, match="takes a pointer"):
        xp.zeros_like(np.ones(3))


def test_ufuncs_of_scipy_run_on_workers(cluster):
    sim = cluster("julie", "toby")
    julie, toby = sim
    erf, beta = scipy.special._ufuncs.erf, scipy.special._ufuncs.beta
    x = sent([0.25, 0.5], [julie, toby])
    before = moved(sim, "fetched")
    found = erf(x)
    assert moved(sim, "fetched") == before
    np.testing.assert_array_equal(found.get(all=True), erf([0.25, 0.5]))
    several = fp.combine_pointers(fp.tensor([0.5]).send(julie), fp.tensor([0.25]).send(toby))
    assert [v.tolist() for v in erf(several).get()] == [[erf(0.5)], [erf(0.25)]]
    with pytest.raises(fp.UnsupportedOperation, match="beta is not one"):
        beta(x, x)
    with pytest.raises(fp.UnsupportedOperation, match="erf is not one"):
        erf(x, where=[True, False])


def test_namespaces_are_equal_where_what_they_make_lies_together(cluster):
    julie, toby = cluster("julie", "toby")
    x, y, z = sent([1.0], [julie]), sent([1.0], [toby]), sent([1.0], [julie, toby])
    assert x.__array_namespace__() == (x + 1).__array_namespace__()
    assert len({p.__array_namespace__() for p in (x, x + 1, y, z)}) == 3


# ---------------------------------------------------------------- fp.xp


def test_the_module_makes_arrays_in_the_run_opened_last(processes, monkeypatch):
    monkeypatch.setattr(opened, "runs", weakref.WeakValueDictionary())
    with pytest.raises(fp.NoRun, match="no run is open"):
        fp.xp.zeros(3)
    first, last = processes("julie", "toby", own=True), processes("julie", "carol", own=True)
    assert fp.xp.zeros(3).device == last["julie"]
    assert fp.xp.asarray([1.0, 2.0], device="carol").device == last["carol"]
    with pytest.raises(fp.UnknownWorker):
        fp.xp.zeros(3, device="toby")
    assert fp.xp.zeros(3, device=first["toby"]).get().tolist() == [0.0, 0.0, 0.0]
    x = fp.tensor([1.0, 3.0]).send(first["toby"])
    assert fp.xp.mean(x).device == first["toby"]
    assert float(fp.xp.mean(x)) == 2.0
    last.close()
    assert fp.xp.zeros(3).device == first["julie"]


def test_a_namespace_of_a_run_that_is_over(processes):
    sim = processes("julie", own=True)
    xp = fp.tensor([1.0]).send(sim[0]).__array_namespace__()
    sim.close()
    with pytest.raises(fp.SessionClosed):
        xp.zeros(3)
