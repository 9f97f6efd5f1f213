"""Operations of all kinds beside a NumPy model, while SIGINT comes at moments that a seed picks.

``python interrupted_model.py SEED HITS [plain]``, ``plain`` with Python's handler. Prints ``HITS right`` when every
value was right all along, nothing is left behind and the handler is Python's again.
"""

import contextlib
import gc
import os
import random
import signal
import struct
import sys
import threading
import time

import numpy as np

import farptr as fp

EARLIEST_S, LATEST_S = 0.00002, 0.006
PATIENCE_S = 100.0
CHECK_EVERY = 20
HANDLES = 6


class Presses:
    """A thread that presses Ctrl-C: once, some time after it is told to."""

    def __init__(self):
        self._told, self._tell = os.pipe()
        threading.Thread(target=self._press, daemon=True).start()

    def after(self, seconds):
        os.write(self._tell, struct.pack("d", seconds))

    def _press(self):
        while True:
            (seconds,) = struct.unpack("d", os.read(self._told, 8))
            time.sleep(seconds)
            signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)


class Cell:
    """What is at the far end: handles of one object, and chains to it, have it in common."""

    def __init__(self, value):
        self.value = value
        self.also = None
        """What it may be as well: a call that was interrupted may have taken effect."""

    def check(self, found):
        if self.also is not None and np.array_equal(found, self.also):
            self.value = self.also
        self.also = None
        check(found, self.value)


class Model:
    """Handles, and what they must lead to."""

    def __init__(self, sim, rng):
        self.sim, self.rng = sim, rng
        self.julie, self.toby = sim
        self.cells = {}
        """By handle."""
        self.made = 0

    # ------------------------------------------------------------ steps

    def pick(self):
        return self.rng.choice(list(self.cells))

    def worker(self):
        return self.rng.choice([self.julie, self.toby])

    def value(self, pointer):
        return self.cells[pointer].value

    def put(self, pointer, value):
        self.cells[pointer] = Cell(value)

    def send(self):
        self.made += 1
        value = np.arange(4) + self.made
        self.put(fp.tensor(value).send(self.worker()), value)

    def add(self):
        p = self.pick()
        self.put(p + p, self.value(p) + self.value(p))

    def number(self):
        p = self.pick()
        self.put(p * 2 - 1, self.value(p) * 2 - 1)

    def function(self):
        p = self.pick()
        self.put(np.sort(p)[::-1], np.sort(self.value(p))[::-1])

    def chain(self):
        p = self.pick()
        self.cells[p.clone().send(self.worker())] = self.cells[p]

    def in_place(self):
        p = self.pick()
        cell = self.cells[p]
        cell.also = cell.value + 1
        p += 1
        cell.value, cell.also = cell.also, None

    def get(self):
        p = self.pick()
        found = p.get()
        value = self.cells.pop(p).value
        while isinstance(found, fp.Pointer):
            found = found.get()
        check(found, value)

    def get_copy(self):
        p = self.pick()
        check(fetched(p), self.value(p))

    def get_async(self):
        p = self.pick()
        check(p.get_async(all=True).result(), self.cells.pop(p).value)

    def gather(self):
        p, q = self.rng.sample(list(self.cells), 2)
        found = fp.gather([p, q], all=True)
        check(found[0], self.cells.pop(p).value)
        check(found[1], self.cells.pop(q).value)

    def map(self):
        (left, right) = self.sim.map(lambda worker: fp.tensor([worker.number]).send(worker) * 2)
        check(np.array([left[0], right[0]]), np.array([self.julie.number * 2, self.toby.number * 2]))

    def move(self):
        p = self.pick()
        p.move(self.worker())

    def remote_get(self):
        p = self.pick()
        if isinstance(p.get_copy(), fp.Pointer):
            p.remote_get()

    def free(self):
        p = self.pick()
        del self.cells[p]

    def ask(self):
        p = self.pick()
        assert p.shape == (4,)
        assert len(p) == 4
        assert float(p.sum()) == self.value(p).sum()
        assert np.array_equal(p, p)

    def several(self):
        value = np.arange(3)
        both = fp.tensor(value).send(self.julie, self.toby)
        check((both + both).get(sum_results=True), 4 * value)
        for found in both.get():
            check(found, value)

    def search(self):
        self.made += 1
        p = fp.tensor([self.made]).tag("#found").send(self.worker()).tag(f"#t{self.made}")
        (found,) = self.sim.search("#found", f"#t{self.made}")
        assert found.id_at_location == p.id_at_location
        check(found.get(), np.array([self.made]))

    def own_name(self):
        self.made += 1
        name = f"n{self.made}"
        worker = self.worker()
        try:
            fp.tensor([self.made]).send(worker).publish(name)
            check(worker[name].get_copy(), np.array([self.made]))
        finally:
            without_interrupts(lambda: forget(worker, name))

    def look(self):
        assert self.julie._objects.keys().isdisjoint(())
        assert self.toby.count() >= 0
        repr(self.julie)
        self.sim.sync()
        self.sim.traffic()
        assert len(self.sim.pids) == 2

    def connect(self):
        with fp.connect(self.sim.name) as other:
            assert (fp.tensor([1]).send(other["julie"]) + 1).get() == 2

    # ------------------------------------------------------------ after an interrupt

    def settle(self):
        """What is used up is no more; the rest is as it was."""
        for p in [p for p in self.cells if p._spent]:
            del self.cells[p]
        for p in [p for p, cell in self.cells.items() if cell.also is not None]:
            self.cells[p].check(fetched(p))
        self.bound()

    def bound(self):
        while len(self.cells) > HANDLES:
            del self.cells[self.pick()]
        while len(self.cells) < 2:
            self.send()

    def check(self):
        for p, cell in self.cells.items():
            cell.check(fetched(p))
        self.assert_no_leak()

    def assert_no_leak(self):
        """``leaks`` is exact while nobody else works: a client that was cut short, a future that was given away."""
        session, deadline_s = self.sim._session, time.monotonic() + PATIENCE_S / 4
        while len(session.ask_broker("parties")) > 3 or (session.pending is not None and session.pending._waiting):
            assert time.monotonic() < deadline_s, "an interrupted client is still there, or a future"
            time.sleep(0.001)
        self.sim.sync()
        left = self.sim.leaks()
        assert left == [], left


STEPS = [
    name
    for name in vars(Model)
    if not name.startswith("_")
    and name not in ("pick", "worker", "value", "put", "settle", "bound", "check", "assert_no_leak")
]


AT_ONCE = ("send", "add", "number", "function", "chain", "in_place", "move", "free")
"""They do not wait: an interrupt nearly always finds them done."""


def check(found, value):
    assert np.array_equal(found, value), (found, value)


def fetched(p):
    found = p.get_copy()
    while isinstance(found, fp.Pointer):
        found = found.get_copy()
    return found


@contextlib.contextmanager
def quiet_end(sim):
    """A check that has failed is shown, and not that an interrupt comes on top of it."""
    with sim:
        try:
            yield sim
        except BaseException:
            signal.signal(signal.SIGINT, signal.SIG_IGN)
            raise


def without_interrupts(call):
    """An interrupt that comes meanwhile comes afterwards: the model's own clearing up is not what is tested."""
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
    try:
        call()
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGINT])


def forget(worker, name):
    try:
        del worker[name]
    except fp.UnknownData:
        return  # it was interrupted before


def main(seed, wanted, is_plain):
    rng = random.Random(seed)
    presses = Presses()
    counts = dict.fromkeys(STEPS, 0)
    hits, deadline_s = 0, time.monotonic() + PATIENCE_S
    with quiet_end(fp.up("julie", "toby", name=f"model-{os.getpid()}", seed=seed)) as sim:
        assert signal.getsignal(signal.SIGINT) is not signal.default_int_handler
        if is_plain:
            signal.signal(signal.SIGINT, signal.default_int_handler)
        model = Model(sim, rng)
        model.bound()
        while hits < wanted:
            assert time.monotonic() < deadline_s, f"only {hits} interrupts"
            step = ""
            try:
                presses.after(EARLIEST_S * (LATEST_S / EARLIEST_S) ** rng.random())
                while True:
                    model.bound()
                    step = rng.choice(STEPS)
                    getattr(model, step)()
            except KeyboardInterrupt:
                hits += 1
                if step:
                    counts[step] += 1
            model.settle()
            if hits % CHECK_EVERY == 0:
                model.check()
        model.check()
        model.cells.clear()
        gc.collect()
        model.assert_no_leak()
        assert not model.julie._objects, model.julie._objects
        assert not model.toby._objects, model.toby._objects
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    never = [step for step, count in counts.items() if not count and step not in AT_ONCE]
    assert not never or hits < 100 * len(STEPS), f"never interrupted: {never}"
    print(hits, "right")


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), "plain" in sys.argv)
