"""Who may do what to a worker, and what nobody is told of its own data."""

from __future__ import annotations

import io
import json
import re

import numpy as np
import pytest

import farptr as fp
from farptr.client.cells import run_cell
from farptr.client.graph import named
from farptr.client.pointer import make
from farptr.keys.ring import Ring
from farptr.protocol.commands import SEND
from farptr.protocol.ids import id_of, make_name, worker_of
from tests.integration.commands import farptr, ok

DIGITS = "471108153"
"""So many that no time which is shown happens to have them."""
SHOWN = re.compile(r"4\.?7110815")
"""They, or the same as NumPy prints a large number: 4.71108154e+08."""
ARRAY = ("A", "<i8", (1,), "C", bytes(8))
SECRET, VALUE = f"hush-{DIGITS}", float(DIGITS) + 0.5


@pytest.fixture
def ring(base, monkeypatch):
    """A ring with keys for the clients ana and bob."""
    monkeypatch.setenv("FARPTR_KEYS", str(base / "ring"))
    found = Ring()
    for name in ("ana", "bob"):
        found.new(name, "client")
    return found


@pytest.fixture
def shard(tmp_path):
    path = tmp_path / "shard.npz"
    np.savez(path, x=np.array([VALUE, 2.0]), words=np.array([SECRET, "x"]))
    return str(path)


def test_each_client_does_what_it_may_and_no_more(ring, shard):
    with fp.up({"julie": shard}, bind="tcp://127.0.0.1:*", allow="me,bob:names") as sim:
        assert sim["julie"]["x"].get_copy().tolist() == [VALUE, 2.0]
        mine = fp.tensor([1, 2]).send(sim["julie"])
        sim.sync()
        with fp.connect(sim.bound, key=ring.path / "bob.key") as run:
            julie = run["julie"]
            assert len(julie._objects) == 3
            with pytest.raises(
                fp.NotAllowed, match=r"client bob may not use what others have on julie.*\n.*so that me may"
            ):
                julie["x"]
            with pytest.raises(PermissionError):
                run.search("x")
            julie.clear_objects()  # nobody waits for that
            with pytest.raises(fp.NotAllowed):
                run.sync()
            own = fp.tensor([3, 4]).send(julie)  # what it has made it uses
            assert (own + own).get().tolist() == [6, 8]
        with fp.connect(sim.bound, key=ring.path / "ana.key") as run:
            with pytest.raises(fp.NotAllowed, match="client ana may not see what julie has"):
                run["julie"]._objects  # noqa: B018
            assert repr(run["julie"]) == "<VirtualWorker id:julie #objects:3>"
            assert fp.tensor([3]).send(run["julie"]).get().tolist() == [3]
        assert mine.get().tolist() == [1, 2]


def forged(run, name):
    """A pointer to what somebody else has; names are no secrets."""
    with run._session.command():
        return make(run._session, named(name, None), owns=False)


def test_who_may_not_use_what_others_have_does_not_by_its_name_either(ring, shard):
    """A client that lies knows the names: the broker tells who counts what, and ids are no secrets."""
    with fp.up({"julie": shard}, "carol", bind="tcp://127.0.0.1:*", allow="me,bob:names") as sim:
        x = sim["julie"]["x"]
        others = [x, x * 2]
        far_one = x.send(sim["carol"])
        sim.sync()
        with fp.connect(sim.bound, key=ring.path / "bob.key") as run:
            julie, carol = run["julie"], run["carol"]
            own = fp.tensor([3, 4]).send(julie)
            for pointer in others:
                theirs = forged(run, pointer.use().name)
                for call in (
                    theirs.get_copy,
                    lambda theirs=theirs: (theirs + 0).get(),
                    lambda theirs=theirs: np.add(theirs, own).get(),
                    lambda theirs=theirs: theirs.shape,
                    lambda theirs=theirs: (theirs.send(carol) + 0).get(all=True),
                    lambda theirs=theirs: theirs.send(julie).get(all=True),
                    lambda theirs=theirs: theirs.move(carol).get(),
                ):
                    with pytest.raises(fp.NotAllowed, match="client bob may not use what others have on"):
                        call()
            at = worker_of(name := others[1].use().name)
            again = make_name(at, id_of(name), 7)
            with run._session.command() as core:  # another generation of that id: it would take its place
                core.out.issue(core.out.open(at, (at,)), (core._next(), SEND, again, 1, 0, ARRAY), (at,))
            with pytest.raises(fp.NotAllowed):
                run.sync()
            with pytest.raises(fp.NotAllowed):
                (forged(run, far_one.use().name) + 0).get(all=True)
            chain = own.send(carol)
            assert (chain + chain).get(all=True).tolist() == [6, 8], "its own chains go on"
            assert own.move(carol).get().tolist() == [3, 4]
            del theirs, chain
        assert others[1].get().tolist() == [VALUE * 2, 4.0]
        assert far_one.get(all=True).tolist() == [VALUE, 2.0]


def test_names_of_local_clients_are_no_keys_names(ring, shard):
    """Who is here is ``me``, whatever it says; who has a key is who the key is for."""
    with fp.up({"julie": shard}, bind="tcp://127.0.0.1:*", allow="bob") as sim:
        with pytest.raises(fp.NotAllowed, match="client me may not"):
            sim["julie"]["x"]
        with fp.connect(sim.bound, key=ring.path / "bob.key") as run:
            assert run["julie"]["x"].shape == (2,)


def test_without_fetch_own_data_stays_as_it_is(shard):
    with fp.up({"julie": shard}, "toby", allow="me:names+use") as sim:
        julie, toby = sim
        x = julie["x"]
        assert float(x.mean()) == (VALUE + 2.0) / 2  # what is computed of it is the client's
        for call in (x.get, x.get_copy, lambda: x.move(toby).get(), lambda: far(x.clone().send(toby)).get()):
            with pytest.raises(fp.NotAllowed, match="client me may not have julie's own data"):
                call()
        x = julie["x"]
        assert x.shape == (2,)
        (said,) = run_cell([julie], "1")
        assert isinstance(said.error, fp.NotAllowed)
        assert "run functions" in str(said.error)


def far(pointer):
    pointer.remote_get()
    return pointer.get()


def test_no_surface_shows_a_value_of_own_data(base, shard):
    with fp.up({"julie": shard}, "toby", name="private") as sim:
        julie, toby = sim
        words, x = julie["words"], julie["x"]
        shown = io.StringIO()
        for thing in (
            julie,
            sim,
            words,
            x,
            julie._objects,
            sim.search("words"),
            sim.traffic(),
            sim.why(x),
            sim.leaks(),
        ):
            print(repr(thing), thing, file=shown)
        for call in (
            lambda: words.astype(float).get(),
            lambda: words.astype("M8[s]").get(),
            lambda: fp.tensor(np.arange(3)).send(julie)[x.astype(int)].get(),
            lambda: (words + x).get(),
            lambda: np.linalg.inv(x).get(),
            lambda: x.reshape(x.astype(int)).get(),
            lambda: x.sum(axis=x.astype(int)[0]).get(),
        ):
            with pytest.raises(fp.RemoteError) as caught:
                call()
            print(caught.value, caught.value.__notes__ if hasattr(caught.value, "__notes__") else "", file=shown)
        words.send(toby)
        print(toby._objects, file=shown)
        for command in (["objects"], ["objects", "--json"], ["objects", "--tree"], ["ps", "--json"], ["logs", "julie"]):
            done = farptr(*command, "-c", "private")
            assert done.returncode == 0, done
            print(done.stdout, done.stderr, file=shown)
    text = shown.getvalue()
    assert SHOWN.search(f"{np.array([VALUE, 2.0])}"), "it would be seen"
    assert "words" in text
    assert not SHOWN.search(text), [line for line in text.splitlines() if SHOWN.search(line)]


STRIPPED = {
    "its name is taken away": lambda julie, x: julie.__delitem__("x"),
    "its handle owns no more": lambda julie, x: setattr(x, "gc", False),
    "its handle owns no more, and is freed": lambda julie, x: (x.clone().disable_gc.free(), x.shape),
    "its name is taken away, and it gets another": lambda julie, x: (julie.__delitem__("x"), x.publish("y")),
}


@pytest.mark.parametrize("how", STRIPPED)
def test_own_data_is_own_data_whatever_happens_to_pointers_and_names(shard, how):
    with fp.up({"julie": shard}, "toby", allow="me:names+use") as sim:
        julie, toby = sim
        x = julie["x"]
        STRIPPED[how](julie, x)
        assert not SHOWN.search(repr(julie._objects))
        assert [type(row).__name__ for row in julie._objects.values()] == ["OwnData", "OwnData"]
        for call in (x.get_copy, lambda: x.move(toby).get()):
            with pytest.raises(fp.NotAllowed, match="client me may not have julie's own data"):
                call()


def test_a_view_of_own_data_is_not_listed_by_value(shard):
    with fp.up({"julie": shard}) as sim:
        (julie,) = sim
        x, words = julie["x"], julie["words"]
        views = [x[:], x[::-1], x.reshape(2, 1), np.broadcast_to(x, (3, 2)), words[:1]]
        doubled = x * 2
        *_, last = julie._objects.values()
        assert last.tolist() == [VALUE * 2, 4.0], "what is computed is a value like any other"
        assert not SHOWN.search(repr(julie._objects))
        assert repr(list(julie._objects.values())[2]) == "tensor(…, shape=(2,), dtype=float64)"
        assert float(views[0][0]) == VALUE
        assert doubled.shape == (2,)


def test_who_may_see_names_sees_no_values_of_what_others_have(ring, shard):
    with fp.up("julie", bind="tcp://127.0.0.1:*", allow="me,bob:names", functions=True) as sim:
        (julie,) = sim
        mine = fp.tensor([VALUE, 2.0]).send(julie)
        answer = julie.run(lambda a: {"secret": a[0]}, mine)
        failed = julie.run(lambda a: int(f"hush {a[0]}"), mine)
        with pytest.raises(ValueError, match=DIGITS):
            sim.sync()
        assert len(SHOWN.findall(repr(julie._objects))) == 3, "its own client sees them"
        with fp.connect(sim.bound, key=ring.path / "bob.key") as run:
            own = fp.tensor([3, 4]).send(run["julie"])
            listed = run["julie"]._objects
            assert not SHOWN.search(repr(listed)), listed
            array, value, failure, last = listed.values()
            assert (array.shape, value.kind, failure.kind) == ((2,), "dict", "ValueError")
            assert last.tolist() == [3, 4], "what it sent itself is its own"
            del own
        del mine, answer, failed


def test_the_command_line(base, shard):
    ok("up", f"julie={shard}", "-d", "--allow", "me:names")
    rows = json.loads(ok("objects", "--json"))
    assert rows
    with fp.connect() as sim, pytest.raises(fp.NotAllowed):
        sim["julie"]["x"]
    ok("down")
