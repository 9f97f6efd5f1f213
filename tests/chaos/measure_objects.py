"""Ways in which objects come to be and are let go of.

Each takes a run, about how many, and a seeded chance; it gives the number of objects that it made.
"""

from __future__ import annotations

import contextlib
import gc

import numpy as np

import farptr as fp

AT_ONCE = 1_000
"""Handles that are held at the same time."""


def _send(run, chance):
    return fp.tensor([1, 2, 3]).send(chance.choice(run.workers))


def _batches(count):
    return [AT_ONCE] * (count // AT_ONCE) + [count % AT_ONCE]


def results(run, count, chance):
    """Each result's handle dies with the next one."""
    z = _send(run, chance)
    for _ in range(count):
        z = z + 1
    return count + 1


def chained(run, count, chance):
    """Results at the end of chains: one object at each hop."""
    depth = chance.choice((2, 3))
    pointer = fp.tensor([1, 2, 3])
    for worker in chance.sample(run.workers, depth):
        pointer = pointer.send(worker)
    for _ in range(count // depth):
        result = pointer * 2
    del result
    return depth * (count // depth + 1)


def heaps(run, count, chance):
    """Many at once, dropped in another order."""
    for size in _batches(count):
        held = [_send(run, chance) for _ in range(size)]
        chance.shuffle(held)
        while held:
            held.pop()
    return count


def moved(run, count, chance):
    """Objects that go to another worker, some with a clone of the old place."""
    for _ in range(count // 2 + 1):
        a, b = chance.sample(run.workers, 2)
        p = fp.tensor([1, 2]).send(a)
        clone = p.clone() if chance.random() < 0.3 else None
        p.move(b)
        del p, clone
    return 2 * (count // 2 + 1)


def pulled(run, count, chance):
    """Chains made shorter, unwrapped, or dropped as they are."""
    for _ in range(count // 2 + 1):
        a, b = chance.sample(run.workers, 2)
        p = fp.tensor([1, 2]).send(a).send(b)
        if chance.random() < 0.5:
            p.remote_get()
        elif chance.random() < 0.2:
            p = p.get()
        del p
    return 2 * (count // 2 + 1)


def fetched(run, count, chance):
    """Fetched away."""
    for _ in range(count):
        _send(run, chance).get()
    return count


def freed(run, count, chance):
    """By ``free``, by the end of a block, and by the collector of cycles."""
    for turn in range(count):
        if turn % 3 == 0:
            _send(run, chance).free()
        elif turn % 3 == 1:
            with _send(run, chance) as p:
                p + 1
        else:
            cycle = [_send(run, chance)]
            cycle.append(cycle)
            del cycle
    gc.collect()
    return count


def cloned(run, count, chance):
    """Several handles of one object, and one object that is sent twice."""
    for _ in range(count):
        x, worker = fp.tensor([1, 2, 3]), chance.choice(run.workers)
        p, q = x.send(worker), x.send(worker)
        r = p.clone()
        del p, q, r
    return count


def views(run, count, chance):
    """Objects that share memory."""
    p = _send(run, chance)
    for _ in range(count // 3 + 1):
        q = p[:2]
        r, s = q.reshape(2, 1), q.T
        del q, r, s
    return 3 * (count // 3 + 1) + 1


def split(run, count, chance):
    """Operations with several results, of which some are dropped at once."""
    p = fp.tensor(np.arange(8)).send(chance.choice(run.workers))
    for _ in range(count // 8 + 1):
        one, *_ = np.split(p, 8)
    del one
    return 8 * (count // 8 + 1) + 1


def several(run, count, chance):
    """On all workers at once."""
    workers = run.workers
    for _ in range(count // (2 * len(workers)) + 1):
        mp = fp.tensor([1, 2]).send(*workers)
        mp + 1
        del mp
    return 2 * len(workers) * (count // (2 * len(workers)) + 1)


def failed(run, count, chance):
    """Results that are errors, and what is computed from them."""
    for size in _batches(count // 2 + 1):
        p, q = fp.tensor([1, 2]).send(run[0]), fp.tensor([1, 2, 3]).send(run[0])
        for _ in range(size):
            (p + q) * 2
        del p, q
        with contextlib.suppress(fp.FarptrError, ValueError):
            run.sync()
    return 2 * (count // 2 + 1)


def left_by_client(run, count, chance):
    """A client that leaves without letting go of anything."""
    for size in _batches(count):
        with fp.connect(run._running.info.address) as other:
            held = [_send(other, chance) for _ in range(size)]
            held[:1] = [p.move(chance.choice(other.workers)) for p in held[:1]]
            other.flush()
    return count


def cleared(run, count, chance):
    """Stores that are emptied under their handles."""
    for size in _batches(count):
        worker = chance.choice(run.workers)
        held = [fp.tensor([1]).send(worker) for _ in range(size)]
        worker.clear_objects()
        del held
    return count


WAYS = {
    "results": (results, 400), "chained": (chained, 120), "heaps": (heaps, 120), "moved": (moved, 50),
    "pulled": (pulled, 50), "fetched": (fetched, 10), "freed": (freed, 50), "cloned": (cloned, 30),
    "views": (views, 60), "split": (split, 40), "several": (several, 40), "failed": (failed, 5),
    "left by a client": (left_by_client, 20), "cleared": (cleared, 5),
}  # fmt: skip
"""Each way, and how many of a thousand objects are made by it."""
