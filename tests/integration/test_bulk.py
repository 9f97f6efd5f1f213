"""Large arrays between real processes: through shared memory and in parts, with everybody killed at any time."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import psutil
import pytest

import farptr as fp
from farptr.protocol import body as bodies
from farptr.protocol.apart import Place
from farptr.protocol.commands import SEND, Envelope
from farptr.protocol.header import Flag, Header, Kind
from farptr.transport import sharing
from farptr.transport.dealer import Dealer
from tests.chaos import links
from tests.conftest import alive, pids_of, until

shared = pytest.mark.skipif(not sharing.supported(), reason="shared memory needs Linux's memfd_create")

ITEMS = 250_000
"""Of an array of 2 MB."""
LARGE = 1_000_000
POOLS = {"pool": "", "no pool": "0", "small pool": "1MB", "tiny pool": "140000"}


@pytest.fixture(params=POOLS)
def bound(request, monkeypatch):
    monkeypatch.setenv("FARPTR_POOL", POOLS[request.param])
    return request.param


@pytest.fixture
def run():
    with fp.up("julie", "toby") as run:
        yield run
    assert not mine(), "this process still has shared memory"


@pytest.fixture(autouse=True)
def _kept(request):
    """Shared memory that this process has of runs that are kept for other tests."""
    _kept_now[0] = shares(os.getpid())


_kept_now = [0]


def mine():
    """How much shared memory of this test's runs this process has."""
    return shares(os.getpid()) - _kept_now[0]


@shared
def test_a_session_that_idles_gives_its_memory_back(run, monkeypatch):
    pool = run._session.link.connection.bulk.pool
    for _ in range(3):  # the first goes by frames: the channel is offered then
        p = fp.tensor(np.ones(ITEMS)).send(run["julie"])
        run.sync()
    assert sum(out.sender.touched_bytes for out in pool._out.values()) >= ITEMS * 8
    monkeypatch.setattr("farptr.client.flushing.REST_LOOKS", 3)
    run._session.timer._idle = 0
    del p
    until(lambda: not any(out.sender.touched_bytes for out in pool._out.values()))
    assert fp.tensor(np.ones(ITEMS)).send(run["julie"]).sum() == ITEMS


def shares(pid):
    """How often a process has memory of the pool mapped; a channel counts several times."""
    try:
        return Path(f"/proc/{pid}/maps").read_text().count("memfd:farptr")
    except (FileNotFoundError, ProcessLookupError, PermissionError):
        return 0


def sharers():
    """Every process that has some, but for zombies."""
    return [pid for pid in psutil.pids() if shares(pid)]


def wire_bytes(run):
    return sum(row.wire_bytes for row in run.traffic())


def same(array, like):
    assert array.dtype == like.dtype
    assert array.shape == like.shape
    assert array.flags.writeable
    assert array.tobytes() == like.tobytes()


# ---------------------------------------------------------------- the same values, whichever way


def test_values_are_the_same_whichever_way_they_go(bound, run):
    julie, toby = run
    rng = np.random.default_rng(1)
    for i in range(3):  # the first go by frames, in any case
        for items in (4_000, 10_000, ITEMS, LARGE):
            a = rng.integers(0, 1 << 60, items)
            for like in (a, a.astype("f4"), a.astype("M8[s]"), a.astype("S9"), a.reshape(-1, 50), a.reshape(50, -1).T):
                p = fp.tensor(like).send(julie)
                same(np.asarray(p.get_copy()), like)
                p.move(toby)
                same(np.asarray(p.get()), like)
        base = fp.tensor(np.zeros(LARGE)).send(julie).send(toby)
        large = np.full(LARGE, i + 1.0)
        base += fp.tensor(large)
        assert (np.asarray((base + large).get().get()) == 2 * (i + 1)).all()
        del base, p
    run.sync()
    assert [len(worker._objects) for worker in run] == [0, 0]


def test_what_was_fetched_is_ours(bound, run):
    p = fp.tensor(np.zeros(ITEMS)).send(run["julie"])
    fetched = [p.get_copy() for _ in range(4)]
    for i, array in enumerate(fetched, 1):
        array += i
    assert [float(array[-1]) for array in fetched] == [1, 2, 3, 4]
    assert float(p.get_copy().max()) == 0


def test_what_was_sent_may_change_at_once(bound, run):
    a, sent = np.zeros(ITEMS), []
    for i in range(6):
        a[:] = i
        sent.append(fp.send(a, run["julie"]))
    a[:] = -1
    assert [(float(p.min().get()), float(p.max().get())) for p in sent] == [(i, i) for i in range(6)]


def test_a_result_that_is_a_view_of_an_argument_stays(bound, run):
    """Arguments are looked at where they lie; what is kept of them is copied."""
    julie, _ = run
    p = fp.tensor(np.zeros(ITEMS)).send(julie)
    kept = [np.broadcast_arrays(p, np.full(ITEMS, i))[1] for i in range(5)]
    kept += [p + np.full(ITEMS, 77) for _ in range(5)]
    assert [(int(k.min().get()), int(k.max().get())) for k in kept[:5]] == [(i, i) for i in range(5)]


def test_the_account_counts_values_as_ever_and_the_wire_what_passes_it(bound, run):
    julie, toby = run
    p = fp.tensor(np.zeros(ITEMS)).send(julie)
    for _ in range(3):
        p.get_copy()
    p.move(toby)
    run.sync()
    rows = {(row.source, row.destination, row.what): row for row in run.traffic()}
    bytes_ = 8 * ITEMS
    assert rows["me", "julie", "sent"].value_bytes == bytes_
    assert rows["julie", "me", "fetched"].value_bytes == 3 * bytes_
    assert rows["julie", "toby", "pushed"].value_bytes == bytes_
    if bound == "pool":
        assert bytes_ < rows["julie", "me", "fetched"].wire_bytes < bytes_ + 50_000
    else:
        assert rows["julie", "me", "fetched"].wire_bytes > 3 * bytes_


@shared
def test_the_pool_is_used(run):
    p = fp.send(np.zeros(ITEMS), run["julie"])
    p.get_copy()
    run.sync()
    before = wire_bytes(run)
    for _ in range(20):
        p = fp.send(np.zeros(ITEMS), run["julie"])
        p.get_copy()
    run.sync()
    assert wire_bytes(run) - before < 100_000
    assert mine()
    assert shares(run.pids["julie"])
    assert not shares(run._running.info.broker_pid)


def test_a_worker_with_a_memory_limit_has_no_pool():
    with fp.up("julie", memory_limit="200MB") as run:
        for _ in range(4):
            p = fp.send(np.ones(ITEMS), run["julie"])
            assert float(p.get_copy().sum()) == ITEMS
        assert not shares(run.pids["julie"])


def test_a_bound_that_is_none_is_told(monkeypatch):
    monkeypatch.setenv("FARPTR_POOL", "much")
    with pytest.raises(fp.FarptrError, match="FARPTR_POOL"):
        fp.up("julie")


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="peaks are known from /proc")
@pytest.mark.parametrize("pool", ["", "0"])
def test_the_broker_stays_small_while_half_a_gigabyte_passes(monkeypatch, pool):
    monkeypatch.setenv("FARPTR_POOL", pool)
    with fp.up("julie") as run:
        a = np.ones(4_000_000)
        for _ in range(8):
            p = fp.send(a, run["julie"])
            assert p.get_copy()[-1] == 1
        status = Path(f"/proc/{run._running.info.broker_pid}/status").read_text()
        peak_kb = int(status.split("VmHWM:")[1].split()[0])
        assert peak_kb < 80_000


# ---------------------------------------------------------------- whoever dies


def constant(array):
    """The one value that all its elements have."""
    low, high = float(array.min()), float(array.max())
    assert low == high, f"a mixture of {low} and {high}"
    return low


@pytest.mark.parametrize("number", range(3))
def test_a_worker_is_killed_with_arrays_under_way(bound, number):
    """Nobody ever sees a mixture; what is lost is told; its successor works; nothing is left."""
    with fp.up("julie", "toby", restart=True) as run:
        toby = run["toby"]
        over = threading.Event()

        def kill():
            for _ in range(2):  # who dies too often is not started again
                over.wait(0.3 + 0.03 * number)
                with contextlib.suppress(ProcessLookupError, KeyError):
                    os.kill(run.pids["julie"], signal.SIGKILL)
                over.wait(0.7)

        killer = threading.Thread(target=kill)
        killer.start()
        lost = done = 0
        until_s = time.monotonic() + 2.5
        try:
            while time.monotonic() < until_s or not (lost and done):
                assert time.monotonic() < until_s + 20, (lost, done)
                try:
                    i = float(done + lost)
                    p = fp.send(np.full(ITEMS, i), run["julie"])
                    q = (p + np.full(ITEMS, 1.0)).move(toby)
                    assert constant(q.get()) == i + 1
                    assert constant(p.get()) == i
                    done += 1
                except (fp.WorkerLost, fp.StalePointer, fp.UnknownWorker, fp.ObjectGone):  # it was on its way
                    lost += 1
                    p = q = None
        finally:
            over.set()
            killer.join()
        p = q = None
        pids = pids_of(run)
    until(lambda: not any(map(alive, pids)))
    assert not mine()


@shared
def test_channels_of_the_dead_are_given_up(run):
    julie, toby = run
    p = fp.send(np.zeros(LARGE), julie)
    for _ in range(3):
        p.get_copy()
        p = fp.send(np.zeros(LARGE), julie)
        p = p.move(toby)
        p.get_copy()
        p.move(julie)
    run.sync()
    assert mine()
    assert shares(run.pids["toby"])
    run.kill("julie")
    before = shares(run.pids["toby"])
    run.kill("toby")
    assert before
    assert not mine()


CLIENT = """
import sys, numpy as np, farptr as fp
run = fp.connect(sys.argv[1])
a = np.zeros(1_000_000)
for i in range(10**9):
    a[:] = i
    p = fp.send(a, run["julie"])
    if i == 3:
        print("here", flush=True)
    assert p.get_copy()[-1] == i
"""


@shared
def test_a_client_is_killed_while_it_sends(run):
    """What its worker had of it is given up; other clients notice nothing."""
    julie, _ = run
    ours = fp.send(np.full(LARGE, 5.0), julie)
    constant(ours.get_copy())
    before = shares(run.pids["julie"])
    for _ in range(3):
        client = subprocess.Popen([sys.executable, "-c", CLIENT, run.name], stdout=subprocess.PIPE, text=True)
        try:
            assert client.stdout.readline() == "here\n"
            client.kill()
            client.wait(10)
        finally:
            client.kill()
            client.communicate()
        until(lambda: julie.count() == 1)
        assert constant(ours.get_copy()) == 5
        until(lambda: shares(run.pids["julie"]) <= before + 3)  # its own way back to this client was new, perhaps


def use_until(run, until_s):
    while time.monotonic() < until_s:
        p = fp.send(np.full(LARGE, until_s), run["julie"]).move(run["toby"])
        assert constant(p.get_copy()) == until_s


@pytest.mark.parametrize("who", ["broker", "supervisor", "all at once"])
def test_whoever_is_killed_nothing_is_left(bound, who):
    run = fp.up("julie", "toby")
    info, pids = run._running.info, pids_of(run)
    killed = {"broker": [info.broker_pid], "supervisor": [info.supervisor_pid], "all at once": pids}[who]
    timer = threading.Timer(0.3, lambda: [os.kill(pid, signal.SIGKILL) for pid in killed if alive(pid)])
    timer.start()
    try:
        with pytest.raises(fp.FarptrError):
            use_until(run, time.monotonic() + 20)
    finally:
        timer.join()
        run.close()
    until(lambda: not any(map(alive, pids)))
    until(lambda: not set(sharers()) & set(pids) and not mine())
    assert not info.directory.exists()


def test_nothing_is_lost_when_the_connection_is_cut_all_the_time(bound, run):
    if not links.can_cut(os.getpid()):
        pytest.skip("this system does not let one process cut another's connection")
    over, cuts = threading.Event(), []

    def cut():
        while not over.wait(0.15):
            cuts.append(links.cut(os.getpid(), run._running.info.address))

    breaker = threading.Thread(target=cut)
    breaker.start()
    try:
        for i in range(12):
            p = fp.send(np.full(LARGE, float(i)), run["julie"])
            assert constant(p.get_copy()) == i
            assert constant((p.move(run["toby"]) + np.full(LARGE, 1.0)).get()) == i + 1
    finally:
        over.set()
        breaker.join()
    assert any(cuts)
    del p
    run.sync()
    assert [len(worker._objects) for worker in run] == [0, 0]


# ---------------------------------------------------------------- a peer that lies


def test_a_place_that_is_not_there_fails_the_command_and_nothing_else(run):
    julie, _ = run
    liar = Dealer(run._running.info.address, {"role": "client", "name": "liar"})
    try:
        number, epoch = liar.welcome["number"], liar.welcome["epoch"]
        julies = next(row[0] for row in liar.welcome["roster"] if row[1] == "julie")
        name = julies << 40 | 5
        wire = ("A", "|u1", (100_000,), "C", 0)
        places = [b"", Place(1, 0, 1, 0, (100_000,)).encode(), Place(0, 0, 1, 0, (100_000,)).encode()]
        for sequence, place in enumerate(places, 1):
            body = bodies.dumps(((sequence, SEND, name + sequence, 1, 0, wire),))
            header = Header(
                Kind.COMMAND, Flag.APART, epoch=epoch, destination=julies, root=number, buffers=1,
                sequence=sequence, body_bytes=len(body),
            )  # fmt: skip
            liar.send(Envelope(header, body, (place,)))
            until(liar.readable)
            reply = liar.receive()
            assert b"ProtocolError" in reply.body
    finally:
        liar.close()
    assert constant(fp.send(np.ones(ITEMS), julie).get_copy()) == 1
