"""A client under fire: it does what users do, keeps a NumPy model of it, and says what was not as it must be.

Every object is ``base + count`` for a random ``base``; commands in place add one. ``count`` is what shows a command
that was run twice (more than was issued) or lost (less than is known to be done). Where an outcome is unknown the
object has a range of counts; where a worker was lost its object is not used again.
"""

from __future__ import annotations

import contextlib
import faulthandler
import gc
import random
import signal
import time
import traceback

import numpy as np

import farptr as fp
from farptr.protocol.errors import ProcessLost, SessionExpired
from tests.chaos.watching import descriptors

TIMEOUT_S = 5.0
SLACK_S = 4.0
"""A call that takes longer than its timeout and this hangs."""
BEAT_S = 0.2
JOIN_S = 0.03
"""Between two looks for a run that is not up."""
PAUSES_S = (0.0, 0.0, 0.001, 0.004)
"""After each step: clients that never pause leave the machine no time for what starts anew."""
SLOTS = 8
ITEMS = (1, 3, 100, 600, 3000)
"""Numbers of elements: 3000 are beyond what travels inside a body."""


class Slot:
    """One object of this client, and what is known of it."""

    def __init__(self, pointer, base, path):
        self.pointer = pointer
        self.base = base
        self.low = self.high = 0
        """How often it was surely, and at most, increased."""
        self.path = path
        """Workers of its chain, by party number, the first hop first."""
        self.legs = set(path)
        """Workers that its last commands may have needed."""


class Wrong(AssertionError):
    """Something is not as it must be."""


class Client:
    """The load of one process."""

    def __init__(self, name, seed, beat=lambda *_: None):
        self.name = name
        self.chance = random.Random(seed)
        self.beat = beat
        self.run = None
        self.slots = []
        self.with_whom = ""
        """The worker that ``prove`` should try first."""
        self.fresh = set()
        """Workers that a step without an object needs, by party number."""
        self.found = {
            "steps": 0, "calls": 0, "checked": 0, "worst_call_s": 0.0,
            "hangs": 0, "twice": 0, "errors": {}, "wrong": [],
        }  # fmt: skip

    # ------------------------------------------------------------ the run

    def join(self):
        """Wait for a run of that name."""
        while self.run is None:
            self.beat()
            with contextlib.suppress(fp.RunError, ProcessLost):
                self.run = fp.connect(self.name, timeout=TIMEOUT_S)
                return
            time.sleep(JOIN_S)

    def leave(self):
        """The run is gone; all that was known of it with it."""
        run, self.run = self.run, None
        self.slots.clear()
        if run is not None:
            run.close()

    def call(self, what):
        """One call of the library, by the clock."""
        began_s = time.monotonic()
        try:
            return what()
        finally:
            took_s = time.monotonic() - began_s
            self.found["calls"] += 1
            self.found["worst_call_s"] = max(took_s, self.found["worst_call_s"])
            if took_s > TIMEOUT_S + SLACK_S:
                self.found["hangs"] += 1

    def lost(self, worker):
        """Whether a worker, by party number, is gone, as the broker knows by now."""
        with contextlib.suppress(fp.FarptrError):
            self.run._session.ask_broker("parties")
        return worker in self.run._session.core.parties.lost

    # ------------------------------------------------------------ steps

    def step(self, act=None):
        """One thing that a user does, by chance or this; whether it was done."""
        self.join()
        self.found["steps"] += 1
        act = act or self.chance.choice(ACTS)
        slot = None
        if act not in WITHOUT_OBJECT:
            slot = self.chance.choice(self.slots) if self.slots else None
            act = act if slot else make
        try:
            act(self, slot)
            return True
        except Wrong as error:
            self.tell(f"{act.__name__}: {error}")
            self.forget(slot)
        except fp.BrokerLost as error:
            self.count(error)
            self.leave()
        except fp.FarptrError as error:
            self.count(error)
            with contextlib.suppress(fp.BrokerLost):
                self.judge(act, slot, error)
        except Exception:
            self.tell(traceback.format_exc())
            self.forget(slot)
        return False

    def judge(self, act, slot, error):
        """Whether an error is what the faults account for, and what it leaves of an object."""
        legs = self.fresh if slot is None else slot.legs
        if isinstance(error, fp.WorkerLost):
            if act is not sync and error.epoch not in legs:
                self.tell(f"{act.__name__}: names worker {error.worker} ({error.epoch}), which {legs} had no need of")
            self.forget(slot)
        elif isinstance(error, fp.DeadlineExceeded):
            if act in (move, pull):
                self.forget(slot)
        elif isinstance(error, SessionExpired):
            self.tell(f"{act.__name__}: {error}")
            self.leave()
        elif act is sync and self.run._session.core.parties.lost:
            pass  # of something that nobody waited for; of an object that is gone now, or will be found to be
        elif any(self.lost(worker) for worker in legs):
            self.forget(slot)
        else:
            self.tell(f"{act.__name__}: {type(error).__name__}: {error}")
            self.forget(slot)

    def forget(self, slot):
        """An object is not used again."""
        if slot in self.slots:
            self.slots.remove(slot)

    def count(self, error):
        name = type(error).__name__
        self.found["errors"][name] = self.found["errors"].get(name, 0) + 1

    def tell(self, what):
        """Something is wrong."""
        self.found["wrong"].append(what[:2000])

    def read(self, slot):
        """The value of an object, through its chain, against what is known."""
        value = self.call(slot.pointer.get_copy)
        while isinstance(value, fp.Pointer):
            value = self.call(value.get_copy)
        check(self, slot, value, slot.base, 1)
        slot.low = slot.high = int(value[0] - slot.base[0])
        slot.legs = set(slot.path)

    def drop(self):
        """Let go of everything."""
        self.slots.clear()
        if self.run is not None:
            with contextlib.suppress(fp.FarptrError):
                self.run.flush()


def check(client, slot, value, base, times):
    """That a value is ``times * (base + count)`` for a count that can be."""
    client.found["checked"] += 1
    counts = np.asarray(value) // times - base
    if counts.shape != base.shape or (np.asarray(value) % times).any() or (counts != counts[0]).any():
        raise Wrong(f"a wrong value {np.asarray(value)[:5]}, of {base[:5]}")
    if counts[0] > slot.high:
        client.found["twice"] += int(counts[0] - slot.high)
        raise Wrong(f"increased {counts[0]} times, issued {slot.high}")
    if counts[0] < slot.low:
        raise Wrong(f"increased {counts[0]} times, of {slot.low} that were done")


# ---------------------------------------------------------------- what users do


def prove(client, _):
    """A round trip, to show that this client is served."""
    workers = client.run.workers
    client.fresh = set()
    if not workers:
        raise fp.DeadlineExceeded("no worker is here")  # none of the faults is to blame alone: try again
    named = [worker for worker in workers if worker.name == client.with_whom]
    client.with_whom = ""
    worker, number = client.chance.choice(named or workers), client.chance.randrange(1000)
    client.fresh = {worker.number}
    got = client.call(lambda: (fp.tensor([number]).send(worker) + 1).get())
    if got.tolist() != [number + 1]:
        raise Wrong(f"a wrong value {got}, not {number + 1}")


def make(client, _):
    chance = client.chance
    workers = client.run.workers
    client.fresh = set()
    if not workers:
        time.sleep(0.005)
        client.call(client.run.sync)
        return
    if len(client.slots) >= SLOTS:
        client.slots.pop(chance.randrange(len(client.slots)))
    path = chance.sample(workers, min(len(workers), chance.choice((1, 1, 1, 2, 2, 3))))
    base = np.arange(chance.choice(ITEMS)) + chance.randrange(1000)
    client.fresh = {worker.number for worker in path}
    pointer = fp.tensor(base)
    for worker in reversed(path):
        pointer = client.call(lambda worker=worker, pointer=pointer: pointer.send(worker))
    client.slots.append(Slot(pointer, base, [worker.number for worker in path]))


def increase(client, slot):
    for _ in range(client.chance.choice((1, 1, 5, 30))):
        slot.high += 1
        try:
            client.call(lambda: slot.pointer.__iadd__(1))
        except fp.FarptrError as error:
            if error.definite:
                slot.high -= 1
            raise
        slot.low += 1


def look(client, slot):
    client.read(slot)


def compute(client, slot):
    result = client.call(lambda: slot.pointer * 3)
    value = client.call(result.get)
    while isinstance(value, fp.Pointer):
        value = client.call(value.get)
    check(client, slot, value, slot.base, 3)


def ask(client, slot):
    found = client.call(lambda: slot.pointer.shape)
    if found != slot.base.shape:
        raise Wrong(f"shape {found}, of {slot.base.shape}")
    client.found["checked"] += 1


def move(client, slot):
    if len(slot.path) > 1 or not client.run.workers:
        return
    to = client.chance.choice(client.run.workers)
    slot.legs.add(to.number)
    slot.pointer = client.call(lambda: slot.pointer.move(to))
    slot.path = [to.number]


def pull(client, slot):
    if len(slot.path) < 2:
        return
    slot.pointer = client.call(lambda: slot.pointer.remote_get())
    del slot.path[1]


def sync(client, _):
    client.fresh = set()
    client.call(client.run.sync)


def release(client, slot):
    client.forget(slot)


ACTS = (make, make, increase, increase, increase, look, look, look, compute, compute, ask, move, pull, sync, release)
WITHOUT_OBJECT = (make, sync, prove)


# ---------------------------------------------------------------- the process


def work(pipe, name, seed):
    """Until the other end says ``end``; its last word is what was found, as in every word of it."""
    faulthandler.register(signal.SIGUSR2)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    last_s = 0.0
    before = descriptors()

    def say(word):
        nonlocal last_s
        last_s = time.monotonic()
        pipe.send((word, last_s, client.found))

    def beat():
        if time.monotonic() - last_s >= BEAT_S:
            say("beat")

    client = Client(name, seed, beat)
    wanted = set()
    with contextlib.suppress(EOFError, BrokenPipeError):
        while "end" not in wanted:
            while pipe.poll(0.005 if wanted == {"drop"} else 0):
                word, client.with_whom = pipe.recv()
                wanted.add(word)
                if word == "work":
                    wanted -= {"work", "drop"}
                elif word == "drop":
                    client.drop()
                    say("dropped")
            beat()
            if "prove" in wanted:
                if client.step(prove):
                    wanted.remove("prove")
                    say("served")
            elif not wanted:
                client.step()
                time.sleep(client.chance.choice(PAUSES_S))
        client.drop()
        client.leave()
        gc.collect()
        if (after := descriptors()) > before:
            client.tell(f"{after} descriptors are open after the end, {before} before")
        say("end")
