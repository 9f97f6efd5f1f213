"""Is there one outcome for every call, and is it one that could be? A check of a ``History`` on plain NumPy.

Each client's calls are replayed on *boxes* (see ``model``), which know from when on they are in doubt:

    main        what is in the box if everything was done: an array, another box, or a failure
    alts        other values that it may have, each with the loss (its time) from which on it may have it
    unsure      from when on anything may be there
    loose       from when on the pointer in it may have come too late to keep what it points at
    life        until when somebody surely owns it

A command is in doubt from the loss of a worker on its path, unless a ``sync`` was answered before.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tests.sim.actors import OPERATIONS, change
from tests.sim.boxes import GAVE_UP, LOST, Box, Boxes, Fails, Handle, Published
from tests.sim.faults import OWN
from tests.sim.history import INF, Call, Failure, History, Wrong, is_text, same

REFUSED = {"NotCollocated", "InvalidRemoteGet", "HopLimit"}
"""What is found before anything is sent, from what the client believes of places."""
ALTS = 12


class Checker(Boxes):
    """One client's calls."""

    # ------------------------------------------------------------ the whole

    def check(self) -> None:
        for i, call in enumerate(self.calls):
            self.call, self.barrier = call, self._barriers[i]
            try:
                self._check(call)
            except Wrong as error:
                raise Wrong(f"{error}\nin {call}\n{self.history}") from None

    def _check(self, call: Call) -> None:
        if is_text(call.outcome, "killed") or call.ended > self.cut:
            return  # a client that was given up has no word to say; it was told, or is told by its next call
        for fault in call.details.get("faults", ()):
            self._told(fault)
        if isinstance(call.outcome, Failure) and call.kind != "sync" and self._ended_early(call.outcome):
            if call.kind == "publish":
                self.kept.append((self.handles[call.h].box, -1))
            return
        getattr(self, f"_{call.kind}")(call)
        self._collect()

    def _ended_early(self, error: Failure) -> bool:
        """Whether a call ended for a reason that has nothing to do with its object; raises when there was none."""
        now = self.call.ended
        if error.type in LOST:
            self.say(self.lost.get(error.worker, INF) < now, "worker {} is not lost", error.worker)
            return self.call.kind not in ("get", "get_copy", "ask")
        if error.type == "BrokerLost":
            self.say(self.over < now, "the broker is not gone")
            return True
        if error.type == "WorkerUnresponsive":
            self.say(self.stalls < now, "the broker told of no worker that is stopped")
            return True
        if error.type in GAVE_UP:
            self.say(self.stops < now, "nothing was stopped")
            return True
        if error.type == "SessionExpired":
            self.say(self.cut < now, "this session did not expire")
            return True
        return False

    # ------------------------------------------------------------ making

    def _send(self, call: Call) -> None:
        if self._was_made(call):
            self.handles[call.label] = Handle(self.new(call.worker, call.id, call.value.copy()))

    def _was_made(self, call: Call) -> bool:
        if is_text(call.outcome, "pointer"):
            return True
        h = self.handles.get(call.details.get("h", 0))
        error = call.outcome
        self.say(isinstance(error, Failure), "no pointer")
        if error.type == "ObjectGone" and h is not None:
            self.say(not h.owns and self._gone_at(h.box) < call.ended, "{} is not gone", h.box)
            return False
        unsure = [self.handles[n].box for n in call.details.get("hs", (call.details.get("h", 0),)) if n in self.handles]
        doubt = min((self.doubt(self.chain(b)) for b in unsure), default=INF)
        self.say(error.type in REFUSED and doubt < call.ended, "it raised {}", error)
        return False

    def _sendp(self, call: Call) -> None:
        h = self.handles[call.h]
        if self._was_made(call):
            if h.box.dead:
                self.say(self.first_loss < call.ended, "what is gone was sent")
            made = self.put(call.worker, call.id, h.box)
            made.loose = h.until if h.owns else h.box.life if h.box.life < self.barrier else INF
            self.handles[call.label] = Handle(made)
            h.owns = False

    def _op(self, call: Call) -> None:
        if not self._was_made(call):
            return
        boxes = [self.handles[h].box for h in call.hs]
        run: Callable[..., Any] = OPERATIONS.get(call.code) or np.add
        flaw = (np.ones(7, dtype=int),) if call.code == "bad" else ()
        self.handles[call.label] = Handle(self._apply(boxes, lambda *v: run(*v, *flaw), call))

    def _apply(self, boxes: list[Box], run: Callable[..., Any], call: Call) -> Box:
        """An operation: one result box at each hop."""
        chains = [self.chain(b) for b in boxes]
        doubt = min(map(self.doubt, chains))
        self.may_fail(doubt)
        ends = [c[-1] for c in chains]
        main, alts = self._outcome(ends, run)
        made = self.new(ends[0].worker, None, main)
        made.alts = alts
        for box in reversed(chains[0][:-1]):
            made = self.new(box.worker, None, made)
        made.id = call.id
        self._doubt_result(made, min(doubt, *(e.unsure for e in ends)))
        return made

    def _doubt_result(self, made: Box, doubt: float) -> None:
        for box in self.chain(made):
            box.unsure = min(box.unsure, doubt)

    def _outcome(self, ends: list[Box], run: Callable[..., Any]) -> tuple[Any, list[tuple[np.ndarray, float]]]:
        if any(e.dead for e in ends):
            return self.fails("ObjectGone"), []
        failed = next((e.main for e in ends if isinstance(e.main, Fails)), None)
        if failed is not None:
            return failed, []
        if any(e.main is None for e in ends):
            return None, []
        if any(isinstance(e.main, Box) for e in ends):
            return self.fails("NotCollocated"), []
        try:
            main = np.asarray(run(*[e.main for e in ends]))
        except ValueError:
            return self.fails("ValueError"), []
        found: list[tuple[list[np.ndarray], float]] = [([], -1)]
        for e in ends if len(set(ends)) == len(ends) else ends[:1]:
            found = [([*v, w], max(s, t)) for v, s in found for w, t in [(e.main, -1), *e.alts]]
        if len(set(ends)) < len(ends):
            found = [(v * len(ends), s) for v, s in found]
        alts = [(np.asarray(run(*v)), s) for v, s in found if s > 0]
        return main, alts[:200]

    # ------------------------------------------------------------ changing

    def _change(self, call: Call) -> None:
        if call.failed:
            self._was_made(call)
            return
        chains = [self.chain(self.handles[h].box) for h in call.hs]
        doubt = min(map(self.doubt, chains))
        self.may_fail(doubt)
        ends = [c[-1] for c in chains]
        end = ends[0]
        if isinstance(end.main, Fails) and not any(e.dead for e in ends):
            return
        main, alts = self._outcome(ends, lambda *v: _changed(call.code, *v))
        if isinstance(main, Fails):
            self.fails(main.kind)
            if end.dead and doubt < INF:  # it may live a little longer, and lead there
                there = self.beyond(end)
                there.unsure = min(there.unsure, doubt)
            return
        if doubt < INF and main is not None:
            alts += [(end.main, doubt), *((v, max(s, doubt)) for v, s in end.alts)]
        end.main, end.alts = main, alts
        end.unsure = min(e.unsure for e in ends)
        if len(end.alts) > ALTS:
            end.unsure = min(end.unsure, *(s for _, s in end.alts))
            end.alts = []

    # ------------------------------------------------------------ places

    def _move(self, call: Call) -> None:
        h = self.handles[call.h]
        if call.failed:
            self.say(call.outcome.type == "ObjectGone" and not h.owns, "it raised {}", call.outcome)
            self.say(self._gone_at(h.box) < call.ended, "{} is not gone", h.box)
            return
        if h.box.dead:
            self.say(self.first_loss < call.ended, "what is gone was moved")
        old = h.box
        doubt = min(self.loss_of((old.worker, call.to)), self.first_loss if old.dead else self._gone_at(old))
        self.may_fail(doubt)
        new = self.put(call.to, call.outcome[1], old.main if old.main is not old else None)
        new.alts, old.alts = old.alts, []
        new.loose, old.loose = old.loose, INF
        new.unsure = old.unsure = min(old.unsure, new.unsure, doubt)
        old.main = h.box = new

    def _rget(self, call: Call) -> None:
        box = self.handles[call.h].box
        if call.failed:
            self._was_made(call)
            return
        far = box.main
        doubt = self.doubt([box, far]) if isinstance(far, Box) and not box.dead else self.doubt([box])
        self.may_fail(doubt)
        if box.dead or (isinstance(far, Box) and far.dead):
            self.fails("ObjectGone")
        elif isinstance(far, Fails):
            self.fails(far.kind)
        elif not isinstance(far, Box):
            self.fails("InvalidRemoteGet")
        elif far.main is not box:
            box.main, box.alts = far.main, far.alts
            far.main, far.alts = box, []
            box.loose, far.loose = far.loose, INF
        if isinstance(far, Box):
            box.unsure = far.unsure = min(box.unsure, far.unsure, doubt)

    def _clone(self, call: Call) -> None:
        h = self.handles[call.h]
        self.handles[call.label] = Handle(h.box, h.owns, h.until)

    def _drop(self, call: Call) -> None:
        del self.handles[call.h]

    # ------------------------------------------------------------ looking

    def _get(self, call: Call) -> None:
        self._read(call)
        if not call.failed:
            del self.handles[call.h]

    def _get_copy(self, call: Call) -> None:
        self._read(call)

    def _read(self, call: Call) -> None:
        box = self.handles[call.h].box
        now, outcome = call.ended, call.outcome
        if isinstance(outcome, Failure):
            self._failed(box, outcome, [box])
        elif box.dead:
            self.say(self.first_loss < now, "{} is dead, and answered", box)
        elif is_text(outcome, "pointer"):
            fits = isinstance(box.main, Box) and box.main.worker == call.worker and box.main.id in (None, call.id)
            self.say(fits or box.unsure < now, "a pointer to {}:{} from {}", call.worker, call.id, box)
        elif box.unsure >= now:
            values = [v for v, since in [(box.main, -1), *box.alts] if since < now]
            self.say(any(same(v, outcome) for v in values), "{} where {} belong", outcome, values)
        if is_text(outcome, "pointer"):
            found = self._pointed_at(box, call)
            self.handles[call.label] = Handle(found, True, max(-1, found.life) if found.life < now else INF)

    def _pointed_at(self, box: Box, call: Call) -> Box:
        target = box.main
        if isinstance(target, Box) and target.worker == call.worker and target.id in (None, call.id):
            target.id = call.id
            if target.dead:
                target.unsure = -1
                self.boxes.append(target)
            return target
        found = self.new(call.worker, call.id, None)
        found.unsure = -1
        return found

    def _failed(self, box: Box, error: Failure, path: list[Box]) -> None:
        """Looking at an object raised this."""
        now, first = self.call.ended, path[0]
        if error.type in LOST:
            # A handle of what is gone leads where it did: that is found first.
            unsure = min(-1 if b.dead else b.unsure for b in path)
            self.say(error.worker in {b.worker for b in path} or unsure < now, "{} is not on the way", error.worker)
            return
        if isinstance(box.main, Fails) and not box.dead and error.kind == box.main.kind:
            self.pending.pop(box.main.command, None)
            return
        gone = min(self._gone_at(b) for b in path)
        if error.type == "ObjectGone":
            self.say(gone < now, "{} is not gone", first)
            return
        self.say(min(b.unsure for b in path) < now, "{} raised {}", box, error)

    def _ask(self, call: Call) -> None:
        path = self.chain(self.handles[call.h].box)
        end, outcome = path[-1], call.outcome
        if isinstance(outcome, Failure):
            self._failed(end, outcome, path)
        else:
            sure = self.doubt(path) >= call.ended and not end.dead
            fits = isinstance(end.main, np.ndarray) and outcome == end.main.shape
            self.say(fits or not sure, "shape {} of {}", outcome, end)

    def _sync(self, call: Call) -> None:
        failures = [call.outcome] if isinstance(call.outcome, Failure) else call.outcome
        if self._unanswered(call):
            for error in failures:
                self._ended_early(error)
            return
        for error in failures:
            self._told(error)
        silent = {n: kind for n, kind in self.pending.items() if self.doubtful.get(n, INF) >= call.ended}
        self.say(not silent, "nobody was told of {}", silent)
        self.pending.clear()

    def _list(self, call: Call) -> None:
        self.say(isinstance(call.outcome, dict), "it raised {}", call.outcome)
        for box in self.boxes:
            if box.worker != call.at or box.id is None or self._gone_at(box) < call.ended:
                continue
            self.say(box.id in call.outcome, "{} is not listed", box)
            shown = call.outcome[box.id]
            if isinstance(box.main, np.ndarray):
                values = [v for v, since in [(box.main, -1), *box.alts] if since < call.ended]
                hidden = isinstance(shown, str) and same(box.main, OWN)
                self.say(hidden or any(same(v, shown) for v in values), "{} where {} belong", shown, values)
            elif isinstance(box.main, Box):
                self.say(shown[0] == "pointer" and shown[2] == (box.main.id or shown[2]), "{} for {}", shown, box)

    # ------------------------------------------------------------ what others find

    def _forgotten(self, at: int, name: str) -> float:
        """When somebody began to take a name away, from now on; or had given up waiting for that before it was done."""
        forgets = [c for c in self.history.calls if c.kind == "forget" and (c.at, c.name) == (at, name)]
        late = (c.failed and c.outcome.type in GAVE_UP for c in forgets)
        return min(
            (c.began for c, too in zip(forgets, late, strict=True) if too or c.ended > self.call.began), default=INF
        )

    def _publish(self, call: Call) -> None:
        box = self.handles[call.h].box
        until = self._forgotten(box.worker, call.name)
        if call.failed:
            until = -1
            if call.outcome.type != "BadName":
                gone = call.outcome.type == "ObjectGone" and self._gone_at(box) < call.ended
                self.say(gone, "it raised {}", call.outcome)
        self.kept.append((box, until))

    def _named(self, call: Call) -> None:
        if call.failed:
            self.say(call.outcome.type == "UnknownData", "it raised {}", call.outcome)
            self.say(call.name != "own", "own data is gone")
            return
        value = OWN if call.name == "own" else self.published.get((call.worker, call.id))
        self.say(value is not None, "nobody published that")
        box = next((b for b in self.boxes if (b.worker, b.id) == (call.worker, call.id)), None)
        if box is None:
            box = self.new(call.worker, call.id, value)
        self.kept.append((box, self._forgotten(call.at, call.name)))
        self.handles[call.label] = Handle(box)

    def _forget(self, call: Call) -> None:
        if call.failed:
            self.say(call.outcome.type == "UnknownData", "it raised {}", call.outcome)


def _changed(code: str, first: np.ndarray, *rest: np.ndarray) -> np.ndarray:
    new = first.copy()
    change(code, new, *(new if v is first else v for v in rest))
    return new


def _published(history: History) -> Published:
    """What was published, by worker and id."""
    sent = {(c.client, c.label): c for c in history.calls if c.kind == "send" and "label" in c.details}
    sends = [sent[c.client, c.h] for c in history.calls if c.kind == "publish"]
    return {(c.worker, c.id): c.value for c in sends}


def check(history: History) -> None:
    """Raise Wrong unless every call of every client had one outcome, and one that could be."""
    published = _published(history)
    for client in dict.fromkeys(call.client for call in history.calls):
        Checker(history, client, published).check()
