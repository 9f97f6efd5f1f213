"""A worker's own data: loaded by itself, asked for by name, belonging to nobody else."""

from __future__ import annotations

import pickle

import numpy as np
import pytest

import farptr as fp


@pytest.fixture
def shards(tmp_path):
    np.savez(tmp_path / "shard0.npz", x=np.arange(6.0).reshape(2, 3), y=np.array([1, 0]))
    np.savez_compressed(tmp_path / "shard1.npz", x=np.ones((4, 3)))
    np.save(tmp_path / "ages.npy", np.array([30, 40]))
    return {"julie": tmp_path / "shard0.npz", "toby": str(tmp_path / "shard1.npz"), "alice": tmp_path / "ages.npy"}


@pytest.fixture
def run(shards):
    with fp.up(shards | {"bob": None}) as run:
        yield run


def test_each_worker_loads_its_own(run):
    assert [w.name for w in run] == ["julie", "toby", "alice", "bob"]
    assert run["julie"]["x"].get_copy().tolist() == [[0, 1, 2], [3, 4, 5]]
    assert run["julie"]["y"].dtype == np.int64
    assert run["toby"]["x"].shape == (4, 3)
    assert run["alice"]["ages"].sum().get() == 70
    assert run["bob"]._objects == {}


def test_relative_paths_are_the_callers(shards, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    with fp.up({"julie": "shard0.npz"}) as run:
        assert run["julie"]["y"].get_copy().tolist() == [1, 0]


def test_it_is_listed_by_name_never_by_value(run):
    shown = repr(run["julie"]._objects)
    assert "<own data 'x' shape=(2, 3) dtype=float64>" in shown
    assert "tensor(" not in shown
    assert repr(run["julie"]) == "<VirtualWorker id:julie #objects:2>"
    assert sum(t.value_bytes for t in run.traffic()) == 0


def test_it_stays_whatever_becomes_of_the_pointers(run):
    julie = run["julie"]
    for _ in range(3):
        p = julie["x"]
        q = p.send(run["toby"])
        assert (q + 1).get().get()[0, 0] == 1
        del p, q
    assert julie["x"].get().tolist() == [[0, 1, 2], [3, 4, 5]]
    assert julie["x"].get().tolist() == [[0, 1, 2], [3, 4, 5]]
    assert len(julie._objects) == 2


def test_a_move_takes_a_copy(run):
    julie, toby = run["julie"], run["toby"]
    p = julie["x"].move(toby)
    p += 100
    assert p.get()[0, 0] == 100
    assert julie["x"].get_copy()[0, 0] == 0
    assert len(toby._objects) == 1


def test_remote_get_takes_a_copy(run):
    julie, toby = run["julie"], run["toby"]
    pp = julie["y"].send(toby)
    pp.remote_get()
    pp += 5
    assert pp.get().tolist() == [6, 5]
    assert julie["y"].get_copy().tolist() == [1, 0]


def test_an_average_of_what_nobody_shows(run):
    julie, toby = run["julie"], run["toby"]
    mean = (julie["x"].mean(axis=0).move(toby) + toby["x"].mean(axis=0)) / 2
    assert mean.get().tolist() == [1.25, 1.75, 2.25]
    # Row means went from worker to worker, and one result came home: 3 numbers each. The 2 went with its command.
    assert {(t.source, t.destination): t.value_bytes for t in run.traffic() if t.value_bytes} == {
        ("me", "toby"): 8,
        ("julie", "toby"): 24,
        ("toby", "me"): 24,
    }


def test_an_unknown_name_says_what_there_is(run):
    with pytest.raises(fp.UnknownData, match=r"julie has no data called 'z'"):
        run["julie"]["z"]
    with pytest.raises(fp.UnknownData, match="did you mean 'ages'"):
        run["alice"]["age"]
    with pytest.raises(fp.UnknownData, match="there is none"):
        run["bob"]["x"]
    with pytest.raises(fp.UsageError, match="by name"):
        run["julie"][0]


def test_clear_objects_removes_it(run):
    julie = run["julie"]
    p = julie["x"]
    julie.clear_objects()
    assert julie._objects == {}
    with pytest.raises(fp.ObjectGone):
        p.get()
    with pytest.raises(fp.UnknownData):
        julie["x"]


def test_two_clients_see_the_same(shards):
    with fp.up(shards, name="clinic") as run, fp.connect("clinic") as other:
        one, two = run["julie"]["y"], other["julie"]["y"]
        assert one.id_at_location == two.id_at_location
        one += 1
        run.sync()
        assert two.get_copy().tolist() == [2, 1]


def broken(path):
    path.write_bytes(b"this is no archive")


def truncated(path):
    np.savez(path, x=np.arange(1000))
    path.write_bytes(path.read_bytes()[:2000])


def pickled(path):
    np.savez(path, x=np.array([object()], dtype=object))


def a_pickle(path):
    path.write_bytes(pickle.dumps({"x": 1}))


def empty(path):
    path.write_bytes(b"")


def structured(path):
    np.savez(path, x=np.zeros(2, [("a", int), ("b", float)]))


def missing(path):
    """There is nothing."""


def directory(path):
    path.mkdir()


@pytest.mark.parametrize(
    ("make", "message"),
    [(missing, "there is no file"), (broken, "no readable .npz or .npy file"), (truncated, "no readable .npz"),
     (pickled, "pickled content"), (a_pickle, "pickled content"), (empty, "no readable .npz or .npy file"),
     (structured, "cannot be sent"), (directory, "no readable .npz or .npy file")],
)  # fmt: skip
def test_a_file_that_cannot_be_loaded(runtime_dir, tmp_path, make, message):
    path = tmp_path / "shard.npz"
    make(path)
    with pytest.raises(fp.LoadFailed, match=message) as told:
        fp.up({"julie": path, "toby": None})
    assert isinstance(told.value, ValueError)
    assert str(path) in str(told.value)


def test_after_a_failed_start_the_name_is_free(tmp_path):
    with pytest.raises(fp.LoadFailed):
        fp.up({"julie": tmp_path / "no.npz"}, name="again")
    with fp.up("julie", name="again") as run:
        assert len(run) == 1
