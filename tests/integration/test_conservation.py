"""Every byte that passes a run is accounted for: at the broker, at its sockets, and at those of clients and workers."""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections import deque

import numpy as np
import pytest

import farptr as fp
from farptr.broker import core
from farptr.broker.process import serve
from farptr.journal import IN_MEMORY
from farptr.journal.noting import Journal
from farptr.journal.reading import Reader
from farptr.testing import conservation
from farptr.testing.conservation import faults


@pytest.fixture
def sim(tmp_path):
    with fp.up("julie", "toby", journal=IN_MEMORY) as run:
        yield run


def work(sim) -> None:
    julie, toby = sim
    x = fp.tensor([1.0, 2.0]).send(julie)
    chain = x.send(toby)
    (chain + chain).get()
    big = fp.tensor(np.ones(700_000)).send(julie)
    assert big.move(toby).sum().get() == 700_000


def test_a_run_of_every_sort_of_envelope_is_accounted_for_at_every_socket(sim):
    work(sim)
    with fp.connect(sim._running.info.address) as other:
        other["julie"].count()
        assert faults(other) == []
    sim.sync()
    assert faults(sim) == []


def test_it_holds_without_shared_memory_and_over_the_network(monkeypatch):
    monkeypatch.setenv("FARPTR_POOL", "0")
    with fp.up("julie", "toby", journal=IN_MEMORY) as sim:
        work(sim)
        sim.sync()
        assert faults(sim) == []


@pytest.mark.parametrize("end", ["in_bytes", "out_bytes"])
def test_a_byte_more_at_a_client_is_noticed(sim, monkeypatch, end):
    monkeypatch.setattr(conservation, "PATIENCE_S", 0.0)
    work(sim)
    connection = sim._session.link.connection
    setattr(connection, end, getattr(connection, end) + 1)
    (fault,) = faults(sim)
    assert fault.startswith("me sent")


def test_a_byte_more_at_a_worker_is_noticed(sim, monkeypatch):
    monkeypatch.setattr(conservation, "PATIENCE_S", 0.0)
    told = conservation._of

    def one_more(worker):
        sent, handed = told(worker)
        return (sent + (worker.name == "toby"), handed)

    monkeypatch.setattr(conservation, "_of", one_more)
    (fault,) = faults(sim)
    assert fault.startswith("toby sent")


def test_a_run_without_a_tally_has_nothing_to_say():
    with fp.up("julie") as sim:
        assert faults(sim) == []
        assert sim._session.ask_broker("sockets") is None


@pytest.mark.parametrize("where", ["take", "came", "handed"])
def test_a_broker_that_is_told_to_stop_amid_an_envelope_finishes_it(tmp_path, base, where):
    """What has been counted at a socket is in the journal, too, wherever the signal strikes."""
    address, folder = f"ipc://{base}/b", tmp_path / "journal"
    broker = multiprocessing.get_context("fork").Process(target=serve_struck, args=(address, str(folder), where))
    broker.start()
    try:
        with fp.connect(address) as run, pytest.raises(fp.FarptrError):
            deque(iter(lambda: run._session.ask_broker("sockets"), None))  # until it is gone
    finally:
        broker.join(20)
        broker.kill()
    assert broker.exitcode == 0
    assert Reader(folder).manifest["balance"]["faults"] == []


def serve_struck(address, folder, where):
    """Serve as a broker whose process gets a SIGTERM before the ninth call of this."""
    thing, name = {"take": (core.BrokerCore, "take"), "came": (Journal, "came"), "handed": (Journal, "handed")}[where]
    plain, calls = getattr(thing, name), []

    def struck(self, *args):
        calls.append(args)
        if len(calls) == 9:
            os.kill(os.getpid(), signal.SIGTERM)
        return plain(self, *args)

    setattr(thing, name, struck)
    serve(address, run="struck", journal=(folder, {}))
