"""Runs as people meet them: private, named, joined by others, refused to strangers and to other versions."""

from __future__ import annotations

import contextlib
import os
import pickle
import signal
import stat
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
import zmq

import farptr as fp
from farptr.launch.rundir import is_live
from farptr.protocol import body as bodies
from farptr.protocol.header import VERSION, Header, Kind, encode, read
from tests.behaviour.far import sent
from tests.conftest import alive, pids_of, until

ROOT = Path(__file__).parents[2]


def path_of(run):
    return Path(run._running.info.address.removeprefix("ipc://"))


# ---------------------------------------------------------------- private and named runs


def test_private_runs_coexist():
    with fp.up("julie", "toby") as one, fp.up("julie", "toby") as two:
        p, q = sent([1], tuple(one)), sent([2], tuple(two))
        assert len(one["julie"]._objects) == len(two["julie"]._objects) == 1
        assert (p.get().get().tolist(), q.get().get().tolist()) == ([1], [2])
        assert one.name != two.name
        assert not set(pids_of(one)) & set(pids_of(two))
        one.close()
        assert sent([3], (two["toby"],)).get().tolist() == [3]


def test_a_second_run_of_a_name_is_refused():
    with fp.up("julie", name="clinic") as run:
        with pytest.raises(fp.RunExists, match="a run called 'clinic' is up"):
            fp.up("toby", name="clinic")
        assert sent([1], tuple(run)).get().tolist() == [1]
    with fp.up("toby", name="clinic") as run:
        assert [w.name for w in run] == ["toby"]


def test_a_stale_run_is_taken_over():
    run = fp.up("julie", name="clinic")
    pids = pids_of(run)
    for pid in pids:  # all at once: nobody is left to clean up
        os.kill(pid, signal.SIGSTOP)
    for pid in reversed(pids):
        os.kill(pid, signal.SIGKILL)
    until(lambda: not any(map(alive, pids)))
    until(lambda: not is_live(run._running.info))  # the threads of a process can outlive its leader by a moment
    assert path_of(run).parent.exists()
    with pytest.raises(fp.NoRun):
        fp.connect("clinic")
    with fp.up("toby", name="clinic") as second:
        run.close()
        assert sent([1], tuple(second)).get().tolist() == [1]


def test_the_directory_is_private(runtime_dir):
    with fp.up("julie") as run:
        directory = path_of(run).parent
        assert directory.parent == runtime_dir
        assert stat.S_IMODE(directory.stat().st_mode) == 0o700
        assert stat.S_IMODE(runtime_dir.stat().st_mode) == 0o700


def test_a_directory_that_others_can_enter_is_refused(tmp_path, monkeypatch):
    tmp_path.chmod(0o755)
    monkeypatch.setenv("FARPTR_RUNTIME_DIR", str(tmp_path))
    with pytest.raises(fp.FarptrError, match="mode 0755, not 0700"):
        fp.up("julie")


def test_a_path_too_long_for_a_socket(tmp_path, monkeypatch):
    base = tmp_path / ("x" * 120)
    base.mkdir(mode=0o700)
    monkeypatch.setenv("FARPTR_RUNTIME_DIR", str(base))
    with pytest.raises(fp.FarptrError, match=r"107|103"):
        fp.up("julie")
    assert list(base.iterdir()) == []


# ---------------------------------------------------------------- joining


def test_no_run_to_connect_to():
    with pytest.raises(fp.NoRun, match="no run called 'nowhere'"):
        fp.connect("nowhere")
    with pytest.raises(fp.NoRun):
        fp.connect()
    with fp.up("julie", name="clinic"), pytest.raises(fp.NoRun, match="did you mean 'clinic'"):
        fp.connect("clinik")


@pytest.mark.parametrize("address", ["http://x", "ipc://", "://"])
def test_what_is_no_address(address):
    with pytest.raises(fp.NoRun, match="is no address"):
        fp.connect(address)


def test_nothing_answers(tmp_path, monkeypatch):
    defaults = {"timeout_s": 0.1, "pool_bytes": None}
    monkeypatch.setattr("farptr.transport.dealer.Dealer.__init__.__kwdefaults__", defaults)
    with pytest.raises(fp.NoRun, match="nothing answers"):
        fp.connect(f"ipc://{tmp_path}/s")


def test_two_clients_share_a_run():
    with fp.up("julie", "toby", name="clinic") as mine, fp.connect("clinic") as yours:
        assert [w.name for w in yours] == ["julie", "toby"]
        p, q = sent([1], tuple(mine)), sent([2], tuple(yours))
        mine.sync()
        yours.sync()
        assert len(mine["julie"]._objects) == len(yours["julie"]._objects) == 2
        assert mine["julie"]._objects.keys() == yours["julie"]._objects.keys()
        yours.close()
        assert len(mine["julie"]._objects) == 1
        assert p.get().get().tolist() == [1]
        with pytest.raises(fp.SessionClosed):
            q.get()


def test_two_clients_get_their_own_answers():
    with fp.up("julie", "toby", name="clinic") as mine, fp.connect("clinic") as yours:
        failures = []

        def work(run, k):
            try:
                julie, toby = run
                p = sent([k], (julie, toby))
                for i in range(200):
                    q = p + i
                    assert q.get().get().tolist() == [k + i]
                    with pytest.raises(IndexError, match="out of bounds"):
                        p[9].get().get()
            except BaseException as error:
                failures.append(error)

        threads = [threading.Thread(target=work, args=(run, k)) for k, run in enumerate([mine, yours, mine, yours])]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        assert failures == []
        mine.sync()


def test_the_failures_of_one_client_are_not_the_others():
    with fp.up("julie", name="clinic") as mine, fp.connect("clinic") as yours:
        p = sent([1, 2], tuple(mine))
        p[7]
        yours.sync()
        with pytest.raises(IndexError):
            mine.sync()


CLIENT = """
import farptr as fp
sim = fp.connect("clinic")
kept = [fp.tensor([i]).send(sim["julie"]) for i in range(50)]
sim.sync()
print("ready", flush=True)
input()
"""


def test_a_client_that_is_killed_leaves_nothing():
    with fp.up("julie", name="clinic") as run:
        process = subprocess.Popen(
            [sys.executable, "-c", CLIENT], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        try:
            assert process.stdout.readline() == "ready\n"
            assert len(run["julie"]._objects) == 50
            process.kill()
            until(lambda: len(run["julie"]._objects) == 0)
            assert sent([1], tuple(run)).get().tolist() == [1]
        finally:
            process.kill()
            process.communicate()


def test_a_client_that_leaves_ends_only_its_own():
    with fp.up("julie", name="clinic") as run:
        with fp.connect("clinic") as other:
            other["julie"].clear_objects()
        assert all(map(alive, pids_of(run)))
        run.sync()


def test_a_forked_child_is_refused_and_harms_nothing():
    with fp.up("julie") as run:
        p = sent([1], tuple(run))
        run.sync()
        read, write = os.pipe()
        pid = os.fork()
        if pid == 0:
            told = b"nothing"
            try:
                p.get()
            except fp.FarptrError as error:
                told = type(error).__name__.encode()
            finally:
                os.write(write, told)
                os._exit(0)
        os.waitpid(pid, 0)
        assert os.read(read, 100) == b"WrongProcess"
        os.close(read)
        os.close(write)
        assert p.get().tolist() == [1]


def test_traffic_and_pids():
    with fp.up("julie", "toby") as run:
        assert list(run.pids) == ["julie", "toby"]
        assert all(map(alive, run.pids.values()))
        assert run.traffic() == []


# ---------------------------------------------------------------- other versions, other users, other noise


@contextlib.contextmanager
def raw_peer(address):
    context = zmq.Context()
    dealer = context.socket(zmq.DEALER)
    dealer.setsockopt(zmq.LINGER, 0)
    dealer.connect(address)
    try:
        yield dealer
    finally:
        dealer.close()
        context.term()


def hello(version=VERSION):
    body = bodies.dumps({"role": "client", "name": "me", "pid": os.getpid(), "host": "here", "version": "99"})
    frame = bytearray(encode(Header(Kind.HELLO, body_bytes=len(body))) + body)
    frame[2] = version
    return bytes(frame)


def refusal(dealer):
    assert dealer.poll(5000), "no answer"
    frame = dealer.recv()
    header, end = read(frame)
    assert header.kind == Kind.REFUSED
    return bodies.loads(frame[end:])


def test_a_peer_of_another_version_is_told(processes):
    run = processes("julie")
    with raw_peer(run._running.info.address) as dealer:
        dealer.send(hello(version=2))
        answer = refusal(dealer)
    assert answer["kind"] == "VersionMismatch"
    assert "this broker speaks protocol 1" in answer["message"]
    assert "the peer 2" in answer["message"]
    assert sent([1], tuple(run)).get().tolist() == [1]


def test_a_broker_of_another_version_is_named(tmp_path):
    context = zmq.Context()
    router = context.socket(zmq.ROUTER)
    address = f"ipc://{tmp_path}/s"
    router.bind(address)

    def answer():
        route, *_ = router.recv_multipart()
        frame = bytearray(encode(Header(Kind.WELCOME)))
        frame[2] = 2
        router.send_multipart([route, bytes(frame)])

    thread = threading.Thread(target=answer)
    thread.start()
    try:
        with pytest.raises(fp.VersionMismatch, match="speaks protocol 2, this side 1"):
            fp.connect(address)
    finally:
        thread.join(5)
        router.close(linger=0)
        context.term()


@pytest.mark.parametrize(
    "frames",
    [[b""], [b"fp"], [b"GET / HTTP/1.1"], [bytes(range(56, 256))], [b"x" * 72, b"y", b"z"],
     [pickle.dumps({"role": "client"})], [encode(Header(Kind.HELLO))]],
    ids=["empty", "short", "http", "noise", "frames", "pickle", "hello without body"],
)  # fmt: skip
def test_noise_is_refused_and_the_run_goes_on(processes, frames):
    run = processes("julie")
    with raw_peer(run._running.info.address) as dealer:
        dealer.send_multipart(frames)
        assert refusal(dealer)["kind"] == "ProtocolError"
    assert sent([1], tuple(run)).get().tolist() == [1]


@pytest.mark.parametrize(
    "frames", [[encode(Header(Kind.COMMAND, destination=1))], [encode(Header(Kind.SYNC)), b""]], ids=["one", "two"]
)
def test_an_envelope_from_a_stranger_is_taken_for_one_of_a_connection_that_was_cut(processes, frames):
    run = processes("julie")
    with raw_peer(run._running.info.address) as dealer:
        dealer.send_multipart(frames)
        assert refusal(dealer)["kind"] == "SessionExpired"
    assert sent([1], tuple(run)).get().tolist() == [1]


def test_a_worker_cannot_take_a_name_that_is_taken(processes):
    with raw_peer(processes("julie")._running.info.address) as dealer:
        body = bodies.dumps({"role": "worker", "name": "julie", "pid": os.getpid(), "host": "here"})
        dealer.send(encode(Header(Kind.HELLO, body_bytes=len(body))) + body)
        answer = refusal(dealer)
        assert (answer["kind"], "'julie' is already here" in answer["message"]) == ("BadName", True)


STRANGER = """
import os, sys
import farptr as fp, farptr.client.joining
fp.connect, fp.tensor  # imported while this may still read Python's own files
os.setgid(65534); os.setuid(65534)
try:
    fp.connect(sys.argv[1])
except fp.FarptrError as error:
    print(type(error).__name__, error)
else:
    print("let in")
"""


@pytest.mark.skipif(os.getuid() != 0, reason="only root can be somebody else")
def test_another_user_is_refused(runtime_dir):
    with fp.up("julie") as run:
        path = path_of(run)
        # The directories alone keep strangers out; open them, to see that the broker does too.
        try:
            runtime_dir.chmod(0o711)
            path.parent.chmod(0o711)
            path.chmod(0o777)
            told = subprocess.run(
                [sys.executable, "-c", STRANGER, f"ipc://{path}"], cwd=ROOT, capture_output=True, text=True, timeout=30
            )
        finally:
            runtime_dir.chmod(0o700)
        assert "ProtocolError this run belongs to another user (uid 0, yours is 65534)" in told.stdout, told
        assert sent([1], tuple(run)).get().tolist() == [1]


# ---------------------------------------------------------------- starting


def test_starting_is_quick():
    with fp.up(8) as run:
        assert len(run) == 8
    began_s = time.perf_counter()
    with fp.up(8):
        took_s = time.perf_counter() - began_s
    assert took_s < 3.0


def test_a_closed_run_closes_again():
    run = fp.up("julie")
    run.close()
    run.close()
    with run:
        pass
