"""PySyft 0.2.9's behaviour, row by row of what a user of it must find unchanged ("Same"), on real processes."""

from __future__ import annotations

import re

import pytest

torch = pytest.importorskip("torch", reason="torch is not installed (pip install torch)")

import torch.nn.functional as F  # noqa: E402

ID = re.compile(r"^\d{11}$")


def same(value, other):
    """Equal in dtype, shape and bits."""
    return value.dtype == other.dtype and torch.equal(value, other)


def three(**kwargs):
    return torch.tensor([1.0, 2.0, 3.0], **kwargs)


# ---------------------------------------------------------------- ids


def test_ids_have_eleven_digits_and_a_tensor_keeps_its_own(julie):
    x = three()
    p = x.send(julie)
    assert ID.match(str(x.id))
    assert ID.match(str(p.id))
    assert p.id != p.id_at_location == x.id
    assert list(julie._objects) == [x.id]
    assert p.get().id == x.id


def test_a_pointer_is_stored_under_its_own_id_and_me_gets_a_fresh_one(julie, toby):
    p = three().send(julie)
    q = p.send(toby)
    assert q.id_at_location == p.id
    assert q.id not in (p.id, p.id_at_location)
    assert list(toby._objects) == [p.id]
    assert q.get().id == p.id


def test_move_keeps_the_objects_id(julie, toby):
    p = three().send(julie)
    id = p.id_at_location
    p.move(toby)
    assert list(toby._objects) == [id] == [p.id_at_location]


def test_the_result_pointer_stands_under_the_id_that_the_hop_before_chose(julie, toby):
    q = three().send(julie).send(toby)
    r = q + q
    assert list(toby._objects)[1] == r.id_at_location
    back = r.get()
    assert list(julie._objects)[1] == back.id_at_location


# ---------------------------------------------------------------- reprs


def test_reprs(julie, toby):
    p = three().send(julie)
    assert repr(p) == f"(Wrapper)>[PointerTensor | me:{p.id} -> julie:{p.id_at_location}]" == str(p) == f"{p}"
    q = p.send(toby)
    assert repr(toby._objects[p.id]) == f"(Wrapper)>[PointerTensor | toby:{p.id} -> julie:{p.id_at_location}]"
    assert repr(julie) == "<VirtualWorker id:julie #objects:1>"
    assert repr(q) == f"(Wrapper)>[PointerTensor | me:{q.id} -> toby:{p.id}]"


def test_the_repr_of_a_pointer_to_an_attribute(julie):
    p = three(requires_grad=True).send(julie)
    p.sum().backward()
    assert repr(p.grad).endswith(f" -> julie:{p.id_at_location}::grad]")
    assert repr(p.data).endswith(f" -> julie:{p.id_at_location}::data]")


def test_objects_is_a_dict_in_the_order_of_the_program_and_right_on_the_next_line(julie):
    assert type(julie._objects) is dict
    p = three().send(julie)
    q = p + 1
    assert list(julie._objects) == [p.id_at_location, q.id_at_location]
    shown = f"{{{p.id_at_location}: tensor([1., 2., 3.]), {q.id_at_location}: tensor([2., 3., 4.])}}"
    assert repr(julie._objects) == shown
    id = q.id_at_location
    del p
    assert list(julie._objects) == [id]
    del q
    assert julie._objects == {}


def test_the_repr_of_several_and_of_tags(julie, toby):
    mp = three().send(julie, toby)
    lines = repr(mp).split("\n\t-> ")
    assert lines[0] == "(Wrapper)>[MultiPointerTensor]"
    assert [re.sub(r"\d{11}", "#", line) for line in lines[1:]] == [
        "[PointerTensor | me:# -> julie:#]",
        "[PointerTensor | me:# -> toby:#]",
    ]
    p = torch.tensor([1, 2]).tag("#a", "#b").describe("first words\nand more").send(julie)
    assert repr(p).endswith("]\n\tTags: #a #b \n\tShape: torch.Size([2])\n\tDescription: first words...")


# ---------------------------------------------------------------- places


def test_send_leaves_the_local_tensor_usable(julie):
    x = three()
    p = x.send(julie)
    assert same(x + 1, torch.tensor([2.0, 3.0, 4.0]))
    assert same(p.get(), x)


def test_a_pointer_that_was_sent_does_not_own_any_more(julie, toby):
    p = three().send(julie)
    q = p.send(toby)
    assert (p.gc, q.gc) == (False, True)
    del p
    assert julie.objects_count() == 1
    del q
    assert (julie.objects_count(), toby.objects_count()) == (0, 0)


def test_get_brings_the_object_and_a_second_get_is_an_attribute_error(julie):
    p = three().send(julie)
    assert same(p.get(), three())
    assert julie._objects == {}
    with pytest.raises(AttributeError):
        p.get()


def test_get_leaves_what_another_handle_owns(julie):
    p = three().send(julie)
    other = p.clone()
    p.get()
    assert julie.objects_count() == 1
    assert same(other.get(), three())


def test_get_of_a_chain_peels_its_outermost_hop_only(sy, julie, toby):
    q = three().send(julie).send(toby)
    p = q.get()
    assert isinstance(p, sy.PointerTensor)
    assert p.location == julie
    assert (julie.objects_count(), toby.objects_count()) == (1, 0)
    assert same(p.get(), three())


def test_in_place_the_same_python_object_changes(sy, julie, toby):
    x = three()
    first = id(x)
    x.send_(julie)
    assert isinstance(x, sy.PointerTensor)
    assert x.location == julie
    x.move_(toby)
    assert (julie.objects_count(), toby.objects_count()) == (0, 1)
    x.send_(julie)
    x.get_()
    assert x.location == toby
    x.get_()
    assert id(x) == first
    assert type(x) is torch.Tensor
    assert same(x, three())
    p = three(requires_grad=True).send(julie)
    p.get_()
    assert type(p) is torch.Tensor
    assert p.requires_grad
    assert same(p.detach(), three())


@pytest.mark.filterwarnings("ignore:To copy construct")
def test_a_tensor_that_was_away_keeps_its_hooks_and_its_place_in_a_graph(julie):
    x = three(requires_grad=True)
    seen = []
    x.register_hook(lambda gradient: seen.append(gradient.tolist()))
    y = (x * 2).sum()
    x.send_(julie)
    x.get_()
    y.backward()
    assert seen == [[2.0, 2.0, 2.0]]
    assert x.grad.tolist() == [2.0, 2.0, 2.0]
    assert torch.tensor(x).tolist() == x.tolist() == [1.0, 2.0, 3.0]


def test_an_operation_on_a_chain_runs_at_its_end(julie, toby, alice):
    c = three().send(julie).send(toby).send(alice)
    r = c * 2
    assert [w.objects_count() for w in (julie, toby, alice)] == [2, 2, 2]
    assert same(r.get().get().get(), torch.tensor([2.0, 4.0, 6.0]))
    assert [w.objects_count() for w in (julie, toby, alice)] == [1, 1, 1]


def test_an_operation_in_place_returns_the_same_handle_and_makes_nothing(julie, toby):
    c = p = three().send(julie).send(toby)
    assert p.add_(p) is p
    p += 1
    p[0] = 9
    assert p is c
    assert (julie.objects_count(), toby.objects_count()) == (1, 1)
    assert same(p.get().get(), torch.tensor([9.0, 5.0, 7.0]))


def test_the_last_handle_takes_the_whole_chain_along(julie, toby, alice):
    c = three().send(julie).send(toby).send(alice)
    del c
    assert [w._objects for w in (julie, toby, alice)] == [{}, {}, {}]


def test_an_old_handle_deletes_nothing(julie, toby):
    p = three().send(julie)
    q = p.send(toby)
    p = None
    assert same(q.get().get(), three())


def test_move_acts_on_the_first_hop_and_retargets_the_pointer(hook, julie, toby, alice):
    p = three().send(julie)
    assert p.move(toby) is p
    assert p.location == toby
    c = p.send(alice)
    c.move(julie)
    assert c.location == julie
    assert (julie.objects_count(), toby.objects_count(), alice.objects_count()) == (1, 1, 0)
    inner = c.move(hook.local_worker)
    assert inner.move(toby) is inner
    assert same(inner.move(hook.local_worker), three())


def test_move_goes_from_worker_to_worker(sy, julie, toby):
    x = torch.arange(1000)
    p = x.send(julie)
    run = sy.running.current()
    before = {(row.source, row.destination): row.value_bytes for row in run.traffic()}
    p.move(toby)
    after = {(row.source, row.destination): row.value_bytes for row in run.traffic()}
    assert after["julie", "toby"] - before.get(("julie", "toby"), 0) == x.nbytes
    assert all(after[way] == before.get(way, 0) for way in after if "me" in way)
    del p


def test_remote_get_makes_a_chain_shorter(sy, julie, toby):
    q = three().send(julie).send(toby)
    assert q.remote_get() is q
    assert (julie.objects_count(), toby.objects_count()) == (0, 1)
    with pytest.raises(sy.exceptions.InvalidTensorForRemoteGet):
        q.remote_get()
    assert same(q.get(), three())


def test_copy_has_a_life_of_its_own_and_clone_has_not(julie):
    p = three().send(julie)
    assert same(p.copy().get(), three())
    assert julie.objects_count() == 1
    other = p.clone()
    assert other.id_at_location == p.id_at_location
    assert julie.objects_count() == 1
    p.add_(1)
    assert same(other.get_copy(), torch.tensor([2.0, 3.0, 4.0]))


# ---------------------------------------------------------------- what is asked


@pytest.mark.parametrize("hops", [1, 2, 3])
def test_shape_len_and_dim_are_the_datas(hops, julie, toby, alice):
    p = torch.zeros(2, 3)
    for worker in (julie, toby, alice)[:hops]:
        p = p.send(worker)
    assert (p.shape, len(p), p.dim()) == (torch.Size([2, 3]), 2, 2)
    assert isinstance(p.shape, torch.Size)


def test_values_that_are_given_at_once(julie, toby):
    p = three().send(julie).send(toby)
    assert float(p.sum()) == 6.0
    assert int(p.sum()) == 6
    assert "abcdefgh"[p.sum().long()] == "g"
    with pytest.raises(TypeError, match="integer"):
        range(p.sum())
    assert bool((p == p).all()) is True
    assert p.numel() == 3
    assert p.equal(p) is True
    assert p.equal(p + 1) is False
    assert torch.allclose(p, p + 1e-9) is True


def test_item_is_refused_and_advises_get(julie):
    p = torch.tensor(3.0).send(julie)
    for refused in (p.item, p.tolist, p.numpy):
        with pytest.raises(RuntimeError, match=r"\.get\(\)"):
            refused()


def test_functions_with_several_results_give_a_tuple_of_pointers(julie):
    x = torch.tensor([[3.0, 1.0], [2.0, 4.0]])
    p = x.send(julie)
    for call in (
        lambda t: t.sort(),
        lambda t: t.max(0),
        lambda t: t.max(dim=1),
        lambda t: t.split(1),
        lambda t: torch.linalg.svd(t),
        lambda t: torch.unique(t, return_counts=True, return_inverse=True),
        lambda t: torch.where(t > 2),
    ):
        found = call(p)
        assert isinstance(found, tuple)
        assert all(same(a.get(), b) for a, b in zip(found, call(x), strict=True))
    assert same(p.max(0).values.get(), x.max(0).values)


# ---------------------------------------------------------------- gradients


def through(x, workers):
    for worker in workers:
        x = x.send(worker)
    return x


def unwrapped(p, hops):
    for _ in range(hops):
        p = p.get()
    return p


@pytest.mark.parametrize("hops", [1, 2, 3])
def test_backward_runs_where_the_graph_is_and_grad_comes_home(hops, julie, toby, alice):
    p = through(three(requires_grad=True), (julie, toby, alice)[:hops])
    assert p.grad is None
    (p * p).sum().backward()
    assert same(unwrapped(p.grad.clone(), hops), torch.tensor([2.0, 4.0, 6.0]))
    assert same(unwrapped(p.grad + 1, hops), torch.tensor([3.0, 5.0, 7.0]))
    assert same(unwrapped((p.data * 2), hops), torch.tensor([2.0, 4.0, 6.0]))
    home = unwrapped(p, hops)
    assert home.requires_grad
    assert same(home.grad, torch.tensor([2.0, 4.0, 6.0]))


@pytest.mark.parametrize("hops", [1, 2])
def test_what_is_computed_keeps_its_gradient_when_it_is_told_to(hops, julie, toby):
    x = three(requires_grad=True).send(julie)
    if hops == 2:
        x = x.send(toby)
    y = x * 2
    y.retain_grad()
    assert y.grad is None
    (y * y).sum().backward()
    there = y.grad.clone()
    for _ in range(hops):
        there = there.get()
    assert same(there, torch.tensor([4.0, 8.0, 12.0]))


def test_grad_and_data_can_be_set(julie):
    p = three(requires_grad=True).send(julie)
    p.grad = torch.ones(3).send(julie)
    p.grad.mul_(5)
    p.data = torch.zeros(3).send(julie)
    p.data.add_(2)
    home = p.get()
    assert same(home.grad, torch.full((3,), 5.0))
    assert same(home.detach(), torch.full((3,), 2.0))


def test_an_attribute_cannot_be_requested(sy, julie, toby):
    p = three(requires_grad=True).send(julie)
    p.sum().backward()
    for request in (lambda g: g.get(), lambda g: g.move(toby), lambda g: g.send(toby)):
        with pytest.raises(sy.exceptions.CannotRequestObjectAttribute):
            request(p.grad)


# ---------------------------------------------------------------- several workers


def test_several_workers(sy, julie, toby):
    mp = three().send(julie, toby)
    assert isinstance(mp, sy.MultiPointerTensor)
    assert [same(v, three() * 2) for v in (mp + mp).get()] == [True, True]
    assert same(mp.get(sum_results=True), three() * 2)
    p, q = three().send(julie), (three() + 1).send(toby)
    both = sy.combine_pointers(p, q)
    both.add_(1)
    assert same(both.get(sum_results=True), torch.tensor([5.0, 7.0, 9.0]))


# ---------------------------------------------------------------- finding


def test_search_gives_pointers_that_own(hook, julie):
    p = torch.tensor([1, 2]).tag("#a").describe("two numbers").send(julie)
    (found,) = julie.search("#a")
    (asked,) = hook.local_worker.request_search(["#a"], location=julie)
    del p
    assert same(found.get_copy(), torch.tensor([1, 2]))
    del found
    assert same(asked.get(), torch.tensor([1, 2]))


def test_tags_come_home(julie):
    x = torch.tensor([1]).tag("#a").describe("one").send(julie).get()
    assert (x.tags, x.description) == (("#a",), "one")


# ---------------------------------------------------------------- workers


def test_what_is_made_on_the_worker(julie):
    p = julie.remote.torch.zeros(2, 3, dtype=torch.int64)
    assert same(p.get(), torch.zeros(2, 3, dtype=torch.int64))
    a = julie.remote.torch.rand(4)
    assert same(julie.remote.torch.add(a, 1).get(), a.get() + 1)


def test_handles_that_do_not_own(julie):
    kept = three().send(julie, garbage_collect_data=False)
    assert kept.gc is False
    del kept
    p, q = three().send(julie), three().send(julie)
    p.gc = False
    q.disable_gc  # noqa: B018
    del p, q
    assert julie.objects_count() == 3
    assert julie.clear_objects() is julie
    assert julie._objects == {}


def test_the_same_id_is_the_same_worker(sy, hook, julie):
    again = sy.VirtualWorker(hook, id="julie")
    assert again is julie
    assert three().send(julie).location is julie
    assert hook.local_worker is sy.local_worker
    assert sy.local_worker.id == "me"


def test_what_old_programs_tell_their_workers(sy, hook, julie, toby):
    me = hook.local_worker
    me.is_client_worker = False
    assert julie.add_worker(toby) is julie
    assert julie.add_workers([toby, me]) is julie
    assert me.add_worker(julie) is me.clear_objects() is me
    assert (me.get_worker("toby"), julie.get_worker(toby), julie.get_worker("me")) == (toby, toby, me)
    assert (repr(me), me._objects, me.objects_count()) == ("<VirtualWorker id:me #objects:0>", {}, 0)
    with pytest.raises(sy.exceptions.WorkerNotFoundException):
        julie.get_worker("nobody")


def test_data_that_a_worker_is_made_with_stays(sy, hook, julie):
    sy.VirtualWorker(hook, id="julie", data=[three().tag("#kept")])
    (found,) = julie.search("#kept")
    assert same(found.get_copy(), three())
    del found
    assert julie.objects_count() == 1
    julie.clear_objects()


# ---------------------------------------------------------------- models


def model():
    torch.manual_seed(1)
    return torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.Tanh(), torch.nn.Linear(4, 1))


def test_a_model_goes_and_comes_with_the_same_parameters(sy, julie, toby):
    local, there = model(), model()
    parameters = list(there.parameters())
    assert there.send(julie) is there
    assert there.location == julie
    assert all(isinstance(p, sy.PointerTensor) and isinstance(p, torch.nn.Parameter) for p in there.parameters())
    x = torch.ones(2, 3)
    assert same(there(x.send(julie)).get().detach(), local(x).detach())
    there.move(toby)
    assert there.location == toby
    twin = there.copy()
    there.get()
    assert [id(p) for p in there.parameters()] == [id(p) for p in parameters]
    assert there.location is None
    twin.get()
    for ours, theirs in zip(there.parameters(), twin.parameters(), strict=True):
        assert ours is not theirs
        assert type(theirs) is torch.nn.Parameter
        assert same(ours.data, theirs.data)


@pytest.mark.parametrize(
    "make",
    [
        lambda ps: torch.optim.SGD(ps, lr=0.1),
        lambda ps: torch.optim.SGD(ps, lr=0.1, momentum=0.9, nesterov=True, weight_decay=0.01),
        lambda ps: torch.optim.Adam(ps, lr=0.01),
    ],
    ids=["sgd", "momentum", "adam"],
)
def test_an_optimiser_made_before_goes_on(make, julie):
    torch.manual_seed(0)
    data, target = torch.randn(8, 3), torch.randn(8, 1)

    def trained(net, optimiser, data, target):
        for _ in range(3):
            optimiser.zero_grad()
            loss = F.mse_loss(net(data), target)
            loss.backward()
            optimiser.step()
        return loss

    here, there = model(), model()
    ours, theirs = make(here.parameters()), make(there.parameters())
    loss = trained(here, ours, data, target)
    there.send(julie)
    far = trained(there, theirs, data.send(julie), target.send(julie))
    assert same(far.get().detach(), loss.detach())
    there.get()
    for a, b in zip(here.parameters(), there.parameters(), strict=True):
        assert same(a.data, b.data)


# ---------------------------------------------------------------- errors


def test_errors_by_type(sy, julie, toby):
    ex = sy.exceptions
    p, q, x = three().send(julie), three().send(toby), three()
    with pytest.raises(ex.TensorsNotCollocatedException, match=r"julie.*toby"):
        p + q
    for mixed in (lambda: p + x, lambda: torch.cat([p, x]), lambda: p.add_(x), lambda: torch.where(p > 1, p, x)):
        with pytest.raises(ex.PureFrameworkTensorFoundError):
            mixed()
    for mixed in (lambda: x + p, lambda: torch.cat([x, p]), lambda: x.add_(p)):
        with pytest.raises(ex.RemoteObjectFoundError):
            mixed()
    chain = p.send(toby)
    del chain
    with pytest.raises(ex.ObjectNotFoundError):
        p.get()


def test_an_exception_of_the_operation_has_its_type(julie):
    p = three().send(julie)
    with pytest.raises(RuntimeError, match="invalid for input of size 3"):
        p.view(2)
    with pytest.raises(IndexError):
        p[7]
    assert same((p + 1).get(), torch.tensor([2.0, 3.0, 4.0]))
