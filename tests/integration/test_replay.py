"""A recorded run on another network: what a virtual run there takes, when control flow does not depend on time."""

from __future__ import annotations

import itertools
import json
import random
import subprocess

import numpy as np
import pytest

import farptr as fp
from farptr.journal.reading import Reader
from farptr.network.network import Network
from farptr.protocol.errors import JournalError
from farptr.replay.path import shares
from farptr.replay.retiming import retime
from farptr.replay.script import Script
from tests.integration.commands import FARPTR

SEED = 3
NETWORKS = {
    "none": Network(),
    "presets": Network(everybody="broadband", parties={"toby": "3G", "me": "4G"}),
    "latency and bandwidth": Network(links={("*", "*"): {"latency": "50 ms", "bandwidth": "100 kbit/s"}}),
    "chances": Network(everybody={"latency": "lognormal(20ms, 0.5)"}, links={("me", "toby"): {"latency": "9 ms"}}),
    "one slow way": Network(links={("julie", "toby"): {"latency": "2 s"}}),
}


def chains(sim) -> None:
    """Chains, moves, fences, answers that are waited for, and a pause."""
    julie, toby, _ = sim
    p, q = fp.send([1.0, 2.0, 3.0], julie), fp.send([4.0], toby)
    pp = p.send(toby)
    (pp + pp).get().get()
    sim.sleep(0.5)
    assert q.sum().get() == 4.0
    (p.move(toby) + q).get()
    sim.sync()


def rounds(sim) -> None:
    """Federated averaging."""
    weights = np.zeros(2000)
    for _ in range(3):
        pointers = [fp.send(weights, worker) * 2 + 1 for worker in sim]
        last = sim[2]
        weights = (sum(pointer.move(last) for pointer in pointers) / 3).get()


def dice(sim) -> None:
    """A random program."""
    rng = random.Random(SEED)
    held = [fp.send(np.ones(rng.randrange(1, 600)), worker) for worker in sim]
    for _ in range(30):
        at = rng.randrange(len(held))
        what = rng.randrange(5)
        if what == 0:
            held[at] = held[at] + 1
        elif what == 1:
            held[at] = held[at].move(sim[rng.randrange(3)])
        elif what == 2:
            float(held[at].sum())
        elif what == 3:
            fp.gather([pointer * 2 for pointer in held])
        else:
            held.append(fp.send(np.ones(rng.randrange(1, 600)), sim[rng.randrange(3)]))
    sim.sync()


def recorded(program, folder, network, costs="20 ms") -> float:
    """The makespan of a run under the virtual clock."""
    with fp.up("julie", "toby", "carol", clock="virtual", costs=costs, seed=SEED, net=network, journal=folder) as sim:
        program(sim)
        return sim.now


@pytest.mark.parametrize("program", [chains, rounds, dice])
def test_it_is_exact_against_a_virtual_run_on_that_network(tmp_path, program):
    takes = {name: recorded(program, tmp_path / name, network) for name, network in NETWORKS.items()}
    assert len(set(takes.values())) >= len(NETWORKS) - 1
    for source in ("none", "presets"):
        for name, network in NETWORKS.items():
            script = Script().fold(Reader(tmp_path / source))
            found = retime(script, network, SEED)
            assert found.makespan_s == pytest.approx(takes[name], abs=2e-8), f"{source} on {name}"
            ways, work = shares(found.end)
            assert ways.total() + work.total() == pytest.approx(takes[name], abs=1e-7), "the path is without gaps"


def test_costs_that_workers_tell_are_those_of_the_recorded_run(tmp_path):
    slow = NETWORKS["presets"]
    takes = recorded(rounds, tmp_path / "real", slow, costs="1 MFLOP/s")
    recorded(rounds, tmp_path / "fast", Network(), costs="1 MFLOP/s")
    found = retime(Script().fold(Reader(tmp_path / "fast")), slow, SEED)
    assert found.makespan_s == pytest.approx(takes, abs=1e-7)


def test_the_link_that_limits_is_the_slow_one(tmp_path):
    recorded(chains, tmp_path, Network())
    found = retime(Script().fold(Reader(tmp_path)), NETWORKS["one slow way"])
    ways, _ = shares(found.end)
    (link, seconds), *_ = ways.most_common()
    assert link == ("julie", "toby")
    assert seconds == pytest.approx(2.0, abs=1e-9)
    path = found.path()
    assert [(a.ended_s, b.began_s) for a, b in itertools.pairwise(path) if a.ended_s > b.began_s + 1e-9] == []


def test_a_run_by_the_wall_s_clock_takes_what_it_took_and_more_on_a_network(tmp_path):
    with fp.up("julie", "toby", journal=tmp_path) as sim:
        julie, toby = sim
        moved = fp.send(np.ones(700_000), julie).move(toby)  # in parts, or through shared memory
        assert moved.sum().get() == 700_000
        sim.sync()
    script = Script().fold(Reader(tmp_path))
    here = retime(script, Network()).makespan_s
    assert here == pytest.approx(script.makespan_ns / 1e9, rel=0.5)
    slow = retime(script, Network(links={("julie", "toby"): {"bandwidth": "8 Mbit/s"}})).makespan_s
    assert slow - here == pytest.approx(5.6, rel=0.05)


def test_runs_that_cannot_be_re_timed_are_refused(tmp_path):
    with fp.up("julie", journal=tmp_path / "two") as sim:
        with fp.connect(sim._running.info.address) as other:
            other["julie"].count()
        sim.sync()
    with pytest.raises(JournalError, match="several clients"):
        Script().fold(Reader(tmp_path / "two"))
    with fp.up("julie", "toby", journal=tmp_path / "lost") as sim:
        sim.kill("toby")
        sim[0].count()
    with pytest.raises(JournalError, match="cannot be re-timed"):
        Script().fold(Reader(tmp_path / "lost"))


def test_the_command(tmp_path):
    recorded(chains, tmp_path / "runs", Network())
    (tmp_path / "slow.toml").write_text('[[links]]\nfrom = "julie"\nto = "toby"\nlatency = "2 s"\n')

    def command(*words, code=0):
        done = subprocess.run(
            [*FARPTR, "replay", *words], cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False
        )
        assert done.returncode == code, done.stderr
        return done

    said = command("runs", "--net", "slow.toml").stdout
    assert said.startswith("recorded: 0.680000 s; on slow.toml: 2.68")
    assert "the link that limits: julie → toby" in said
    plain = json.loads(command("runs", "--net", "slow.toml", "--json").stdout)
    assert plain["limiting_link"]["source"] == "julie"
    assert plain["path"][-1]["to_s"] == pytest.approx(plain["makespan_s"])
    command("runs", "--net", "nowhere.toml", code=2)
    command("nowhere", "--net", "slow.toml", code=3)
    command("runs", code=2)


def test_a_client_that_only_came_and_went_is_not_the_program(tmp_path):
    """`farptr up --net` and `farptr link` are clients that join before the program does."""
    slow = Network(links={("me", "julie"): {"latency": "2 s"}})
    with fp.up("julie", name="early", journal=tmp_path) as sim:
        address = sim._running.info.address
        sim.net.state()
        sim._session.close()
        with fp.connect(address) as mine:
            assert fp.send([1.0], mine["julie"]).sum().get() == 1.0
    script = Script().fold(Reader(tmp_path))
    assert script.others == 0
    here = retime(script, Network()).makespan_s
    assert here == pytest.approx(script.makespan_ns / 1e9, rel=0.5, abs=0.1)
    assert retime(script, slow).makespan_s > 1.9


def test_clients_that_are_left_out_are_told(tmp_path):
    with fp.up("julie", name="late", journal=tmp_path) as sim:
        address = sim._running.info.address
        fp.send([1.0], sim["julie"]).get()
        sim._session.close()
        for _ in range(2):
            with fp.connect(address) as other:
                fp.send([2.0], other["julie"]).get()
        with fp.connect(address) as silent:
            silent.net.state()
    assert Script().fold(Reader(tmp_path)).others == 2
    (tmp_path / "net.toml").write_text('everybody = "LAN"\n')
    words = [*FARPTR, "replay", str(tmp_path), "--net", str(tmp_path / "net.toml")]
    done = subprocess.run(words, capture_output=True, text=True, check=True, timeout=60)
    assert "note: only the first client's part is timed: 2 others came after it" in done.stderr
