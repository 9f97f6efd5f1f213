"""The supervisor with real processes and fake roles: see fake_launch.py."""

from __future__ import annotations

import contextlib
import gc
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest

from farptr.launch import ask
from farptr.launch import start as start_module
from farptr.launch.restarts import AGAIN, AT_MOST, ON_PURPOSE, WITHIN_S
from farptr.launch.rundir import find, list_runs
from farptr.launch.start import start, stop
from farptr.protocol.errors import (
    BadName,
    DeadlineExceeded,
    LoadFailed,
    NoRun,
    RunError,
    RunExists,
    StartFailed,
    UnknownWorker,
    UnsupportedPlatform,
    VersionMismatch,
)
from tests.conftest import alive, until

TOO_OFTEN = f"it died {AT_MOST + 1} times within {WITHIN_S:g} s, and is not started again"
HERE = Path(__file__).parent
PATIENCE_S = 5.0

OWNER = """
import sys, time
from farptr.launch.start import start
running = start(["julie", "toby"], name="team", module="fake_launch", detached="detached" in sys.argv)
print("up", flush=True)
time.sleep(60)
"""


def session_of(leader):
    found = []
    for pid in psutil.pids():
        with contextlib.suppress(OSError):
            found += [pid] if os.getsid(pid) == leader and alive(pid) else []
    return found


def up(workers=("julie", "toby"), **how):
    return start(workers, module="fake_launch", **how)


def talk(info, **message):
    with socket.socket(socket.AF_UNIX) as sock:
        sock.settimeout(PATIENCE_S)
        sock.connect(info.address.removeprefix("ipc://"))
        sock.sendall(json.dumps(message).encode() + b"\n")
        if "heard" in message:
            return json.loads(sock.makefile().readline())
    return None


def heard(info, event):
    return [said for said in talk(info, heard=None) if said["event"] == event]


def pids_of(info):
    return [info.supervisor_pid, info.broker_pid, *info.workers.values()]


def nothing_left(base, info):
    return not any(map(alive, pids_of(info))) and list(base.iterdir()) == []


@pytest.fixture
def base(monkeypatch):
    path = Path(tempfile.mkdtemp(dir="/tmp"))
    monkeypatch.setenv("FARPTR_RUNTIME_DIR", str(path))
    old = os.environ.get("PYTHONPATH")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(filter(None, [str(HERE), old])))
    yield path
    for info in list_runs(base=path):
        stop(info.name, 0.5, base=path)
    shutil.rmtree(path, ignore_errors=True)


@pytest.fixture
def owner(base):
    """Starts a process that owns the run `team`."""
    started = []

    def begin(*arguments):
        env = dict(os.environ)
        env["PYTHONPATH"] = os.pathsep.join([str(HERE.parents[1]), env["PYTHONPATH"]])
        process = subprocess.Popen(
            [sys.executable, "-c", OWNER, *arguments], env=env, stdout=subprocess.PIPE, text=True
        )
        started.append(process)
        assert process.stdout.readline() == "up\n"
        return process

    yield begin
    for process in started:
        process.kill()
        process.wait()
        process.stdout.close()


# -- up and down


def test_a_run_comes_up_and_goes_down(base):
    running = up(name="team", seed=7)
    info = running.info
    assert find("team") == info
    assert sorted(info.workers) == ["julie", "toby"]
    assert all(map(alive, pids_of(info)))
    assert {os.getsid(pid) for pid in pids_of(info)} == {info.supervisor_pid}
    assert (info.directory / "logs" / "julie.log").read_text() == "julie says hello\n"
    running.close()
    assert nothing_left(base, info)
    running.close()


def test_it_ends_with_the_block_and_with_the_object(base):
    with up() as running:
        info = running.info
    assert nothing_left(base, info)
    running = up()
    info = running.info
    del running
    gc.collect()
    assert nothing_left(base, info)


def test_a_run_without_workers(base):
    with up([]) as running:
        assert running.info.workers == {}


def test_it_is_ready_only_when_all_have_joined(base):
    with pytest.raises(StartFailed, match=r"not up within 0\.5 s: toby\b") as caught:
        up({"julie": None, "toby": "hang"}, timeout_s=0.5, name="team")
    assert "toby | toby says hello" in str(caught.value)
    assert list(base.iterdir()) == []


def test_ending_eight_workers_is_quick(base):
    running = up([f"w{i}" for i in range(8)])
    began_s = time.perf_counter()
    running.close()
    assert time.perf_counter() - began_s < 0.5


def test_a_worker_that_ignores_sigterm_is_killed(base):
    running = up({"julie": "stubborn"})
    running.close()
    assert nothing_left(base, running.info)


def test_children_have_no_stray_descriptors(base):
    """One that they inherited by accident would keep a pipe or a lock alive."""
    with up({"toby": None, "julie": "fds"}) as running:
        log = running.info.directory / "logs" / "julie.log"
        until(lambda: "fds" in log.read_text())
        open_fds = log.read_text().splitlines()[-1].split()[1:]
        # 0, 1, 2, lifeline, report, socket to the broker, and the listing's own
        assert len(open_fds) == 7, open_fds


# -- what can go wrong while starting


def test_a_workers_own_error_comes_through(base):
    with pytest.raises(LoadFailed, match="no such file") as caught:
        up({"julie": None, "toby": "load-failed"})
    assert caught.value.hint == "give another"
    assert list(base.iterdir()) == []


def test_any_other_error_is_start_failed_with_the_log(base):
    with pytest.raises(StartFailed, match="toby did not start: ValueError: bad bytes") as caught:
        up({"toby": "value-error"})
    assert "toby | ValueError: bad bytes" in str(caught.value)


@pytest.mark.parametrize(("load", "how"), [("die", "exit code 3"), ("kill", "killed by SIGKILL")])
def test_a_worker_that_dies_while_starting(base, load, how):
    with pytest.raises(StartFailed, match=f"toby died .*{how}") as caught:
        up({"julie": None, "toby": load})
    assert "toby | toby says hello" in str(caught.value)
    assert list(base.iterdir()) == []


def test_a_worker_that_the_broker_refuses(base):
    with pytest.raises(VersionMismatch, match="too old"):
        up(["julie", "unwelcome"])
    assert list(base.iterdir()) == []


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ("raise", "broker did not start: RuntimeError: .* cannot bind, seed 3"),
        ("die", r"broker died .*exit code 9.*\n  broker \| dying"),
        ("mute", "not up within 0.5 s: broker"),
    ],
)
def test_a_broker_that_does_not_start(base, monkeypatch, how, message):
    monkeypatch.setenv("FAKE_BROKER", how)
    with pytest.raises(StartFailed, match=message):
        up(seed=3, timeout_s=0.5)
    assert list(base.iterdir()) == []


def test_a_supervisor_that_cannot_begin(base):
    with pytest.raises(StartFailed, match=r"the supervisor died .*exit code 1"):
        start(["julie"], module="no_such_module")


def test_bad_worker_names(base):
    for names in (["julie", "julie"], ["broker"], ["a b"]):
        with pytest.raises(BadName):
            up(names)


def test_no_fork_no_run(monkeypatch):
    monkeypatch.delattr(os, "fork")
    with pytest.raises(UnsupportedPlatform):
        start(["julie"])


def test_the_roles_see_nothing_of_the_current_directory(base, tmp_path, monkeypatch):
    (tmp_path / "random.py").write_text("raise SystemExit('the wrong one')")
    monkeypatch.chdir(tmp_path)
    with up() as running:
        assert running.info.workers


# -- names


def test_a_name_is_taken_once(base):
    with up(name="team") as running:
        with pytest.raises(RunExists, match="farptr down -c team"):
            up(name="team")
        assert find("team") == running.info
    with up(name="team"):
        pass


def test_private_runs_coexist(base):
    with up() as first, up() as second:
        assert first.info.directory != second.info.directory
        assert {info.name for info in list_runs()} == {first.info.name, second.info.name}
    assert list(base.iterdir()) == []


def test_a_dead_named_run_is_taken_over(base):
    running = up(name="team")
    # Everything at once: the broker must be dead before it can see that the supervisor is.
    for pid in (running.info.broker_pid, running.info.supervisor_pid):
        os.kill(pid, signal.SIGSTOP)
    for pid in (running.info.broker_pid, running.info.supervisor_pid):
        os.kill(pid, signal.SIGKILL)
    until(lambda: not session_of(running.info.supervisor_pid))
    assert (base / "team" / "run.json").exists()
    with pytest.raises(NoRun):
        find("team")
    with up(name="team") as second:
        assert find("team") == second.info
    running.close()
    assert list(base.iterdir()) == []


# -- deaths


def test_a_worker_dies_and_the_run_goes_on(base):
    with up(name="team") as running:
        julie = running.info.workers["julie"]
        os.kill(julie, signal.SIGKILL)
        until(lambda: heard(running.info, "exited"))
        assert heard(running.info, "exited") == [
            {"event": "exited", "name": "julie", "pid": julie, "code": -signal.SIGKILL, "note": ""}
        ]
        until(lambda: list(find("team").workers) == ["toby"])


@pytest.mark.parametrize("victim", ["supervisor_pid", "broker_pid"])
def test_death_of_supervisor_or_broker_ends_the_run(base, victim):
    running = up(name="team")
    os.kill(getattr(running.info, victim), signal.SIGKILL)
    until(lambda: nothing_left(base, running.info))
    running.close()


def test_death_of_the_owner_ends_the_run(base, owner):
    process = owner()
    info = find("team")
    process.kill()
    until(lambda: nothing_left(base, info))


def test_death_of_the_owner_while_starting(base):
    process = start_module._spawn("fake_launch")
    spec = {"name": "team", "workers": [{"name": "julie", "load": "hang"}], "base": str(base)}
    process.stdin.write(json.dumps(spec).encode() + b"\n")
    until(lambda: len(session_of(process.pid)) == 3)
    process.stdin.close()
    assert b"its owner is gone" in process.stdout.read()
    assert process.wait(PATIENCE_S) == 1
    process.stdout.close()
    assert not session_of(process.pid)
    assert list(base.iterdir()) == []


def test_a_forked_child_of_the_owner_keeps_nothing_alive(base):
    running = up()
    pid = os.fork()
    if pid == 0:
        try:
            running.close()  # does nothing here
            signal.pause()
        finally:
            os._exit(1)
    try:
        assert alive(running.info.supervisor_pid)
        running._supervised.stdin.close()
        until(lambda: nothing_left(base, running.info))
    finally:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        running.close()


def test_sigterm_ends_the_run(base):
    running = up()
    os.kill(running.info.supervisor_pid, signal.SIGTERM)
    until(lambda: nothing_left(base, running.info))
    running.close()


def test_sigint_does_not_hurt_the_children(base):
    with up() as running:
        for pid in (running.info.broker_pid, *running.info.workers.values()):
            os.kill(pid, signal.SIGINT)
        assert heard(running.info, "exited") == []
        assert all(map(alive, pids_of(running.info)))


def test_close_when_the_supervisor_hangs(base):
    running = up(name="team")
    os.kill(running.info.supervisor_pid, signal.SIGSTOP)
    running.close(timeout_s=0.5)
    assert nothing_left(base, running.info)


def test_close_when_only_a_hung_broker_is_left(base):
    running = up(name="team")
    os.kill(running.info.broker_pid, signal.SIGSTOP)
    os.kill(running.info.supervisor_pid, signal.SIGKILL)
    running.close(timeout_s=0.3)
    assert nothing_left(base, running.info)


def test_closing_late_leaves_the_next_run_of_that_name_alone(base):
    first = up(name="team")
    os.kill(first.info.supervisor_pid, signal.SIGKILL)
    until(lambda: nothing_left(base, first.info))
    with up(name="team") as second:
        began_s = time.perf_counter()
        first.close()
        assert time.perf_counter() - began_s < 1.0
        assert find("team") == second.info
        assert all(map(alive, pids_of(second.info)))


def test_close_after_stop(base):
    running = up(name="team")
    stop("team")
    running.close()
    assert nothing_left(base, running.info)


# -- what clients ask for


def test_a_worker_is_added_and_its_name_is_free_again_when_it_is_dead(base):
    with up(["julie"], name="team") as running:
        toby = ask.add(running.info.directory, "toby")
        assert find("team").workers == running.info.workers | {"toby": toby}
        os.kill(toby, signal.SIGKILL)
        until(lambda: heard(running.info, "exited"))
        assert ask.add(running.info.directory, "toby") != toby


@pytest.mark.parametrize(
    ("name", "load", "error"),
    [
        ("toby", "load-failed", LoadFailed),
        ("toby", "die", StartFailed),
        ("toby", "hang", StartFailed),
        ("unwelcome", None, VersionMismatch),
        ("julie", None, BadName),
        ("no good", None, BadName),
    ],
)
def test_a_worker_that_cannot_be_added(base, monkeypatch, name, load, error):
    monkeypatch.setattr("os.path.abspath", lambda load: load)  # here a load is no file
    with up(["julie"], timeout_s=1.0, name="team") as running:
        with pytest.raises(error):
            ask.add(running.info.directory, name, load)
        until(lambda: len(session_of(running.info.supervisor_pid)) == 3)
        assert find("team").workers == running.info.workers
        assert all(map(alive, pids_of(running.info)))


def test_whoever_leaves_takes_the_worker_back_that_has_not_come_up(base):
    with up(["julie"]) as running:
        with socket.socket(socket.AF_UNIX) as sock:
            sock.connect(str(running.info.directory / "c"))
            sock.sendall(b'{"add": "toby", "load": "hang"}\n')
            until(lambda: len(session_of(running.info.supervisor_pid)) == 4)
        until(lambda: len(session_of(running.info.supervisor_pid)) == 3)


@pytest.mark.parametrize("load", [None, "stubborn"])
def test_a_worker_is_removed(base, load):
    with up({"julie": None, "toby": load}, name="team") as running:
        toby = running.info.workers["toby"]
        assert ask.remove(running.info.directory, "toby") == toby
        assert not alive(toby)
        assert list(find("team").workers) == ["julie"]
        (told,) = heard(running.info, "remove")
        assert told == {"event": "remove", "name": "toby", "why": "it was removed from the run"}
        with pytest.raises(UnknownWorker, match="toby") as caught:
            ask.remove(running.info.directory, "toby")
        assert caught.value.hint == "there is julie"


def test_a_removal_waits_for_the_brokers_word_but_not_for_ever(base):
    with up(["julie", "toby"]) as running:
        os.kill(running.info.broker_pid, signal.SIGSTOP)
        try:
            ask.remove(running.info.directory, "toby")
        finally:
            os.kill(running.info.broker_pid, signal.SIGCONT)


# -- restarts


def test_a_worker_is_started_again_once_the_broker_knows(base):
    with up(name="team", restart=True) as running:
        info = running.info
        os.kill(info.workers["julie"], signal.SIGKILL)
        until(lambda: heard(info, "exited"))
        assert heard(info, "exited")[0]["note"] == AGAIN
        until(lambda: list(find("team").workers) == ["toby"])
        assert len(session_of(info.supervisor_pid)) == 3, "its name may not be free yet"
        talk(info, say={"event": "lost", "name": "julie"})
        until(lambda: find("team").workers.get("julie", info.workers["julie"]) != info.workers["julie"])
        assert len(session_of(info.supervisor_pid)) == 4


def test_a_restart_on_purpose_tells_the_broker_first(base):
    with up(name="team") as running, ThreadPoolExecutor() as pool:
        info = running.info
        julie = info.workers["julie"]
        new = pool.submit(ask.restart, info.directory, "julie")
        until(lambda: heard(info, "remove"))
        assert heard(info, "remove") == [{"event": "remove", "name": "julie", "why": ON_PURPOSE}]
        talk(info, say={"event": "lost", "name": "julie"})
        until(lambda: not alive(julie))
        until(lambda: heard(info, "exited"))
        assert heard(info, "exited")[0]["note"] == ""
        assert not new.done()
        with pytest.raises(RunError, match="leaving or starting already"):
            ask.restart(info.directory, "julie")
        with pytest.raises(BadName, match="already here"):
            ask.add(info.directory, "julie")
        talk(info, say={"event": "lost", "name": "julie"})
        assert new.result(PATIENCE_S) == find("team").workers["julie"] != julie
        with pytest.raises(UnknownWorker) as caught:
            ask.restart(info.directory, "jule")
        assert caught.value.hint == "did you mean 'julie'?"


def test_who_asks_for_a_restart_and_leaves_gets_it_all_the_same(base, monkeypatch):
    monkeypatch.setenv("FAKE_BROKER", "knows")
    with up(name="team") as running:
        julie = running.info.workers["julie"]
        with socket.socket(socket.AF_UNIX) as sock:
            sock.connect(str(running.info.directory / "c"))
            sock.sendall(b'{"restart": "julie"}\n')
        until(lambda: not alive(julie))
        until(lambda: "julie" in find("team").workers)


def test_one_that_dies_while_it_comes_up_again_is_tried_five_times(base, monkeypatch):
    monkeypatch.setenv("FAKE_BROKER", "knows")
    with up({"julie": f"once:{base / 'team.was-here'}", "toby": None}, name="team", restart=True) as running:
        os.kill(running.info.workers["julie"], signal.SIGKILL)
        until(lambda: "julie" in find("team").gone)
        assert find("team").gone == {"julie": TOO_OFTEN}
        assert len(heard(running.info, "exited")) == AT_MOST + 1
        assert list(find("team").workers) == ["toby"]
        with pytest.raises(StartFailed, match="julie died while the run was starting"):
            ask.restart(running.info.directory, "julie")
        (base / "team.was-here").unlink()
        pid = ask.restart(running.info.directory, "julie")
        assert find("team").workers["julie"] == pid
        assert find("team").gone == {}
    (base / "team.was-here").unlink()


def test_the_end_of_a_run_waits_for_no_restart(base):
    with up(name="team", restart=True) as running:
        os.kill(running.info.workers["julie"], signal.SIGKILL)
        until(lambda: heard(running.info, "exited"))
    assert nothing_left(base, running.info)


# -- noise


def test_noise_is_answered_and_a_silent_peer_holds_nobody_up(base):
    with up(["julie"]) as running, socket.socket(socket.AF_UNIX) as silent, socket.socket(socket.AF_UNIX) as sock:
        for each in (silent, sock):
            each.settimeout(PATIENCE_S)
            each.connect(str(running.info.directory / "c"))
        sock.sendall(b'noise\n{"dance": true}\n')
        assert json.loads(sock.makefile().readline())["error"]["kind"] == "RunError"
        assert ask.add(running.info.directory, "toby")


def test_who_asks_while_the_run_goes_down_is_told(base):
    with up(["julie"]) as running, socket.socket(socket.AF_UNIX) as sock:
        sock.settimeout(PATIENCE_S)
        sock.connect(str(running.info.directory / "c"))
        sock.sendall(b'{"add": "toby", "load": "hang"}\n')
        until(lambda: len(session_of(running.info.supervisor_pid)) == 4)
        running.close()
        assert json.loads(sock.makefile().readline())["error"]["kind"] == "NoRun"
        with pytest.raises(NoRun, match="going down"):
            ask.add(running.info.directory, "toby")


def test_a_supervisor_that_is_stopped_is_not_waited_for_for_ever(base, monkeypatch):
    monkeypatch.setattr(ask, "REMOVE_TIMEOUT_S", 0.3)
    with up(["julie"], name="team") as running:
        os.kill(running.info.supervisor_pid, signal.SIGSTOP)
        try:
            with pytest.raises(DeadlineExceeded, match="supervisor of run 'team'"):
                ask.remove(running.info.directory, "julie")
        finally:
            os.kill(running.info.supervisor_pid, signal.SIGCONT)


def test_a_client_asks_for_the_end(base):
    running = up()
    talk(running.info, say={"event": "down"})
    until(lambda: nothing_left(base, running.info))
    running.close()


# -- detached runs and stop


def test_a_detached_run_outlives_its_owner_until_stopped(base, owner):
    process = owner("detached")
    process.kill()
    process.wait()
    info = find("team")
    assert all(map(alive, pids_of(info)))
    assert heard(info, "exited") == []
    stop("team")
    assert nothing_left(base, info)
    with pytest.raises(NoRun):
        stop("team")


def test_stop_from_the_owner_itself(base):
    running = up(name="team", detached=True)
    running.close()
    assert alive(running.info.supervisor_pid)
    stop("team")
    assert nothing_left(base, running.info)


@pytest.mark.parametrize("stopped", ["supervisor_pid", "broker_pid"])
def test_stop_when_a_process_is_stopped(base, stopped):
    info = up(name="team", detached=True).info
    os.kill(getattr(info, stopped), signal.SIGSTOP)
    stop("team", timeout_s=1.0)
    assert nothing_left(base, info)


def test_stop_when_only_a_hung_broker_is_left(base):
    info = up(name="team", detached=True).info
    os.kill(info.broker_pid, signal.SIGSTOP)
    os.kill(info.supervisor_pid, signal.SIGKILL)
    until(lambda: not alive(info.supervisor_pid))
    stop("team", timeout_s=0.2)
    assert nothing_left(base, info)
