"""Real processes under the virtual clock: times that can be computed, runs that pass twice alike, refusals."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import farptr as fp
from farptr.client.clock import CostsNotKept
from farptr.client.realtime import NOTICED_S, RealTimePassed
from farptr.network.network import Network
from farptr.protocol.errors import BadClock, LinkLost

EXACT = 1e-9


def virtual(*workers: Any, **more: Any) -> Any:
    return fp.up(*workers, clock="virtual", timeout=20, **more)


def latency(text: str) -> Network:
    return Network(links={("*", "*"): {"latency": text}})


# ---------------------------------------------------------------- times


def test_a_round_trip_takes_two_latencies_and_the_work():
    with virtual("julie", net=latency("50 ms"), costs="7 ms") as sim:
        (julie,) = sim
        assert sim.clock == "virtual"
        assert sim.now == 0.0
        x = fp.tensor([1, 2, 3]).send(julie)
        assert x.get_copy().tolist() == [1, 2, 3]
        assert sim.now == pytest.approx(0.107, abs=EXACT)
        (x + x) + x
        assert sim.now == pytest.approx(0.107, abs=EXACT), "submitting takes no time"


def test_a_chain_takes_one_latency_for_each_hop():
    with virtual("julie", "toby", net=latency("50 ms")) as sim:
        julie, toby = sim
        pp = fp.tensor([1, 2, 3]).send(julie).send(toby)
        sim.sync()
        began = sim.now
        assert pp.get(all=True).tolist() == [1, 2, 3]
        assert sim.now - began == pytest.approx(0.150, abs=EXACT)


def test_workers_compute_at_the_same_time_and_each_does_one_turn_at_a_time():
    with virtual(4, costs={"worker": {"w4": "3 s"}, "else": "1 s"}) as sim:
        pointers = [fp.send([1.0], worker) for worker in sim]
        sim.sync()
        assert sim.now == pytest.approx(3.0, abs=EXACT)
        fp.gather([pointer + 1 for pointer in pointers])
        assert sim.now == pytest.approx(6.0, abs=EXACT)


def test_bytes_take_their_time_by_the_bandwidth():
    network = Network(parties={"me": {"up": {"bandwidth": "8 Mbit/s"}}})
    with virtual("julie", net=network) as sim:
        (julie,) = sim
        fp.send(np.zeros(1_000_000, np.uint8), julie).get()
        assert sim.now == pytest.approx(1.0, rel=1e-3)
        # More than goes through shared memory, or in parts, by the wall's clock.
        fp.send(np.zeros(8_000_000, np.uint8), julie).get()
        assert sim.now == pytest.approx(9.0, rel=1e-3)


def test_operations_cost_what_the_table_says():
    with virtual("julie", costs={"matmul": "2 s", "add": "10 ms"}) as sim:
        (julie,) = sim
        x = fp.send(np.eye(3), julie)
        ((x @ x) + x + x).get()
        assert sim.now == pytest.approx(2.020, abs=EXACT)


def test_a_function_costs_what_stands_by_its_name():
    def train(x):
        return x * 2

    def fails(x):
        raise ValueError

    costs = {"fn:train": "20 s", "fn:fails": "3 s", "operation": "1 s"}
    with fp.up("julie", clock="virtual", costs=costs, functions=True) as sim:
        (julie,) = sim
        x = fp.send(np.ones(3), julie)
        x.apply(train).get()
        assert sim.now == pytest.approx(20.0, abs=EXACT)
        with pytest.raises(ValueError):
            x.apply(fails).get()
        x.apply(np.sum).get()
        assert sim.now == pytest.approx(24.0, abs=EXACT)


def test_work_at_a_speed_takes_its_floating_point_operations():
    with virtual("julie", costs="1 MFLOP/s") as sim:
        (julie,) = sim
        x = fp.send(np.ones((10, 20)), julie)
        (x @ x.T).get()
        assert sim.now == pytest.approx(2 * 10 * 10 * 20 / 1e6, abs=EXACT)


def test_sleeping_lets_the_others_go_on_and_futures_complete():
    with virtual("julie", "toby", costs={"worker": {"toby": "10 s"}}) as sim:
        fast, slow = [fp.send([1.0], worker).get_async() for worker in sim]
        sim.sleep(2)
        assert sim.now == 2.0
        assert fast.done()
        assert not slow.done(), "a straggler"
        sim.sleep(20)
        assert slow.done()
        assert slow.result().tolist() == [1.0]
        assert sim.now == 22.0


@pytest.mark.parametrize("seconds", [-1, float("nan"), float("inf"), "1 s", True])
def test_what_is_no_time_to_sleep(seconds):
    with virtual("julie") as sim:
        with pytest.raises(BadClock, match="no time to sleep"):
            sim.sleep(seconds)
        assert sim.now == 0.0


def test_costs_of_nobody_are_refused(tmp_path):
    """They would be no costs at all, and nobody would notice."""
    with pytest.raises(fp.UnknownWorker, match="bob"):
        fp.up("julie", clock="virtual", costs={"worker": {"bob": "1 s"}})
    (tmp_path / "costs.json").write_text('{"format": 1, "unit": "s", "turns": {"bob": [1.0]}}')
    with pytest.raises(BadClock, match="costs of bob"):
        fp.up("julie", clock="virtual", costs={"measured": tmp_path / "costs.json"})


def test_measured_costs_that_cannot_be_kept_are_told(tmp_path):
    folder = tmp_path / "there"
    folder.mkdir()
    sim = virtual("julie", costs={"measured": folder / "costs.json"})
    fp.send([1, 2], sim[0]).get()
    folder.rmdir()
    with pytest.warns(CostsNotKept, match=r"costs\.json"):
        sim.close()


def test_measured_costs_are_replayed(tmp_path):
    path = tmp_path / "costs.json"
    times = []
    for _ in range(3):
        with virtual("julie", costs={"measured": path}) as sim:
            (julie,) = sim
            x = fp.send(np.ones((60, 60)), julie)
            for _ in range(5):
                x = x @ x
                sim.sync()
            x.get()
            times.append(sim.now)
    assert times[1] == times[2]
    assert times[1] == pytest.approx(times[0], abs=EXACT)
    assert times[0] > 0


# ---------------------------------------------------------------- twice alike


def program(sim: Any) -> None:
    """Chains, moves, failures, futures, releases: what can pass in a run."""
    julie, toby, carol = sim
    x = fp.tensor(np.arange(2000.0)).send(julie)
    pp = (x * 2).send(toby)
    qq = pp + pp
    futures = [(x + i).get_async() for i in range(5)]
    moved = (x + 1).move(carol)
    assert [future.result()[0] for future in futures] == [0, 1, 2, 3, 4]
    bad = x + fp.tensor([1.0, 2.0]).send(julie)
    with pytest.raises(ValueError, match="broadcast"):
        bad.get()
    for i in range(300):
        moved = moved + i
    del x, pp
    assert qq.get(all=True)[1] == 4.0
    assert moved.sum().get() > 0
    _ = julie._objects
    sim.sync()


def journal_bytes(folder: Path) -> list[bytes]:
    return [path.read_bytes() for path in sorted((folder / "latest").glob("*.fpj"))]


@pytest.mark.parametrize("access", [None, "3G", {"latency": "exponential(50ms)", "loss": "3 %"}])
def test_the_same_program_and_seed_give_the_same_journal_byte_for_byte(tmp_path, access):
    net = None if access is None else Network(everybody=access)
    found, times = [], []
    for i in range(3):
        with virtual("julie", "toby", "carol", seed=5, net=net, costs="1 ms", journal=tmp_path / f"run{i}") as sim:
            program(sim)
            times.append(sim.now)
        found.append(journal_bytes(tmp_path / f"run{i}"))
    assert len(found[0][0]) > 10_000
    assert found[0] == found[1] == found[2]
    assert times[0] == times[1] == times[2]


def test_names_of_other_lengths_change_nothing(tmp_path):
    """Process ids have between 1 and 4 bytes, run names and folders any length: a run is as long with each."""
    found = []
    for name, folder in (("a", "b"), ("a" * 30, "b" * 90)):
        with virtual("julie", "toby", name=name, journal=tmp_path / folder) as sim:
            assert fp.send([1.0], sim["julie"]).get().tolist() == [1.0]
        found.append(journal_bytes(tmp_path / folder))
    assert found[0] == found[1]


def test_another_seed_gives_another_journal(tmp_path):
    for seed in (1, 2):
        with virtual("julie", "toby", "carol", seed=seed, journal=tmp_path / f"run{seed}") as sim:
            program(sim)
    assert journal_bytes(tmp_path / "run1") != journal_bytes(tmp_path / "run2")


def test_a_journal_has_virtual_times_and_its_account_balances(tmp_path):
    with virtual("julie", net=latency("1 s"), journal=tmp_path / "runs") as sim:
        (julie,) = sim
        fp.send([1, 2], julie).get()
        seconds = sim.now
    account = fp.open_journal(tmp_path / "runs")
    assert account.notices == []
    assert account.manifest["balance"]["faults"] == []
    assert account.manifest["clock"]["kind"] == "virtual"
    assert seconds == pytest.approx(2.0, abs=EXACT)


# ---------------------------------------------------------------- what goes wrong


def test_another_thread_is_refused_and_the_first_goes_on():
    with virtual("julie") as sim:
        (julie,) = sim
        x = fp.send([1, 2], julie)
        caught: list[BaseException] = []
        # What only goes into a batch, too: its place there would depend on who is faster.
        uses = [lambda: x + 1, lambda: x @ x, lambda: np.exp(x), x.get_copy, x.get_async, lambda: fp.send([1], julie)]

        def use() -> None:
            for one in uses:
                try:
                    one()
                except BaseException as error:
                    caught.append(error)

        thread = threading.Thread(target=use)
        thread.start()
        thread.join(20)
        assert [type(error) for error in caught] == [BadClock] * len(uses)
        assert all("one thread" in str(error) for error in caught)
        assert x.get_copy().tolist() == [1, 2]
        assert julie.count() == 1


def test_a_second_client_is_refused():
    name = f"clock-{os.getpid()}"
    with virtual("julie", name=name) as sim:
        with pytest.raises(BadClock, match="one client"):
            fp.connect(name)
        assert fp.send([1], sim[0]).get().tolist() == [1]


def test_awaiting_is_refused():
    async def wait(future: Any) -> Any:
        return await future

    with virtual("julie") as sim:
        future = fp.send([1], sim[0]).get_async()
        with pytest.raises(BadClock, match="event loop"):
            asyncio.run(wait(future))
        assert future.result().tolist() == [1]


def test_a_workers_death_is_told_while_time_waits_for_it():
    with virtual("julie", "toby", costs="1 s") as sim:
        julie, toby = sim
        x, y = fp.send([1], julie), fp.send([2], toby)
        sim.sync()
        os.kill(sim.pids["julie"], signal.SIGSTOP)
        z = x + x
        with pytest.raises((fp.WorkerUnresponsive, fp.DeadlineExceeded)):
            z.get(timeout=1.0)
        sim.kill("julie")
        with pytest.raises(fp.WorkerLost):
            (z + z).get()
        assert (y + y).get().tolist() == [4]


def test_what_the_network_loses_is_a_typed_error():
    network = Network(links={("me", "julie"): {"loss": "100 %"}})
    with virtual("julie", net=network) as sim:
        with pytest.raises(LinkLost, match="what me sent to julie was lost"):
            fp.send([1], sim[0]).get()
        assert sim.now == pytest.approx(10.0), "what `give_up` says"


def test_the_network_changes_at_run_time_and_steps_by_hand():
    with virtual("julie", "toby") as sim:
        julie, toby = sim
        x = fp.send([1.0], julie)
        with sim.net.link("me", "julie", latency="2 s"):
            x.get_copy()
            assert sim.now == pytest.approx(2.0, abs=EXACT)
        x.get_copy()
        assert sim.now == pytest.approx(2.0, abs=EXACT)
        with sim.net.hold():
            answer = (x + 1).get_async()
            other = fp.send([5.0], toby).get_async()
            assert [one.destination for one in sim.net.in_flight()] == ["julie", "toby"]
            sim.net.deliver()
            sim.net.deliver()
            sim.sleep(1)
            assert not answer.done()
        assert answer.result().tolist() == [2.0]
        assert other.result().tolist() == [5.0]


def test_by_the_walls_clock_sleeping_sleeps_and_now_goes_on():
    with fp.up("julie") as sim:
        assert sim.clock == "wall"
        began = sim.now
        future = fp.send([1], sim[0]).get_async()
        sim.sleep(0.05)
        assert sim.now >= began + 0.05
        assert future.result().tolist() == [1]
        sim.sleep(0.01)


def test_a_program_that_sleeps_by_the_real_clock_is_told():
    with virtual("julie") as sim:
        x = fp.send([1.0], sim["julie"])
        x.get_copy()
        time.sleep(NOTICED_S * 3)  # what is tested; other threads may be busy for a part of it
        with pytest.warns(RealTimePassed, match=r"sim\.sleep") as told:
            x.get_copy()
        assert told[0].filename == __file__
        assert sim.now == 0.0
