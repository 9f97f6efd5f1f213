"""Values other than arrays: sent, pointed at, taken apart, fetched; and those that are refused."""

from __future__ import annotations

import dataclasses
import datetime
from typing import NamedTuple

import numpy as np
import pytest

import farptr as fp
from tests.behaviour.far import fetched, sent


@dataclasses.dataclass(frozen=True, slots=True)
class Point:
    x: float
    name: str = "here"


@dataclasses.dataclass
class Path:
    points: list
    about: dict

    def __post_init__(self):
        self.made = True


class Pair(NamedTuple):
    a: int
    b: int


VALUES = [
    "text", "", "é\u0000\U0001f600", b"bytes\0", None, {}, {"a": 1, 2: None, 2.5: b"x", None: True},
    [1, "a", None], ("a", 1), [None], [[1, "x"], (2.5, {"k": [True]})], {"deep": {"er": ["x"] * 3}}, 1 << 62,
    {"n": 3 + 4j, "big": -(2**62), "nan": [1e300, -0.0]}, Point(1.5), [Point(2.0, "there"), None],
    Path([Point(1.0)], {"k": (1, 2)}), {"scalar": np.float32(1.5), "when": np.datetime64("2026-01-01")},
]  # fmt: skip


@pytest.mark.parametrize("value", VALUES, ids=repr)
def test_they_are_sent_and_fetched(cluster, value):
    run = cluster("julie", "toby")
    julie, toby = run
    p = fp.send(value, julie)
    assert p.get_copy() == value
    chain = p.send(toby)
    assert chain.get_copy(all=True) == value
    back = p.move(toby).get()
    assert back == value
    if not isinstance(value, int):
        assert type(back) is type(value)


def test_arrays_in_them(cluster):
    (julie,) = cluster("julie")
    large = np.arange(400_000.0)
    value = {"a": large, "b": [np.zeros((2, 3), order="F"), np.array(["x"])]}
    p = fp.send(value, julie)
    large[:] = 0  # what was sent may be changed as soon as the call has returned
    back = p.get()
    assert back["a"].tolist() == list(range(400_000))
    assert type(back["a"]) is fp.tensor
    back["a"][0] = 5.0  # and what came is ours
    assert back["b"][0].shape == (2, 3)
    assert back["b"][1].tolist() == ["x"]


def test_numbers_and_lists_of_them_are_arrays(cluster):
    (julie,) = cluster("julie")
    for value in (3, 2.5, True, [1, 2], [[1.0], [2.0]], (1, 2), ["a", "bc"], [], np.float32(1), [np.int8(1)]):
        p = fp.send(value, julie)
        assert p.dtype == np.asarray(value).dtype
        assert p.get().tolist() == np.asarray(value).tolist()


def test_what_works_on_them(cluster):
    julie, toby = cluster("julie", "toby")
    p = fp.send({"a": [1.5, "x", np.arange(3)], "b": Point(2.0)}, julie)
    assert len(p) == 2
    assert (p["a"][2] + 1).get().tolist() == [1, 2, 3]
    assert p["a"][0].get() == 1.5
    assert p["a"][-2:].unpack()[0].get() == "x"
    assert p["b"]["name"].get() == "here"
    assert float(p["b"]["x"]) == 2.0
    first, *_ = p["a"]
    assert first.get() == 1.5
    parts = p.unpack()
    assert parts["b"]["x"].get() == 2.0
    assert [part.get().tolist() if i != 1 else part.get() for i, part in enumerate(parts["a"])] == [1.5, "x", [0, 1, 2]]
    copied = p.copy()
    copied["a"][2].fill(7)
    assert p["a"][2].get().tolist() == [0, 1, 2]
    assert copied["a"][2].get().tolist() == [7, 7, 7]
    chain = p.send(toby)
    assert fetched(chain["a"][2] * 2).tolist() == [0, 2, 4]
    assert chain.unpack()["a"][1].get(all=True) == "x"
    assert fp.send("words", julie)[1:3].get() == "or"
    assert p[fp.send("a", julie)][fp.send(0, julie)].get() == 1.5


def test_what_does_not(cluster):
    (julie,) = cluster("julie")
    p, text = fp.send({"a": 1}, julie), fp.send("words", julie)
    for wrong in (
        lambda: p + 1, lambda: p.sum(), lambda: np.sin(text), lambda: np.concatenate([p, p]), lambda: text == "words",
        lambda: fp.tensor([1]).send(julie) + p, lambda: np.add(1, text),
    ):  # fmt: skip
        with pytest.raises(fp.UnsupportedOperation, match="is no array") as told:
            wrong().get()
        assert "p.apply(f)" in told.value.hint
    for wrong in (
        lambda: p.shape,
        lambda: p.dtype,
        lambda: float(text),
        lambda: bool(p),
        lambda: list(p),
        lambda: p.nbytes,
    ):
        with pytest.raises(fp.UnsupportedOperation, match="is no array"):
            wrong()
    for wrong, kind in ((lambda: p["b"], KeyError), (lambda: text[9], IndexError), (lambda: text["a"], TypeError)):
        with pytest.raises(kind):
            wrong().get()
    p["a"] = 2
    with pytest.raises(fp.UnsupportedOperation):
        p.get_copy()
    p.free()


def test_they_are_listed_and_found(cluster):
    run = cluster("julie")
    (julie,) = run
    p = fp.send({"a": [1, 2], "long": "x" * 10_000}, julie).tag("#thing")
    (listed,) = julie._objects.values()
    assert repr(listed).startswith("{'a': [1, 2], 'long': 'xxx")
    assert len(repr(listed)) < 200
    (found,) = julie.search("#thing")
    assert found["a"][0].get() == 1
    p.publish("settings")
    other = cluster.another(run)
    assert other["julie"]["settings"].get_copy()["a"] == [1, 2]
    other.sync()
    del julie["settings"]


def test_they_are_freed_like_any_object(cluster):
    (julie,) = cluster("julie")
    p = fp.send({"a": 1}, julie)
    part = p["a"]
    assert julie.count() == 2
    del p
    assert julie.count() == 1
    assert part.get() == 1


def test_a_dataclass_that_is_none_of_ours_is_a_record(cluster):
    (julie,) = cluster("julie")
    cls = dataclasses.make_dataclass("Passing", [("x", int), ("y", list)])
    p = fp.send(cls(1, ["a"]), julie)
    back = p.get_copy()
    assert type(back) is cls
    del back, cls
    import gc

    gc.collect()
    record = p.get()
    assert (record.x, record.y) == (1, ["a"])
    assert repr(record) == "Passing(x=1, y=['a'])"
    again = fp.send(record, julie).get()
    assert again == record


def test_named_tuples_are_tuples(cluster):
    (julie,) = cluster("julie")
    back = fp.send({"p": Pair(1, 2)}, julie).get()
    assert back == {"p": (1, 2)}
    assert type(back["p"]) is tuple


REFUSED = {
    "structured": (lambda: np.zeros(2, [("a", int)]), "dtype"), "objects": (lambda: np.array([{}]), "object"),
    "in a dict": (lambda: {"a": np.zeros(2, [("a", int)])}, "dtype"),
    "objects in a list": (lambda: ["x", np.array([object()])], "object"), "set": (lambda: {"a": {1}}, "a set cannot"),
    "key": (lambda: {(1, 2): 3}, "tuple for a key"), "many keys": (lambda: dict.fromkeys(range(2000)), "2000 keys"),
    "date": (lambda: {"a": datetime.date(2026, 1, 1)}, "a date cannot"),
    "masked": (lambda: {"m": np.ma.array([1])}, "MaskedArray"),
    "huge number": (lambda: {"n": 1 << 5000}, "5001 bits"), "function": (lambda: {"f": len}, "cannot be sent"),
    "object": (lambda: ["x", object()], "a object cannot"), "class": (lambda: {"c": Point}, "a type cannot"),
    "matrix": (lambda: ["x", np.array([[1]]).view(np.matrix)], "matrix"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_refused(cluster, name):
    make, message = REFUSED[name]
    (julie,) = cluster("julie")
    with pytest.raises(fp.UnsupportedValue, match=message) as told:
        fp.send(make(), julie)
    assert isinstance(told.value, TypeError)
    assert julie.count() == 0


def test_what_is_no_array_is_called_by_its_name(cluster):
    (julie,) = cluster("julie")
    for value, message in (
        ({1}, "a set cannot"),
        (len, "a builtin_function_or_method cannot"),
        ([{1}], "a set cannot"),
    ):
        with pytest.raises(fp.UnsupportedValue, match=message):
            fp.send(value, julie)
    assert fp.send(10**30, julie).get() == 10**30
    assert fp.send([10**30, 1], julie).get() == [10**30, 1]


def test_what_is_too_deep_or_too_large(cluster):
    (julie,) = cluster("julie")
    deep: list = [None]
    for _ in range(40):
        deep = [deep]
    endless: list = [1]
    endless.append(endless)
    for value in (deep, endless):
        with pytest.raises(fp.UnsupportedValue, match="nested more than"):
            fp.send(value, julie)
    with pytest.raises(fp.MessageTooLarge) as told:
        fp.send({"a": "x" * (9 << 20)}, julie)
    assert told.value.hint
    with pytest.raises(fp.UnsupportedValue, match="Pointer cannot be sent"):
        fp.send({"p": sent([1], (julie,))}, julie)


def test_they_count_as_data(cluster):
    run = cluster("julie", own=True)
    (julie,) = run
    p = fp.send({"text": "x" * 1000, "n": 1.5}, julie)
    p.get_copy()
    rows = {row.what: row.value_bytes for row in run.traffic() if row.value_bytes}
    assert rows["sent"] == rows["fetched"]
    assert 1000 + 8 <= rows["sent"] < 1100
    p.free()


def test_what_no_message_can_hold_is_not_kept(cluster):
    """Else it would be lost with its first move."""
    julie, toby, _ = cluster("julie", "toby", "carol", functions=True)
    with pytest.raises(fp.MessageTooLarge, match="<lambda> returned what cannot be kept: a dict") as told:
        julie.run(lambda: {"text": "x" * (9 << 20)}).get()
    assert told.value.hint
    p = julie.run(lambda: {"text": "x" * (7 << 20), "rows": np.zeros(2_000_000)})
    assert len(p.move(toby)["text"].get()) == 7 << 20
    assert p["rows"].shape == (2_000_000,)
