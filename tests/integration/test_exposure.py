"""Ways to see a gradient, on real processes: what the account says of each, where only aggregates are allowed."""

from __future__ import annotations

import numpy as np
import pytest

import farptr as fp


def zeros(worker, shape=(8,)):
    return fp.tensor(np.zeros(shape)).send(worker)


def through_a_view(r):
    whole = zeros(r.julie)
    part = whole.reshape(4, 2).T[0]
    part += r.g[:4] * 2
    whole.get()


def through_out(r):
    buffer = zeros(r.julie)
    np.add(r.g, 1, out=buffer)
    buffer.get()


def through_an_index(r):
    buffer = zeros(r.carol, (2, 8))
    buffer[0], buffer[1] = r.g.move(r.carol), r.h.move(r.carol)
    buffer.get()


def through_einsum(r):
    whole = zeros(r.julie, (2, 4))
    part = np.einsum("ij->ji", whole)
    part += r.g.reshape(4, 2) * 2
    whole.get()


def through_no_difference(r):
    whole = zeros(r.julie)
    part = np.diff(whole, n=0)
    part += r.g * 2
    whole.get()


def through_an_error(r):
    def tell(a):
        raise ValueError(str(a.sum()))

    with pytest.raises(ValueError, match="36"):
        r.julie.run(tell, r.g).get()


def accumulated(r):
    total = zeros(r.carol)
    for gradient in (r.g, r.h):
        total += gradient.move(r.carol)
    (total / 2).get()


def into_a_buffer(r):
    buffer = zeros(r.carol)
    buffer[:] = r.g.move(r.carol) + r.h.move(r.carol)
    buffer.get()


def added_into(r):
    buffer = zeros(r.carol)
    np.add(r.g.move(r.carol), r.h.move(r.carol), out=buffer)
    buffer.get()


def trained(r):
    parts = [worker.run(lambda a: a * 2, x).move(r.carol) for worker, x in ((r.julie, r.g), (r.toby, r.h))]
    (parts[0] + parts[1]).get()


WAYS = {
    "fetched": (lambda r: r.g.get_copy(), "raw"),
    "one element": (lambda r: r.g[:1].get(), "raw"),
    "chosen by a mask": (lambda r: r.g[r.g > 3].get(), "raw"),
    "the greatest": (lambda r: r.g.max().get(), "raw"),
    "side by side": (lambda r: np.stack([r.g.move(r.carol), r.h.move(r.carol)]).get(), "raw"),
    "put side by side": (through_an_index, "raw"),
    "of both sets": (lambda r: np.union1d(r.g.move(r.carol), r.h.move(r.carol)).get(), "raw"),
    "what the sets share": (lambda r: np.intersect1d(r.g.move(r.carol), r.h.move(r.carol)).get(), "raw"),
    "the greater": (lambda r: np.maximum(r.g.move(r.carol), r.h.move(r.carol)).get(), "raw"),
    "summed step by step": (lambda r: np.stack([r.g.move(r.carol), r.h.move(r.carol)]).cumsum(axis=0).get(), "raw"),
    "both, turned by einsum": (
        lambda r: np.einsum("ij->ji", np.stack([r.g.move(r.carol), r.h.move(r.carol)])).get(),
        "raw",
    ),
    "times one": (lambda r: (r.g * 1).get(), "derived"),
    "a mask": (lambda r: (r.g > 3).get(), "derived"),
    "by a chain": (lambda r: (r.g * 1).send(r.toby).send(r.carol).get(all=True), "derived"),
    "through a view": (through_a_view, "derived"),
    "through einsum": (through_einsum, "derived"),
    "through no difference": (through_no_difference, "derived"),
    "through out=": (through_out, "derived"),
    "by a function": (lambda r: r.julie.run(lambda a: a.tolist(), r.g).get(), "derived"),
    "by another's function": (lambda r: r.toby.run(lambda a: a * 2, r.g.move(r.toby)).get(), "derived"),
    "by an error": (through_an_error, "derived"),
    "summed": (lambda r: (r.g.move(r.carol) + r.h.move(r.carol)).get(), None),
    "summed by einsum": (
        lambda r: np.einsum("ij->j", np.stack([r.g.move(r.carol), r.h.move(r.carol)])).get(),
        None,
    ),
    "accumulated": (accumulated, None),
    "summed into a buffer": (into_a_buffer, None),
    "added into a buffer": (added_into, None),
    "by a function of both": (lambda r: r.carol.run(np.add, r.g.move(r.carol), r.h.move(r.carol)).get(), None),
    "computed by functions, and summed": (trained, None),
    "another's": (lambda r: r.h.get_copy(), None),
    "its shape": (lambda r: r.g.shape, None),
}


class Places:
    """A run, and two gradients that workers have as their own."""

    def __init__(self, sim):
        self.julie, self.toby, self.carol = sim
        self.g, self.h = self.julie["gradient"], self.toby["gradient"]


@pytest.mark.parametrize("way", WAYS)
def test_what_is_seen(way, tmp_path):
    go, kind = WAYS[way]
    np.savez(tmp_path / "own.npz", gradient=np.arange(1.0, 9.0))
    own = str(tmp_path / "own.npz")
    with fp.up({"julie": own, "toby": own, "carol": None}, journal=tmp_path / "runs", functions="private") as sim:
        go(Places(sim))
        sim.sync()
        seen = sim.ledger.saw("me", "julie/gradient", unless="aggregate")
        assert {receipt.kind for receipt in seen} == ({kind} if kind else set())
        assert not [receipt for receipt in seen if not receipt.value_bytes]
        sim.ledger.check()
