"""Chains of 1 to 16 hops, killed at every hop: the error names the worker and the hop, whoever waits or asks."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import threading
import time

import farptr as fp
from tests.chaos.measure_tools import quantiles, until
from tests.sim.world import World

LONGEST = 16
CASES = [(hops, at) for hops in range(1, LONGEST + 1) for at in range(hops)]
BAR_S = 0.05


def chain(workers):
    """An array at the last of the workers, and a pointer to it at each of the others."""
    pointer = fp.tensor([1, 2, 3])
    for worker in reversed(workers):
        pointer = pointer.send(worker)
    return pointer


def fault_in(error, name, hop, outcome):
    """What is wrong with the error for a loss; empty when it says all."""
    where = f"worker {name} (hop {hop}) is gone" if hop else f"worker {name} is gone"
    if not isinstance(error, fp.WorkerLost):
        return f"{type(error).__name__}: {error}"
    if (error.worker, error.hop, error.outcome) != (name, hop, outcome) or where not in str(error):
        return f"names {(error.worker, error.hop, error.outcome)}, not {(name, hop, outcome)}: {error}"
    return ""


def raised(call, pointer):
    """The error that a call on a pointer ends with; None when it ends without one."""
    try:
        call(pointer)
    except fp.FarptrError as error:
        return error.with_traceback(None)  # which would keep what the call had in hand
    return None


WAITING = {
    "shape": lambda p: p.shape,
    "element": lambda p: float(p.sum()),
    "shape of a result": lambda p: (p + p).shape,
}
AFTER = {
    "shape": lambda p: p.shape,
    "operation": lambda p: p + 1,
    "in place": lambda p: p.__iadd__(1),
}


# ---------------------------------------------------------------- the real cores on simulated links


class Deaths(World):
    """A world in which one worker dies when nothing is left to do but what waits for it."""

    victim = ""

    def step(self):
        ready = self._ready()
        if self.victim and all(link.name == f">{self.victim}" for _, _, link in ready):
            name, self.victim = self.victim, ""
            self.lose(name)
            return True
        return super().step()


def simulated_case(hops, at, waiting, *, heard):
    """What was wrong with one case; ``heard`` says whether the client knows of the loss before it asks."""
    names = [f"w{i}" for i in range(hops)]
    world = Deaths(names, 100 * hops + at)
    world.pace = world.flushes = 0.0
    p = chain(world.run.workers)
    world.run.sync()
    if heard:
        world.slow = {f">{names[at]}"}
        world.victim = names[at]
    else:
        world.lose(names[at])
    wrong = [fault_in(raised(WAITING[waiting], p), names[at], at, "unknown")]
    wrong += [fault_in(raised(call, p), names[at], at, "not-started") for call in AFTER.values()]
    with contextlib.suppress(fp.WorkerLost):  # of the commands that nobody has waited for
        world.run.sync()
    del p
    world.finish()
    return [f"{hops} hops, killed at {at}, {waiting}: {what}" for what in wrong if what]


def simulated():
    """Every case, every way of asking; (cases, what was wrong)."""
    wrong, count = [], 0
    for hops, at in CASES:
        for waiting in WAITING:
            for heard in (True, False):
                wrong += simulated_case(hops, at, waiting, heard=heard)
                count += 1
    return count, wrong


# ---------------------------------------------------------------- real processes


class Real:
    """A pool of workers; one of a chain is stopped, asked, and killed while somebody waits."""

    def __init__(self, workers):
        self.names = [f"w{i}" for i in range(workers)]
        self.run = fp.up(*self.names)
        self.other = fp.connect(self.run._running.info.address)
        self.chance = random.Random(1)
        self.times_s = []

    def close(self):
        self.other.close()
        self.run.close()

    def queued(self, name):
        return self.other._session.ask_broker("progress")["queues"].get(name, 0)

    def case(self, hops, at):
        names = self.chance.sample(self.names, hops)
        victim, pid = names[at], self.run.pids[names[at]]
        p = chain([self.run[name] for name in names])
        self.run.sync()
        waiting = self.chance.choice(list(WAITING))
        told = []
        os.kill(pid, signal.SIGSTOP)
        caller = threading.Thread(
            target=lambda p: told.append((raised(WAITING[waiting], p), time.perf_counter())), args=(p,)
        )
        caller.start()
        until(lambda: self.queued(victim))
        began_s = time.perf_counter()
        os.kill(pid, signal.SIGKILL)
        caller.join()
        del caller  # it has the pointer, too
        error, at_s = told[0]
        self.times_s.append(at_s - began_s)
        wrong = [fault_in(error, victim, at, "unknown")]
        wrong += [fault_in(raised(call, p), victim, at, "not-started") for call in AFTER.values()]
        del p
        self.run.restart(victim)
        with contextlib.suppress(fp.WorkerLost):
            self.run.sync()
        until(lambda: sum(worker.count() for worker in self.run) == 0)
        return [f"{hops} hops, killed at {at}, {waiting}: {what}" for what in wrong if what]


def hops(short):
    """All 136 cases on simulated links, each in six ways; in the long form on real processes too (short: eight)."""
    count, wrong = simulated()
    real = Real(4 if short else LONGEST)
    cases = [(4, at) for at in range(4)] if short else CASES
    with contextlib.closing(real):
        for case in cases:
            wrong += real.case(*case)
        leaks = real.run.leaks()
    wrong += [f"leaks: {leaks}"] if leaks else []
    return {
        "simulated": count, "processes": len(cases), "error_after_kill": quantiles(real.times_s), "wrong": wrong,
    }  # fmt: skip
