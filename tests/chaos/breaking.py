"""Who breaks things: a run, clients at work on it (``load``), and seeded faults, each of which must be over soon.

A *round* is one run: a fixed number of faults of each kind in seeded order, up to three at once; then all clients let
go and the stores must be empty; then the broker is killed, and the next round has a new run of the same name.
"""

from __future__ import annotations

import contextlib
import gc
import itertools
import multiprocessing
import os
import random
import signal
import time
import traceback
from collections import Counter
from multiprocessing import forkserver

import psutil

import farptr as fp
from farptr.launch.rundir import find
from tests.chaos import links
from tests.chaos.loaders import Loader
from tests.chaos.watching import descriptors, left_behind, spread, until
from tests.conftest import alive, pids_of

ROUND = {"worker killed": 20, "worker stopped": 4, "client killed": 4, "worker cut": 2, "client cut": 4}
"""Faults between one death of the broker and the next."""
AT_ONCE = (1, 1, 2, 3)
STOPPED_S = (0.05, 1.5)
AGAIN_AFTER_S = 0.03
"""A worker that was killed is sometimes killed once more within this time: it may be starting then."""
BAR_S = 1.0
"""The run serves again within this time of each fault."""
EMPTY_S = 2.0
"""Stores are empty within this time of the last drop, and processes gone within it of their broker's death."""
OFTEN, OFTEN_S = 4, 31.0
"""A worker that died as often in this time is not left to the supervisor: one death more, and it would give it up."""


class Chaos:
    """One program of breaking things. ``go`` does it, ``report`` says what was seen."""

    def __init__(self, seed, *, workers=6, clients=4, cuts=True, log=lambda _: None):
        self.chance = random.Random(seed)
        self.names = [f"w{i}" for i in range(workers)]
        self.name = f"chaos-{os.getpid()}"
        self.log = log
        self.context = multiprocessing.get_context("forkserver")
        self.context.set_forkserver_preload(["tests.chaos.load"])
        forkserver.ensure_running()
        self.before = descriptors()
        self.seeds = itertools.count(seed * 1_000_003 + 1)
        self.faults = Counter()
        self.again_s = {}
        """By kind of fault: seconds until what it hit served again."""
        self.late, self.wrong, self.left = [], [], []
        self.found = []
        """What clients that are gone have said last."""
        self.up()
        self.cuts = cuts and links.can_cut(self.run._running.info.broker_pid)
        self.loaders = [self.loader() for _ in range(clients)]

    # ------------------------------------------------------------ the run

    def up(self):
        self.restarting = self.chance.random() < 0.5
        self.run = fp.up(*self.names, name=self.name, restart=self.restarting, timeout=5)
        self.deaths = {name: [] for name in self.names}
        self.stopped = {}
        """Worker to its pid and when it goes on again."""
        self.hit = set()
        """Workers, and places of clients, that a fault has hit which is not over yet."""

    def loader(self):
        return Loader(self.context, self.name, next(self.seeds))

    def live(self):
        """Pids of the workers that are registered by now."""
        rows = self.run._session.ask_broker("parties")
        return {name: pid for _, name, role, pid, *_ in rows if role == "worker"}

    def serves(self, name):
        """A round trip with a worker."""
        number = self.chance.randrange(1000)
        got = int((fp.tensor([number]).send(self.run[name]) + 1).get()[0])
        if got != number + 1:
            self.wrong.append(f"a probe of {name} got {got}, not {number + 1}")

    def served(self, kind, took_s, bar_s=BAR_S):
        self.again_s.setdefault(kind, []).append(took_s)
        if took_s > bar_s:
            self.late.append((kind, round(took_s, 3)))
            self.log(f"late: {self.late[-1]}")

    def a_worker(self, *, but=()):
        """One that no fault has hit that is not over."""
        if not set(self.names) - self.hit - set(but):
            self.let_go_on(all_of_them=True)
        return self.chance.choice([name for name in self.names if name not in self.hit and name not in but])

    def a_client(self):
        return self.chance.choice([place for place in range(len(self.loaders)) if place not in self.hit])

    # ------------------------------------------------------------ faults: the harm; what is returned waits for its end

    def kill_worker(self):
        name = self.a_worker()
        pids = [self.live()[name]]
        self.hit.add(name)
        began_s = time.monotonic()
        os.kill(pids[0], signal.SIGKILL)
        self.stopped.pop(name, None)
        if self.chance.random() < 0.2:
            time.sleep(self.chance.uniform(0, AGAIN_AFTER_S))
            pids += self.kill_again(name, pids[0])
        return lambda: self.bring_back(name, pids, began_s)

    def kill_again(self, name, but):
        """Kill the process that takes its place, which may have registered or not."""
        for child in psutil.Process(self.run._running.info.supervisor_pid).children():
            with contextlib.suppress(psutil.Error):
                if child.name() == f"farptr:{name}" and child.pid != but:
                    child.kill()
                    self.faults["worker killed"] += 1
                    return [child.pid]
        return []

    def cut_worker(self):
        name = self.a_worker(but=self.stopped)
        pid = self.live()[name]
        self.hit.add(name)
        began_s = time.monotonic()
        self.cut(pid, name)
        return lambda: self.bring_back(name, [pid], began_s)

    def cut(self, pid, whom):
        if not links.cut(pid, self.run._running.info.address):
            raise AssertionError(f"there was no connection of {whom} to cut")

    def bring_back(self, name, pids, began_s):
        """A worker comes again, by itself or not, and serves."""
        deaths = self.deaths[name] = [at_s for at_s in self.deaths[name] if at_s > began_s - OFTEN_S]
        deaths += [began_s] * len(pids)
        by_itself = self.restarting and len(deaths) <= OFTEN
        if by_itself and until(lambda: self.let_go_on() or self.live().get(name, pids[0]) not in pids) is None:
            gone = find(self.name).gone
            self.wrong.append(
                f"{name} was not started again by its supervisor: {pids}, {deaths}, {self.live()}, {gone}"
            )
            by_itself = False
        if not by_itself:
            self.again(name, pids)
        self.serves(name)

    def again(self, name, pids):
        """Restarted on purpose, or added as one who is new."""
        if self.restarting or self.chance.random() < 0.5:
            try:
                self.run.restart(name)
            except fp.StartFailed:
                if len(pids) == 1:
                    raise
                self.run.restart(name)  # the first to come was killed while it started
        elif until(lambda: self.added(name)) is None:
            self.wrong.append(f"{name} is not gone: {pids}, {self.live()}")

    def added(self, name):
        """Whether a new worker has that name: while the old process lives, though it is lost already, it is taken."""
        try:
            return bool(self.run.add(name).name)
        except fp.BadName:
            return False

    def stop_worker(self):
        """Whoever waits for nothing of it does not notice."""
        name = self.a_worker(but=self.stopped)
        pid = self.live()[name]
        os.kill(pid, signal.SIGSTOP)
        self.stopped[name] = pid, time.monotonic() + self.chance.uniform(*STOPPED_S)
        other = self.a_worker(but=self.stopped)
        began_s = time.monotonic()
        self.serves(other)
        self.served("another worker beside a stopped one", time.monotonic() - began_s)

    def let_go_on(self, *, all_of_them=False):
        for name, (pid, at_s) in list(self.stopped.items()):
            if all_of_them or time.monotonic() >= at_s:
                del self.stopped[name]
                began_s = time.monotonic()
                os.kill(pid, signal.SIGCONT)
                self.serves(name)
                self.served("worker stopped", time.monotonic() - began_s)

    def kill_client(self):
        place = self.a_client()
        self.hit.add(place)
        began_s = time.monotonic()
        self.loaders[place].kill()
        self.found.append(self.loaders[place].found)
        self.loaders[place] = self.loader()
        return self.proof(place, began_s)

    def cut_client(self):
        place = self.a_client()
        pid = self.loaders[place].process.pid
        self.hit.add(place)
        began_s = time.monotonic()
        self.cut(pid, f"client {place}")
        return self.proof(place, began_s)

    def proof(self, place, began_s):
        """That a client is served, by its own word: how long that took."""
        loader = self.loaders[place]
        loader.say("prove", self.a_worker(but=self.stopped))

        def wait():
            if until(lambda: self.let_go_on() or loader.has_said("served", began_s)) is None:
                self.wrong.append(f"client {place} is not served again: {loader.found}")
                loader.print_stack()
                return time.monotonic() - began_s
            return loader.said["served"] - began_s

        return wait

    FAULTS = {  # noqa: RUF012 - a table, never changed
        "worker killed": kill_worker,
        "worker cut": cut_worker,
        "worker stopped": stop_worker,
        "client killed": kill_client,
        "client cut": cut_client,
    }

    def blow(self, kinds):
        """Several faults at once; then each must be over soon."""
        self.hit.clear()
        waits = []
        for kind in kinds:
            began_s = time.monotonic()
            # Its own commands for a stopped worker, and its own program order, may keep a client until that goes on.
            beside = " beside a stopped worker" if kind == "client cut" and self.stopped else ""
            wait = self.do(self.FAULTS[kind], self)
            self.faults[kind] += 1
            waits += [(kind + beside, began_s, wait)] if wait else []
        # Clients note when they are served; a worker is found to serve here, and must not wait for a client's proof.
        waits.sort(key=lambda wait: wait[0].startswith("client"))
        for kind, began_s, wait in waits:
            took_s = self.do(wait)
            self.served(kind, took_s or time.monotonic() - began_s, BAR_S + (STOPPED_S[1] if "beside" in kind else 0.0))
        self.hit.clear()

    def kill_broker(self):
        """And with it the run; the next one is up soon, and every client at work on it."""
        self.stop_worker()  # this must end stopped workers, too
        self.faults["worker stopped"] += 1
        pids = pids_of(self.run) + list(self.live().values())
        began_s = time.monotonic()
        os.kill(self.run._running.info.broker_pid, signal.SIGKILL)
        self.faults["broker killed"] += 1
        self.run.close()
        if until(lambda: not any(map(alive, pids)), EMPTY_S) is None:
            self.wrong.append(f"processes outlive their broker: {[pid for pid in pids if alive(pid)]}")
        self.up()
        for name in self.names:
            self.serves(name)
        self.served("broker killed", time.monotonic() - began_s)
        waits = [self.proof(place, began_s) for place in range(len(self.loaders))]
        self.again_s.setdefault("broker killed: each client", []).extend(wait() for wait in waits)

    # ------------------------------------------------------------ the stores

    def all_let_go(self):
        """Every client lets go of everything: the stores must be empty soon, and nothing leak."""
        self.let_go_on(all_of_them=True)
        began_s = time.monotonic()
        for loader in self.loaders:
            loader.say("drop")
        if until(lambda: all(loader.has_said("dropped", began_s) for loader in self.loaders)) is None:
            self.wrong.append("a client does not let go")
        gc.collect()
        began_s = time.monotonic()
        with contextlib.suppress(fp.WorkerLost, fp.SeveralFailed):  # of what was killed while it was probed
            self.run.sync()
        if until(lambda: not any(worker.count() for worker in self.run)) is None:
            self.wrong.append(f"not empty: {[(w.name, w.count()) for w in self.run]}, {self.run.leaks()[:5]}")
        else:
            self.served("stores empty", time.monotonic() - began_s, EMPTY_S)
            if leaks := self.run.leaks():
                self.wrong.append(f"leaks: {leaks[:5]}")
        for loader in self.loaders:
            loader.say("work")

    # ------------------------------------------------------------ the program

    def go(self, rounds, round_s=0.0):
        """So many rounds; none is shorter than ``round_s``, over which its faults are spread."""
        for place in range(len(self.loaders)):
            self.do(self.proof(place, time.monotonic()))
        for number in range(rounds):
            self.round(round_s)
            self.log(f"round {number + 1} of {rounds}: {sum(self.faults.values())} faults, {len(self.wrong)} wrong")
        self.do(self.all_let_go)
        self.finish()

    def round(self, round_s):
        began_s = time.monotonic()
        deck = [kind for kind, times in ROUND.items() if self.cuts or not kind.endswith("cut") for _ in range(times)]
        self.chance.shuffle(deck)
        total = len(deck)
        while deck:
            self.blow([deck.pop() for _ in range(min(len(deck), self.chance.choice(AT_ONCE)))])
            self.tick()
            while time.monotonic() < began_s + round_s * (1 - len(deck) / total):
                time.sleep(0.005)
                self.tick()
        self.do(self.all_let_go)
        self.do(self.kill_broker)

    def tick(self):
        self.do(self.let_go_on)
        self.look()

    def do(self, act, *arguments):
        """Do that; what fails here is wrong, and the program goes on."""
        try:
            return act(*arguments)
        except Exception as error:
            self.wrong.append(f"{act.__qualname__}: {type(error).__name__}: {error}")
            self.log(f"{self.wrong[-1]}\n{traceback.format_exc()}")
        with contextlib.suppress(Exception):
            self.mend()
        return None

    def mend(self):
        """Something failed here: go on with all workers, or a new run."""
        try:
            self.let_go_on(all_of_them=True)
            for name in set(self.names) - self.live().keys():
                self.run.restart(name)
        except fp.FarptrError:
            self.run.close()
            self.up()

    def look(self):
        """No client may be silent, or have ended by itself."""
        for place, loader in enumerate(self.loaders):
            if loader.hangs():
                self.wrong.append(f"client {place} hangs, or has ended: {loader.process.exitcode}, {loader.found}")
                self.log(self.wrong[-1])
                loader.print_stack()
                loader.kill()
                self.found.append(loader.found)
                self.loaders[place] = self.loader()

    def finish(self):
        """End everything; nothing may be left."""
        for loader in self.loaders:
            loader.say("end")
        for loader in self.loaders:
            if until(lambda loader=loader: loader.has_said("end", 0.0)) is None:
                self.wrong.append(f"a client does not end: {loader.found}")
                loader.print_stack()
            loader.kill()
            self.found.append(loader.found)
        self.run.close()
        gc.collect()
        self.left = left_behind()
        if (after := descriptors()) > self.before:
            self.left.append(f"{after} descriptors, {self.before} before")

    def report(self):
        """Everything that was counted, and what was wrong."""
        found = [one for one in self.found if one]
        errors = Counter()
        for one in found:
            errors.update(one["errors"])
        worst_s = max((one["worst_call_s"] for one in found), default=0.0)
        total = {key: sum(one[key] for one in found) for key in ("steps", "calls", "checked", "hangs", "twice")}
        return {
            "faults": dict(self.faults),
            "cuts": self.cuts,
            "load": total | {"errors": dict(errors), "worst_call_s": round(worst_s, 3)},
            "served_again_s": {kind: spread(times) for kind, times in self.again_s.items()},
            "late": self.late,
            "wrong": self.wrong + [text for one in found for text in one["wrong"]],
            "left_behind": self.left,
        }  # fmt: skip
