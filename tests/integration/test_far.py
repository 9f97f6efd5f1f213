"""Runs over TCP with keys: they do what runs on one machine do, and those who are far away come and go by name."""

from __future__ import annotations

import json
import os
import socket
import subprocess

import numpy as np
import psutil
import pytest

import farptr as fp
from farptr.keys.ring import Ring
from tests.chaos.measure_exit import mapped
from tests.conftest import until
from tests.integration import far
from tests.integration.commands import farptr, ok, refused

LARGE = 1_500_000
"""Items: 12 MB, which go in parts."""


@pytest.fixture
def ring(base, monkeypatch):
    """A ring with keys for julie, toby and the client ana."""
    monkeypatch.setenv("FARPTR_KEYS", str(base / "ring"))
    found = Ring()
    for name, role in (("julie", "worker"), ("toby", "worker"), ("ana", "client")):
        found.new(name, role)
    return found


def key(ring, name):
    return ring.path / f"{name}.key"


def listening(pid):
    """The TCP ports that a process listens at."""
    return {c.laddr.port for c in psutil.Process(pid).net_connections("tcp") if c.status == psutil.CONN_LISTEN}


# ---------------------------------------------------------------- what works


def test_a_far_worker_is_a_worker(ring):
    """Chains through it, large arrays in parts, moves from and to it, and nothing in shared memory."""
    with fp.up("carol", bind="tcp://127.0.0.1:*") as run, far.worker(run, "julie", key(ring, "julie")) as process:
        carol, julie = run["carol"], run["julie"]
        p = fp.tensor([1, 2, 3]).send(julie).send(carol)
        q = p + p
        assert q.get().get().tolist() == [2, 4, 6]
        large = np.arange(LARGE)
        x = fp.tensor(large).send(julie)
        y = x.copy().move(carol)
        assert int((y + 1).sum().get()) == int(large.sum()) + LARGE
        assert np.array_equal(y.move(julie).get(), large)
        assert np.array_equal(x.get_copy(), large)
        with pytest.raises(IndexError, match="out of bounds"):
            x[LARGE].get()
        assert mapped(process.pid, "/memfd:farptr") == []
        assert run._session.link.connection.bulk.pool._out.keys().isdisjoint({julie.number})
        del p, q, x, y


def test_workers_know_whether_strangers_may_come(ring):
    with fp.up("carol") as run:
        assert run._session.link.connection.welcome["near"] is True
    with fp.up("carol", bind="tcp://127.0.0.1:*") as run:
        assert run._session.link.connection.welcome["near"] is False


def test_a_far_client_is_a_client(ring):
    with fp.up("carol", bind="tcp://127.0.0.1:*") as run:
        with fp.connect(run.bound, key=key(ring, "ana")) as mine:
            large = np.arange(LARGE)
            x = fp.tensor(large).send(mine["carol"])
            assert int(x.sum().get()) == int(large.sum())
            assert np.array_equal(x.get(), large)
            y = fp.tensor([1]).send(mine["carol"])
            mine.sync()
            assert run["carol"].count() == 1
            assert run["carol"]._objects.keys() == mine["carol"]._objects.keys()
            assert y.get().tolist() == [1]
        until(lambda: run["carol"].count() == 0)


def test_a_run_whose_workers_are_all_elsewhere(ring):
    with (
        fp.up(bind="tcp://127.0.0.1:*") as run,
        far.worker(run, "julie", key(ring, "julie")),
        far.worker(run, "toby", key(ring, "toby")),
    ):
        p = fp.tensor([1, 2]).send(run["julie"]).send(run["toby"])
        large = fp.tensor(np.arange(LARGE)).send(run["julie"]).move(run["toby"])
        assert p.get().get().tolist() == [1, 2]
        assert large.shape == (LARGE,)
        del large


def test_a_clients_session_is_resumed_after_a_cut(ring):
    """By the same key only, and nothing is lost or run twice."""
    with fp.up("carol", bind="tcp://127.0.0.1:*") as run, fp.connect(run.bound, key=key(ring, "ana")) as mine:
        p = fp.tensor([0]).send(mine["carol"])
        port = int(run.bound.rpartition(":")[2])
        for i in range(5):
            p += 1
            cut_own(port)
            assert p.get_copy().tolist() == [i + 1]


def cut_own(port):
    """Shut down this process's connections to a port."""
    for connection in psutil.Process().net_connections("tcp"):
        if connection.raddr and connection.raddr.port == port and connection.status == psutil.CONN_ESTABLISHED:
            with socket.socket(fileno=os.dup(connection.fd)) as found:
                found.shutdown(socket.SHUT_RDWR)


# ---------------------------------------------------------------- ends


def test_a_far_worker_that_is_killed_is_lost(ring):
    with fp.up("carol", bind="tcp://127.0.0.1:*") as run, far.worker(run, "julie", key(ring, "julie")) as process:
        x = fp.tensor([1]).send(run["julie"]).send(run["carol"])
        run.sync()
        for call in (run.remove, run.restart):
            with pytest.raises(fp.UsageError, match="julie is on another machine, and ends and starts there"):
                call("julie")
        process.kill()
        with pytest.raises(fp.WorkerLost, match=r"(?s)julie.*`farptr worker julie` starts it again where it was"):
            x.get().get()
        with pytest.raises(fp.UnknownWorker, match=r"(?s)is gone.*`farptr worker julie` starts it again"):
            run["julie"]
        assert list(run) == [run["carol"]]
        with far.worker(run, "julie", key(ring, "julie")):
            assert fp.tensor([1]).send(run["julie"]).get().tolist() == [1]


def test_a_far_worker_that_gives_no_sign_of_life_is_lost(ring):
    """Its connection is open still: only heartbeats tell. So is a machine that vanished."""
    with fp.up("carol", bind="tcp://127.0.0.1:*") as run, far.worker(run, "julie", key(ring, "julie")) as process:
        x = fp.tensor([1]).send(run["julie"])
        run.sync()
        psutil.Process(process.pid).suspend()
        with pytest.raises(fp.WorkerLost, match="julie"):
            x.get()


def test_far_workers_end_with_the_run(ring):
    with fp.up(bind="tcp://127.0.0.1:*") as run, far.worker(run, "julie", key(ring, "julie")) as process:
        run.close()
        said, _ = process.communicate(timeout=10)
        assert process.returncode == 0, said
        assert said.splitlines()[-1] == "worker julie has ended"


def test_far_parties_notice_that_the_broker_was_killed(ring):
    with fp.up(bind="tcp://127.0.0.1:*") as run, far.worker(run, "julie", key(ring, "julie")) as process:
        os.kill(run._running.info.broker_pid, 9)
        said, _ = process.communicate(timeout=10)
        assert process.returncode == fp.BrokerLost.exit_code, said
        assert "hint: " in said
        assert "Traceback" not in said


def test_a_far_client_is_told_that_the_run_has_ended(ring):
    with fp.up("carol", bind="tcp://127.0.0.1:*") as run, fp.connect(run.bound, key=key(ring, "ana")) as mine:
        x = fp.tensor([1]).send(mine["carol"])
        mine.sync()
        run.close()
        with pytest.raises(fp.BrokerLost):
            x.get()


def test_processes_elsewhere_are_not_signalled(ring):
    """What a far worker says of its process number is another process's here."""
    with fp.up("carol", bind="tcp://127.0.0.1:*") as run, far.worker(run, "julie", key(ring, "julie")):
        for act in (run.kill, run.stop, run.cont, run.interrupt):
            with pytest.raises(fp.UsageError, match="another machine"):
                act("julie")
        with fp.connect(run.bound, key=key(ring, "ana")) as mine:
            for name in ("carol", "broker"):
                with pytest.raises(fp.UsageError, match="another machine"):
                    mine.kill(name)
        assert fp.tensor([1]).send(run["julie"]).get().tolist() == [1]


# ---------------------------------------------------------------- listening


def test_nothing_listens_on_the_network_unless_it_is_asked_for(base):
    with fp.up("carol") as run:
        info = run._running.info
        for pid in (info.supervisor_pid, info.broker_pid, *info.workers.values()):
            assert listening(pid) == set()
        assert run.bound == ""


def test_it_listens_where_it_was_asked_to_and_nowhere_else(ring):
    with fp.up("carol", bind="tcp://127.0.0.1:*") as run:
        info = run._running.info
        assert listening(info.broker_pid) == {int(run.bound.rpartition(":")[2])}
        for pid in (info.supervisor_pid, *info.workers.values()):
            assert listening(pid) == set()


@pytest.mark.parametrize("address", ["tcp://0.0.0.0:*", "tcp://*:*", "tcp://127.0.0.1:*"])
def test_without_keys_no_broker_listens(base, monkeypatch, address):
    monkeypatch.setenv("FARPTR_KEYS", str(base / "ring"))
    with pytest.raises(fp.UnusableKey, match="nobody has a key"):
        fp.up("carol", bind=address)
    error, hint = refused(5, "broker", "--bind", address)
    assert "nobody has a key" in error
    assert "farptr keys new julie" in hint
    assert not (base / "ring").exists()
    assert list(base.iterdir()) == []


@pytest.mark.parametrize("address", ["192.0.2.7:7600", "tcp://x", "ipc:///tmp/x", "tcp://127.0.0.1:99999"])
def test_what_is_no_address_to_listen_at(ring, address):
    with pytest.raises(fp.UsageError, match="no address to listen at"):
        fp.up("carol", bind=address)


def test_a_port_that_is_taken(ring):
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        with pytest.raises(fp.RunError, match="cannot listen at"):
            fp.up("carol", bind=f"tcp://127.0.0.1:{other.getsockname()[1]}")


# ---------------------------------------------------------------- the command line


def test_the_group_alone_shows_its_help(base):
    assert ok("keys") == ok("keys", "--help")


def test_the_commands(ring, base):
    done = ok("keys", "new", "bob", "--client", "-o", base / "bob.key")
    assert "bob may join as a client" in done
    shown = json.loads(ok("keys", "list", "--json"))
    assert {(row["name"], row["role"]) for row in shown["keys"]} >= {("julie", "worker"), ("bob", "client")}
    assert "julie" in ok("keys", "list")
    started = json.loads(ok("up", "carol", "--bind", "tcp://127.0.0.1:*", "-d", "--json"))
    address = started["bound"]
    run = fp.connect()
    with far.worker(run, "julie", key(ring, "julie"), address=address):
        assert fp.tensor([1, 2]).send(run["julie"]).get().tolist() == [1, 2]
        kept = fp.tensor([1, 2, 3]).send(run["julie"])
        run.sync()
        for way in ({"FARPTR_KEY": str(base / "bob.key")}, {}):
            option = () if way else ("--key", base / "bob.key")
            rows = json.loads(ok("objects", "-c", address, "--json", *option, **way))["objects"]
            assert [row["worker"] for row in rows] == ["julie"]
            said = farptr("shell", "-c", address, *option, stdin="len(sim)\n", **way)
            assert (said.returncode, said.stdout.split()) == (0, ["2"]), said.stderr
        named = [row for row in json.loads(ok("ps", "--json"))["runs"][0]["processes"] if row["name"] == "julie"]
        assert [(row["far"], row["memory_bytes"]) for row in named] == [(True, None)]
        del kept
        run.close()
        assert ok("keys", "revoke", "bob")
        error, _ = refused(5, "objects", "-c", address, "--key", base / "bob.key")
        assert "does not let in the key of bob" in error
    assert farptr("keys", "revoke", "bob").returncode == 2
    ok("down")


def test_a_broker_by_hand_with_a_far_worker(ring, base):
    words = [*far.FARPTR, "broker", "-c", "team", "--bind", "tcp://127.0.0.1:*"]
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as broker:
        try:
            lines = iter(broker.stdout.readline, "")
            address = next(word for line in lines for word in line.split() if word.startswith("tcp://"))
            with fp.connect("team") as run, far.worker(run, "julie", key(ring, "julie"), address=address):
                assert fp.tensor([1]).send(run["julie"]).get().tolist() == [1]
        finally:
            broker.send_signal(2)
            broker.communicate(timeout=10)


def test_joining_the_network_needs_a_key(ring, base):
    with pytest.raises(fp.AuthenticationFailed, match="none was given"):
        fp.connect("tcp://127.0.0.1:1")
    error, hint = refused(5, "worker", "julie", "--connect", "tcp://127.0.0.1:1")
    assert "none was given" in error
    assert "farptr keys new" in hint
    key(ring, "julie").chmod(0o644)
    error, hint = refused(5, "worker", "julie", "--connect", "tcp://127.0.0.1:1", "--key", key(ring, "julie"))
    assert "has mode 0644" in error
    assert hint.startswith("chmod 600")


def test_commands_say_that_a_worker_is_another_machine_s(ring, base):
    with fp.up("carol", name="team", bind="tcp://127.0.0.1:*") as run, far.worker(run, "julie", key(ring, "julie")):
        for command in ("rm", "restart"):
            error, hint = refused(2, command, "julie", "-c", "team")
            assert error == "julie is on another machine, and ends and starts there"
            assert "`farptr keys revoke julie` here cuts it off" in hint
        for command in ("kill", "stop", "cont"):
            error, hint = refused(2, command, "julie", "-c", "team")
            assert "another machine" in error
            assert "farptr keys revoke julie" in hint
        error, _ = refused(2, "logs", "julie", "-c", "team")
        assert error == "julie has no log here: it was started by hand, or on another machine"
        for command in ("rm", "restart", "logs"):
            assert "no worker called 'jule'" in refused(2, command, "jule", "-c", "team")[0]
        assert fp.tensor([1]).send(run["julie"]).get().tolist() == [1]
