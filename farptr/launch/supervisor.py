"""The process above a run: it forks the broker and the workers, watches them, and ends them. No ZeroMQ here."""

from __future__ import annotations

import contextlib
import gc
import logging
import os
import selectors
import signal
import socket
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from farptr.launch import failing, logs
from farptr.launch.ask import going_down
from farptr.launch.bodies import broker_body, worker_body
from farptr.launch.channel import Channel
from farptr.launch.children import Child
from farptr.launch.family import Family
from farptr.launch.leaving import WHY, Leaving
from farptr.launch.owner import Owner
from farptr.launch.requests import Request, Requests
from farptr.launch.restarts import ON_PURPOSE, Restarts
from farptr.launch.roles import BrokerMain, WorkerMain
from farptr.launch.rundir import RunDir, RunInfo
from farptr.launch.signals import Signals
from farptr.launch.spec import Spec, WorkerSpec, error_to_json
from farptr.protocol.errors import BadName, FarptrError, RunError, StartFailed
from farptr.protocol.functions import checked as checked_functions
from farptr.protocol.names import BROKER, check_name, unknown_worker

log = logging.getLogger("farptr.supervisor")

_LOOK_AT_LOGS_S = 10.0


class Supervisor:
    """One run, from the first fork until nothing is left of it.

    Args:
        spec: what the run is to be.
        rundir: its directory, claimed; the supervisor removes it.
        broker_main: what the broker does, in a forked child.
        worker_main: what a worker does, in a forked child.
        owner: the pipes to the owner; None takes over stdin and stdout.
        signals: None for new ones. Better made before the directory is claimed: a SIGTERM then leaves nothing.
        protocol: version of the protocol, for ``run.json``.

    To the broker it sends ``exited`` for each worker that exits, and ``remove`` before it ends one on purpose; ``lost``
    answers both. What comes through ``Requests`` adds, removes and restarts workers.
    """

    def __init__(
        self,
        spec: Spec,
        rundir: RunDir,
        broker_main: BrokerMain,
        worker_main: WorkerMain,
        *,
        owner: Owner | None = None,
        signals: Signals | None = None,
        protocol: str = "1",
    ) -> None:
        self._spec = spec
        self._rundir = rundir
        self._broker_main = broker_main
        self._worker_main = worker_main
        self._owner = owner or Owner()
        self._signals = signals or Signals()
        self._protocol = protocol
        self._started = datetime.now(UTC).isoformat(timespec="seconds")
        self._deadline_s = time.monotonic() + spec.start_timeout_s
        self._selector = selectors.DefaultSelector()
        self._family = Family(self._selector, self._signals, self._on_report)
        ours, self._theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        self._control = Channel(ours)
        self._requests = Requests(self._selector, self._on_request, self._on_withdrawn)
        self._leaving: dict[int, Leaving] = {}
        self._restarts = Restarts(spec.restart)
        self._lifeline, self._lifeline_write = os.pipe()  # the write end is never used: it dies with this process
        self._broker_pid, self._logs_at_s = 0, time.monotonic() + _LOOK_AT_LOGS_S
        self._bound, self._ready, self._far = False, False, ""
        self._over = ""  # why the run ends, once it does
        self._broker_lost = self._owner_gone = False

    def run(self) -> int:
        """Start everything, tell the owner, serve until the run ends, and clean up.

        Returns the exit code for this process: 0 after a run that had started and was told to end, 1 otherwise.
        """
        error: FarptrError | None = None
        try:
            self._watch()
            self._fork_broker()
            while not self._over:
                self._step()
        except FarptrError as failure:
            error = failure
        except Exception as failure:  # a bug here must not leave processes behind
            error = failing.supervisor(failure, self._rundir.base)
        finally:
            self._over = self._over or "it failed"
            log.info("the run ends: %s", self._over)  # first: the log goes with the directory
            self._requests.close(going_down(self._rundir.name))
            self._end_script()
            self._family.end()
            self._rundir.remove()
        # Only now, so that an owner who has been told can start a run of the same name at once.
        self._owner.tell({"error": error_to_json(error or StartFailed(f"the run did not start: {self._over}"))})
        return 0 if self._ready and error is None and not self._broker_lost else 1

    def _end_script(self) -> None:
        if self._spec.mark and self._owner_gone:  # else it is the owner's to end
            from farptr.launch import marked  # late: psutil, which only the end of a run needs

            marked.end(self._spec.mark)

    # -- the loop

    def _watch(self) -> None:
        self._selector.register(self._signals.fd, selectors.EVENT_READ, self._on_signal)
        self._selector.register(self._control.sock, selectors.EVENT_READ, self._on_control)
        # A run that is to be detached is called off too, when its owner dies before it has started.
        with contextlib.suppress(PermissionError):  # epoll refuses a plain file; there is nobody behind it
            self._selector.register(self._owner.fd, selectors.EVENT_READ, self._on_owner)

    def _step(self) -> None:
        if not self._control.reader.ended:
            wanted = selectors.EVENT_READ | (selectors.EVENT_WRITE if self._control.has_pending else 0)
            self._selector.modify(self._control.sock, wanted, self._on_control)
        for key, _ in self._selector.select(self._patience_s()):
            key.data()
        self._check_deadlines()
        if self._signals.told_to_end is not None:
            self._over = f"it was told to end ({self._signals.told_to_end.name})"

    def _patience_s(self) -> float:
        deadlines_s = [child.deadline_s for child in self._awaited()]
        deadlines_s += [leaving.deadline_s for leaving in self._leaving.values()]
        nearest_s = min(deadlines_s, default=float("inf"))
        if not self._ready:
            nearest_s = min(nearest_s, self._deadline_s)
        return max(0.0, min(nearest_s, self._logs_at_s) - time.monotonic())

    def _check_deadlines(self) -> None:
        now_s = time.monotonic()
        if not self._ready and not self._over and self._deadline_s <= now_s:
            raise self._too_late(self._awaited())
        for child in self._awaited():
            if child.deadline_s <= now_s:
                self._give_up(child, self._too_late([child]))
        for leaving in self._leaving.values():
            if leaving.deadline_s <= now_s:
                leaving.go_on()
        if self._logs_at_s <= now_s:
            logs.bound(self._rundir.path)
            self._logs_at_s = now_s + _LOOK_AT_LOGS_S

    def _on_signal(self) -> None:
        self._signals.clear()
        if not self._control.reader.ended:
            self._on_control()  # first: a worker that joined and then died did join
        for child, code in self._family.reap():
            self._on_exit(child, code)

    def _on_owner(self) -> None:
        if self._owner.is_gone():
            self._owner_gone = True
            self._over = "its owner is gone"

    # -- what the broker says

    def _on_control(self) -> None:
        if self._control.reader.ended:
            return
        self._control.flush()
        for event in self._control.reader.read():
            handler = self._HANDLERS.get(str(event.get("event")))
            if handler is not None:
                handler(self, event)
        if self._control.reader.ended:
            self._selector.unregister(self._control.sock)
            if self._ready:  # before that its exit is waited for, which says more
                self._broker_lost = self._broker_lost or not self._over
                self._over = self._over or "the broker is gone"

    def _on_bound(self, event: dict[str, Any]) -> None:
        # Not earlier: a worker that finds no socket tries again only after ZeroMQ's 100 ms.
        if not self._bound:
            self._bound, self._far = True, str(event.get("tcp", ""))
            for worker in self._spec.workers:
                self._fork_worker(worker)
            self._announce_if_complete()

    def _on_joined(self, event: dict[str, Any]) -> None:
        for child in self._workers():
            if child.name == event.get("name") and not child.joined:
                child.joined = True
                self._announce_if_complete()
                if child.request is not None:
                    child.request.answer({"added": child.pid})

    def _on_refused(self, event: dict[str, Any]) -> None:
        for child in self._awaited():
            if child.name == event.get("name"):
                self._give_up(child, failing.told(self._rundir.path, child.name, dict(event.get("error") or {})))

    def _on_lost(self, event: dict[str, Any]) -> None:
        self._restarts.heard(str(event.get("name")))
        self._start_again()
        for leaving in self._leaving.values():
            if leaving.child.name == event.get("name"):
                leaving.go_on()

    def _on_down(self, _event: dict[str, Any]) -> None:
        self._over = "a client ended it"

    _HANDLERS: dict[str, Callable[[Supervisor, dict[str, Any]], None]] = {  # noqa: RUF012 - a table, never changed
        "bound": _on_bound,
        "joined": _on_joined,
        "refused": _on_refused,
        "lost": _on_lost,
        "down": _on_down,
    }

    # -- what others ask for

    def _on_request(self, request: Request) -> None:
        fields = request.fields or {}
        if "add" in fields:
            functions = checked_functions(fields.get("functions", False))
            self._add(WorkerSpec(str(fields["add"]), fields.get("load"), functions), request)
        elif "remove" in fields:
            self._remove(str(fields["remove"]), request)
        elif "restart" in fields:
            self._restart(str(fields["restart"]), request)
        else:
            raise RunError("a supervisor adds, removes and restarts workers, and nothing else")

    def _add(self, worker: WorkerSpec, request: Request) -> None:
        check_name(worker.name)
        if worker.name in self._restarts.waiting or any(child.name == worker.name for child in self._workers()):
            raise BadName(f"a worker called {worker.name!r} is already here", hint="take another name")
        self._fork_late(worker, request, again=False)

    def _remove(self, name: str, request: Request) -> None:
        if name not in (present := self._present()):
            raise unknown_worker(name, present)
        self._leave(Leaving(present[name], request), WHY)

    def _restart(self, name: str, request: Request) -> None:
        here = {child for child in self._workers() if child.name == name}
        failed = any(child.given_up for child in here)  # its exit comes next
        coming = next((child for child in here if child in self._awaited() and child.request is None), None)
        if name in self._present():
            self._leave(Leaving(self._present()[name], request, again=True), ON_PURPOSE)
        elif coming is not None:
            coming.request = request
        elif name not in self._restarts.specs:
            raise unknown_worker(name, self._restarts.specs)
        elif (here and not failed) or self._restarts.waiting.get(name):
            raise RunError(f"{name} is leaving or starting already, because somebody asked for it", hint="try again")
        else:
            self._restarts.on_purpose(name, request, unheard=failed)
            self._start_again()

    def _leave(self, leaving: Leaving, why: str) -> None:
        name = leaving.child.name
        log.info("worker %s is being ended: %s", name, why)
        self._leaving[leaving.child.pid] = leaving
        self._control.send({"event": "remove", "name": name, "why": why})

    def _start_again(self) -> None:
        for worker, request in self._restarts.ready():
            try:
                self._fork_late(worker, request, again=True)
            except StartFailed as error:
                self._restarts.failed(worker.name, True, error.message)
                if request is not None:
                    request.refuse(error)

    def _on_withdrawn(self, request: Request) -> None:
        for child in self._awaited():
            if child.request is request and not child.again:
                self._give_up(child, RunError(f"nobody waits for {child.name} any more"))

    # -- starting

    def _fork_broker(self) -> None:
        gc.freeze()  # collections in the children then leave the shared pages alone
        body = broker_body(self._broker_main, self._spec, self._rundir, self._theirs)
        # The broker outlives this process for a moment, to clean up, and holds the run's lock until then.
        keep = {self._theirs.fileno(), self._rundir.lock_fd}
        log = self._rundir.log_path(BROKER)
        self._broker_pid = self._family.add(BROKER, body, log=log, keep=keep, dies_with_parent=False).pid
        self._theirs.close()

    def _fork_late(self, worker: WorkerSpec, request: Request | None, *, again: bool) -> None:
        child = self._fork_worker(worker)
        child.deadline_s = time.monotonic() + self._spec.start_timeout_s
        child.request, child.again = request, again

    def _fork_worker(self, worker: WorkerSpec) -> Child:
        body = worker_body(self._worker_main, self._spec, worker, self._rundir, self._lifeline)
        self._restarts.started(worker)
        log = self._rundir.log_path(worker.name)
        return self._family.add(worker.name, body, log=log, keep={self._lifeline}, dies_with_parent=True)

    def _announce_if_complete(self) -> None:
        if self._ready:
            self._publish_again()
        elif len(self._workers()) >= len(self._spec.workers) and not self._awaited():
            self._requests.listen(self._rundir.path)
            info = self._info()
            self._rundir.publish(info)
            if self._spec.detached:
                with contextlib.suppress(KeyError):
                    self._selector.unregister(self._owner.fd)
            self._ready = True
            self._owner.tell({"ready": info.to_json()})

    def _publish_again(self) -> None:
        # Somebody may have removed the directory under us; the run itself can do without.
        with contextlib.suppress(OSError):
            self._rundir.publish(self._info())

    def _info(self) -> RunInfo:
        from farptr.launch import processes  # late: psutil then loads beside the workers, not before them

        return RunInfo(
            name=self._rundir.name,
            directory=self._rundir.path,
            address=self._rundir.address,
            supervisor_pid=os.getpid(),
            supervisor_created_s=processes.created_s(os.getpid()),
            broker_pid=self._broker_pid,
            workers={child.name: child.pid for child in self._workers() if child.joined},
            protocol=self._protocol,
            started=self._started,
            gone=dict(self._restarts.gone),
            bound=self._far,
        )

    # -- children: who they are, and how they fail

    def _workers(self) -> list[Child]:
        return [child for child in self._family if child.pid != self._broker_pid]

    def _awaited(self) -> list[Child]:
        return [child for child in self._workers() if not child.joined and not child.given_up]

    def _present(self) -> dict[str, Child]:
        return {child.name: child for child in self._workers() if child.joined and child.pid not in self._leaving}

    def _on_report(self, child: Child) -> None:
        if child.error is not None and not child.joined and not self._over:
            self._give_up(child, failing.told(self._rundir.path, child.name, child.error))

    def _on_exit(self, child: Child, code: int) -> None:
        if self._over:
            return
        silent = child.again and not (child.joined or child.given_up or child.request)
        if not self._ready or not (child.joined or silent or child.pid == self._broker_pid):
            self._give_up(child, failing.died(self._rundir.path, child.name, code))
        if child.pid == self._broker_pid:
            self._over, self._broker_lost = f"the broker is gone ({failing.how(code)})", True
            return
        leaving = self._leaving.pop(child.pid, None)
        note = self._restarts.died(child.name) if not leaving and (child.joined or silent) else ""
        self._control.send({"event": "exited", "name": child.name, "pid": child.pid, "code": code, "note": note})
        self._restarts.told(child.name)
        self._publish_again()
        if leaving is not None and leaving.again:
            self._restarts.on_purpose(child.name, leaving.request, unheard=True)
        elif leaving is not None:
            self._restarts.forget(child.name)
            leaving.request.answer({"removed": child.pid})

    def _give_up(self, child: Child, error: FarptrError) -> None:
        if child.given_up:
            return
        if not self._ready:
            raise error
        if child.pid == self._broker_pid:
            return  # its exit ends the run
        child.given_up = True
        self._restarts.failed(child.name, child.again, error.message)
        self._publish_again()
        if child.request is not None:
            child.request.refuse(error)
        child.signal(signal.SIGKILL)

    def _too_late(self, late: list[Child]) -> StartFailed:
        names = [child.name for child in late] or [BROKER]
        return failing.too_late(self._rundir.path, names, self._spec.start_timeout_s)
