"""Names are bound to keys: nobody joins, speaks or goes on by another's (docs/threat-model.md)."""

from __future__ import annotations

import contextlib
import socket

import psutil
import pytest
import zmq
from zmq.utils.monitor import recv_monitor_message

import farptr as fp
from farptr.keys.files import CLIENT, WORKER, load
from farptr.keys.ring import Ring
from farptr.protocol.header import Flag, Header, Kind, encode, read
from farptr.transport.curve import HANDSHAKE_MS
from farptr.transport.dealer import Dealer
from tests.chaos.measure_sockets import GREETING, READY
from tests.chaos.strangers import WAIT_S, Impostor, Peer, Tap, hello, tried
from tests.conftest import until
from tests.integration import far

SECRET = 7_777_777_777


@pytest.fixture
def ring(base, monkeypatch):
    monkeypatch.setenv("FARPTR_KEYS", str(base / "ring"))
    found = Ring()
    for name, role in (("julie", WORKER), ("toby", WORKER), ("ana", CLIENT), ("bob", CLIENT)):
        found.new(name, role)
    return found


@pytest.fixture
def run(ring):
    with fp.up("carol", bind="tcp://127.0.0.1:*") as found:
        yield found


@pytest.fixture
def peer(ring, run):
    """``peer("julie")``: a peer with her key, at the door."""
    context = zmq.Context()
    peers = []

    def made(name, **how):
        peers.append(Peer(context, run.bound, load(ring.path / f"{name}.key"), **how))
        return peers[-1]

    yield made
    for one in peers:
        one.close()
    context.destroy(linger=0)


def key(ring, name):
    return ring.path / f"{name}.key"


def parties(run):
    return {row[1]: row for row in run._session.ask_broker("parties")}


def welcome(one, *, epoch=False):
    """Say hello was answered; the party's number."""
    assert one.socket.poll(WAIT_S * 1000), "no welcome"
    header, _ = read(one.socket.recv_multipart()[0])
    assert header.kind == Kind.WELCOME
    return (header.destination, header.epoch) if epoch else header.destination


def test_a_handshake_that_fails_before_the_hello_is_said_is_a_failed_handshake(ring, monkeypatch):
    """ZeroMQ has nobody to send to then, and would wait: a slow client was told of ``zmq.Again`` a second later."""
    say = Dealer._say_hello

    def late(self, *args):
        until(lambda: not self._socket.poll(0, zmq.POLLOUT))
        return say(self, *args)

    monkeypatch.setattr(Dealer, "_say_hello", late)
    context = zmq.Context()
    plain = Impostor(context)  # no broker of ours: it has no key
    try:
        with pytest.raises(fp.AuthenticationFailed):
            fp.connect(plain.address, key=key(ring, "ana"))
    finally:
        plain.close()
        context.destroy(linger=0)


def test_a_party_speaks_by_its_own_number_whatever_it_writes(run, peer):
    """The broker fills in who an envelope is from, and a client's root must be its own."""
    ana, bob = peer("ana"), peer("bob")
    ana.say(hello())
    bob.say(hello())
    mine, epoch = welcome(ana, epoch=True)
    other = welcome(bob)
    forged = Header(Kind.SYNC, Flag.FENCE, epoch=epoch, source=other, root=other, sequence=1)
    ana.say(encode(forged))
    assert ana.told() == "ProtocolError"
    until(lambda: mine not in [row[0] for row in parties(run).values()])
    bob.say(encode(forged._replace(source=mine)))
    assert bob.told() == "SYNCED"


def test_nobody_takes_the_place_of_a_connection_that_was_cut(run, peer):
    """Who is cut has some seconds to come back: another one, by the same route, is not it."""
    ana = peer("ana", route=b"x" * 16)
    ana.say(hello())
    number, epoch = welcome(ana, epoch=True)
    ana.close()
    sync = encode(Header(Kind.SYNC, Flag.FENCE, epoch=epoch, root=number, sequence=1))

    def answer():
        bob = peer("bob", route=b"x" * 16)  # refused by ZeroMQ until the route is free
        bob.say(sync)
        try:
            return bob.told(1.0)
        except TimeoutError:
            return None

    told = []
    until(lambda: told.append(answer()) or told[-1] is not None)
    assert told[-1] == "AuthenticationFailed"
    bob = peer("bob")
    bob.say(hello(resume=number, received=1))
    assert bob.told() == "SessionExpired"


def test_a_key_that_is_revoked_is_cut_off_and_what_it_had_is_lost(ring, run, peer):
    julie = peer("julie")
    julie.say(hello(WORKER, "julie"))
    welcome(julie)
    until(lambda: far.has(run, "julie"))
    x = fp.tensor([1]).send(run["julie"])
    run.flush()
    ring.revoke("julie")
    with pytest.raises(fp.WorkerLost, match="its key was revoked"):
        x.get()
    seen = []
    until(lambda: seen.append(_event(julie)) or seen[-1] == zmq.EVENT_DISCONNECTED)
    until(lambda: seen.append(_event(julie)) or seen[-1] == zmq.EVENT_HANDSHAKE_FAILED_AUTH)


def _event(one):
    return recv_monitor_message(one.monitor)["event"] if one.monitor.poll(0) else None


def test_rotation_lets_in_the_new_key_and_the_old_one_no_more(ring, run):
    """Without a restart, and others notice nothing."""
    with far.worker(run, "toby", key(ring, "toby")), far.worker(run, "julie", key(ring, "julie")) as first:
        kept = fp.tensor([1]).send(run["toby"])
        old = load(key(ring, "julie"))
        ring.new("julie", replace=True)
        said, _ = first.communicate(timeout=10)
        assert first.returncode == fp.AuthenticationFailed.exit_code, said
        assert "its key was revoked" in said
        context = zmq.Context()
        try:
            assert tried(context, run.bound, old, frame=hello(WORKER, "julie")) == "HANDSHAKE_FAILED_AUTH"
        finally:
            context.destroy(linger=0)
        until(lambda: "julie" not in parties(run))
        with far.worker(run, "julie", key(ring, "julie")):
            assert fp.tensor([1]).send(run["julie"]).get().tolist() == [1]
        assert kept.get().tolist() == [1]


def test_a_client_whose_key_is_revoked_is_told_so(ring, run):
    with fp.connect(run.bound, key=key(ring, "ana")) as mine:
        x = fp.tensor([1]).send(mine["carol"])
        mine.sync()
        ring.revoke("ana")
        with pytest.raises(fp.AuthenticationFailed):
            until(lambda: mine.sync())
        del x
    until(lambda: run["carol"].count() == 0)


def test_a_key_that_is_made_while_the_run_is_up_is_let_in(ring, run):
    ring.new("dora", CLIENT)
    with fp.connect(run.bound, key=key(ring, "dora")) as mine:
        assert [worker.name for worker in mine] == ["carol"]


def test_a_name_that_is_here_is_not_given_again(ring, run, peer):
    julie, again = peer("julie"), peer("julie")
    julie.say(hello(WORKER, "julie"))
    welcome(julie)
    again.say(hello(WORKER, "julie"))
    assert again.told() == "BadName"


def test_what_a_far_party_says_of_its_host_is_not_believed(run, peer):
    """Else who reads it could take its process number for one of its own machine."""
    julie = peer("julie")
    julie.say(hello(WORKER, "julie", host=socket.gethostname(), pid=1))
    welcome(julie)
    assert parties(run)["julie"][4].startswith("tcp://127.0.0.1:")


def test_strangers_at_the_port_are_hung_up_on(ring, run):
    """Also who says nothing, or stops in the middle of a handshake; and others are served meanwhile."""
    broker = psutil.Process(run._running.info.broker_pid)
    host, port = run.bound.removeprefix("tcp://").rsplit(":", 1)
    greeting = GREETING.replace(b"NULL\0", b"CURVE")
    said = b"\x04\xc8\x05HELLO"
    kinds = [
        b"", b"x" * 99, greeting[:20], greeting, GREETING + READY, greeting + READY, greeting + said + bytes(194),
        greeting + said[:3], greeting + b"\x06\x7f" + b"\xff" * 7, GREETING + READY + b"\x00\x05" + hello(),
    ]  # fmt: skip
    with fp.connect(run.bound, key=key(ring, "ana")) as mine, contextlib.ExitStack() as strangers:
        x = fp.tensor([1, 2]).send(mine["carol"])
        mine.sync()
        before = broker.num_fds()
        raw = [strangers.enter_context(socket.create_connection((host, int(port)))) for _ in kinds]
        for one, words in zip(raw, kinds, strict=True):
            one.settimeout(20 * HANDSHAKE_MS / 1000)
            with contextlib.suppress(OSError):  # it hangs up at once on some
                one.sendall(words)
        assert (x + x).get().tolist() == [2, 4]
        for one in raw:
            with contextlib.suppress(ConnectionError):
                while one.recv(4096):
                    pass
        until(lambda: broker.num_fds() <= before)
        assert (x + x).get().tolist() == [2, 4]
        assert sorted(row[2] for row in run._session.ask_broker("parties")) == ["client", "client", "worker"]


def test_who_listens_on_the_path_reads_nothing(ring, run):
    """Neither the values nor the names of what is sent can be seen there; in the run they can (a control)."""
    tap = Tap(run.bound)
    try:
        with fp.connect(tap.address, key=key(ring, "ana")) as mine:
            x = fp.tensor([SECRET]).send(mine["carol"]).tag("#elephant")
            mine.sync()
            assert [p.get_copy().tolist() for p in run.search("#elephant")] == [[SECRET]]
            del x
        assert len(tap.said) > 200
        for text in (b"elephant", SECRET.to_bytes(8, "little"), b"fp\x01"):
            assert text not in tap.said
    finally:
        tap.close()
