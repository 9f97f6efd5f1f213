"""Breaking things on purpose: signals for the processes of a run, and what this client knows afterwards.

Signals go to the process itself, not by way of the broker or the supervisor: those may be what is broken.
"""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from farptr.client.members import unknown
from farptr.launch import processes
from farptr.protocol.errors import BrokerLost, DeadlineExceeded, UsageError
from farptr.protocol.names import BROKER, FAR, unknown_worker

if TYPE_CHECKING:
    from farptr.client.run import Run

Check = Callable[[], bool]
"""Asked when a process is held on to: whether it is the one that is meant."""
PATIENCE_S = 10.0
BROKER_GONE = "it is gone, and the run with it"
_LOOK_S = 0.002
_NOT_ENDING = {
    signal.SIGSTOP: "sim.stop(…), `farptr stop` stop a process",
    signal.SIGTSTP: "sim.stop(…), `farptr stop` stop a process",
    signal.SIGCONT: "sim.cont(…), `farptr cont` let it go on",
    signal.SIGUSR1: "sim.interrupt(…) interrupts what it computes",
    signal.SIGCHLD: "take SIGKILL or SIGTERM",
    signal.SIGWINCH: "take SIGKILL or SIGTERM",
    signal.SIGURG: "take SIGKILL or SIGTERM",
}


def ending_signal(number: int | str) -> signal.Signals:
    """A signal by number or name (``SIGTERM``, ``term``, ``15``); raises UsageError unless it can end a process."""
    text = str(int(number) if isinstance(number, int) else number).upper()
    try:
        found = signal.Signals(int(text)) if text.isdigit() else signal.Signals["SIG" + text.removeprefix("SIG")]
    except (KeyError, ValueError):
        raise UsageError(f"there is no signal {number!r}", hint="SIGKILL, SIGTERM, SIGSEGV, or a number") from None
    if found in _NOT_ENDING:
        raise UsageError(f"{found.name} does not end a process", hint=_NOT_ENDING[found])
    return found


def kill(run: Run, name: str, number: int | str, timeout_s: float) -> str:
    """Send the signal and wait until this client knows that the process is gone; how it ended, in words."""
    wanted = ending_signal(number)
    if name == BROKER:
        return _kill_broker(run, wanted, timeout_s)
    party, pid = live(run, name)
    processes.send_signal(pid, wanted, _is_it(run, party))
    lost = run._session.core.parties.lost
    _wait(run, lambda: party in lost, f"{name} lives on after {wanted.name}", timeout_s)
    return lost[party].why


def _kill_broker(run: Run, number: signal.Signals, timeout_s: float) -> str:
    processes.send_signal(broker_pid(run), number)
    with contextlib.suppress(BrokerLost):
        _wait(run, lambda: False, f"the broker lives on after {number.name}", timeout_s)
    return BROKER_GONE


def stop(run: Run, name: str) -> None:
    """Stop the process; returns when the system says that it is stopped."""
    if name == BROKER:
        stop_process(name, broker_pid(run))
    else:
        party, pid = live(run, name)
        stop_process(name, pid, _is_it(run, party))


def cont(run: Run, name: str) -> None:
    """Let the process go on; returns when it does, and this client does not take it for stopped any more."""
    if name == BROKER:
        cont_process(name, broker_pid(run))
        return
    party, pid = live(run, name)
    cont_process(name, pid, _is_it(run, party))
    stalled = run._session.core.parties.stalled
    _wait(run, lambda: party not in stalled, f"the broker takes {name} for stopped", PATIENCE_S)


def interrupt(run: Run, name: str) -> None:
    """Interrupt what the worker computes."""
    if name not in run:
        raise unknown_worker(name, run._workers)
    os.kill(live(run, name)[1], signal.SIGUSR1)


def stop_process(name: str, pid: int, is_it: Check = processes.surely) -> None:
    """Stop a process, if it is the one; raises DeadlineExceeded."""
    if processes.send_signal(pid, signal.SIGSTOP, is_it):
        _wait_for(lambda: processes.is_stopped(pid) or not processes.is_alive(pid), f"{name} does not stop")


def cont_process(name: str, pid: int, is_it: Check = processes.surely) -> None:
    """Let a process go on, if it is the one; raises DeadlineExceeded."""
    if processes.send_signal(pid, signal.SIGCONT, is_it):
        _wait_for(lambda: not processes.is_stopped(pid), f"{name} does not go on")


def end_process(name: str, pid: int, number: signal.Signals, is_it: Check = processes.surely) -> None:
    """End a process, if it is the one; raises DeadlineExceeded."""
    if processes.send_signal(pid, number, is_it):
        _wait_for(lambda: not processes.is_alive(pid), f"{name} lives on after {number.name}")


def broker_pid(run: Run) -> int:
    """Of the run's broker, which lives, or else this raises BrokerLost."""
    connection = run._session.link.connection
    connection.check()
    _check_near(run, BROKER)
    return int(getattr(connection, "welcome")["pid"])  # noqa: B009 - a simulated connection has none


def live(run: Run, name: str) -> tuple[int, int]:
    """Party number and pid of a live worker, by hand or not; raises UnknownWorker."""
    for number, known, role, pid, host, *_ in run._session.ask_broker("parties"):
        if role == "worker" and known == name:
            _check_near(run, name, host)
            return number, pid
    raise unknown(run, name)


def _check_near(run: Run, name: str, host: str = "") -> None:
    """Raise UsageError unless a process is of this machine: its number would be another process's here."""
    if host.startswith(FAR) or getattr(run._session.link.connection, "far", False):
        raise UsageError(
            f"{name} may be on another machine, whose processes cannot be signalled from here",
            hint=f"signal it there; `farptr keys revoke {name}` on the broker's machine cuts a far worker off",
        )


def _is_it(run: Run, party: int) -> Check:
    return lambda: any(row[0] == party for row in run._session.ask_broker("parties"))


def _wait(run: Run, known: Callable[[], bool], otherwise: str, timeout_s: float) -> None:
    deadline_s = time.monotonic() + timeout_s
    while not known():
        if time.monotonic() >= deadline_s:
            raise DeadlineExceeded(f"{otherwise} (waited {timeout_s:g} s)", hint="`farptr ps` shows its state")
        run._session.ask_broker("parties")  # news that the broker had before come before its answer
        time.sleep(_LOOK_S)


def _wait_for(reached: Callable[[], bool], otherwise: str) -> None:
    if not processes.wait_until(reached, PATIENCE_S):
        raise DeadlineExceeded(f"{otherwise} (waited {PATIENCE_S:g} s)", hint="`farptr ps` shows its state")
