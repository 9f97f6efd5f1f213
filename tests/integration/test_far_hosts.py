"""Workers in network namespaces of their own, as on other machines: with other addresses, and cables."""

from __future__ import annotations

import contextlib
import os
import subprocess

import numpy as np
import pytest

import farptr as fp
from farptr.keys.ring import Ring
from farptr.transport.curve import BEAT_MS, SILENCE_MS
from tests.integration import far
from tests.integration.commands import refused

LARGE = 1_500_000


def ip(*words):
    subprocess.run(["ip", *words], check=True, capture_output=True, timeout=20)


class Host:
    """A namespace with a cable to this one: ``ours`` and ``theirs`` are the addresses of its ends."""

    def __init__(self, at):
        tag = f"{os.getpid() % 10_000}{at}"
        net = f"10.213.{os.getpid() % 250}.{at * 4}"
        base = net.rpartition(".")
        self.name, self.cable = f"fp{tag}", f"fpa{tag}"
        self.ours, self.theirs = (f"{base[0]}.{int(base[2]) + end}" for end in (1, 2))
        self.prefix = ("ip", "netns", "exec", self.name)

    def make(self):
        ip("netns", "add", self.name)
        ip("link", "add", self.cable, "type", "veth", "peer", "name", "far0", "netns", self.name)
        ip("addr", "add", f"{self.ours}/30", "dev", self.cable)
        ip("link", "set", self.cable, "up")
        for words in (["addr", "add", f"{self.theirs}/30", "dev", "far0"], ["link", "set", "far0", "up"]):
            ip("-n", self.name, *words)
        ip("-n", self.name, "link", "set", "lo", "up")

    def unplug(self):
        ip("link", "set", self.cable, "down")

    def remove(self):
        for words in (("netns", "del", self.name), ("link", "del", self.cable)):
            with contextlib.suppress(subprocess.SubprocessError, OSError):
                ip(*words)


@pytest.fixture
def hosts(base, monkeypatch):
    """Two other machines, and keys for julie and toby."""
    monkeypatch.setenv("FARPTR_KEYS", str(base / "ring"))
    ring = Ring()
    for name in ("julie", "toby"):
        ring.new(name)
    made = [Host(0), Host(1)]
    try:
        for host in made:
            try:
                host.make()
            except (OSError, subprocess.SubprocessError) as error:
                pytest.skip(f"this machine does not let us make network namespaces: {error}")
        yield made
    finally:
        for host in made:
            host.remove()


@contextlib.contextmanager
def spread(hosts, base):
    """A run with carol here, julie and toby on the other two."""
    with fp.up("carol", bind="tcp://*:*") as run, contextlib.ExitStack() as stack:
        port = run.bound.rpartition(":")[2]
        processes = [
            stack.enter_context(
                far.worker(run, name, base / "ring" / f"{name}.key",
                           address=f"tcp://{host.ours}:{port}", prefix=host.prefix)
            )
            for name, host in zip(("julie", "toby"), hosts, strict=True)
        ]  # fmt: skip
        yield run, processes


def test_chains_and_large_arrays_across_machines(hosts, base):
    with spread(hosts, base) as (run, processes):
        at = {row[1]: row[4] for row in run._session.ask_broker("parties")}
        for name, host in zip(("julie", "toby"), hosts, strict=True):
            assert at[name].startswith(f"tcp://{host.theirs}:")
        carol, julie, toby = run["carol"], run["julie"], run["toby"]
        p = fp.tensor([1, 2, 3]).send(julie).send(toby).send(carol)
        assert (p * 2).get().get().get().tolist() == [2, 4, 6]
        large = np.arange(LARGE)
        x = fp.tensor(large).send(julie)
        y = x.copy().move(toby)
        assert np.array_equal(y.move(carol).get(), large)
        assert int((x + x).sum().get()) == 2 * int(large.sum())
        del p, x, y
        run.sync()
        run.close()
        for process in processes:
            said, _ = process.communicate(timeout=10)
            assert process.returncode == 0, said


def test_a_machine_that_vanishes_is_lost_and_its_worker_ends(hosts, base):
    """Nobody closes the connection: the cable is gone. Both ends know it by the silence."""
    with spread(hosts, base) as (run, (julie, _)):
        x = fp.tensor([1]).send(run["julie"]).send(run["toby"])
        run.sync()
        hosts[0].unplug()
        with pytest.raises(fp.WorkerLost, match="julie"):
            x.get().get()
        assert fp.tensor([2]).send(run["toby"]).get().tolist() == [2]
        said, _ = julie.communicate(timeout=(BEAT_MS + SILENCE_MS) / 1000 + 15)
        assert julie.returncode == fp.BrokerLost.exit_code, said


def test_a_wrong_key_is_refused_across_machines(hosts, base):
    with spread(hosts, base) as (run, _):
        strange = Ring(base / "strange")
        strange.new("dora")
        address = f"tcp://{hosts[0].ours}:{run.bound.rpartition(':')[2]}"
        error, _ = refused(5, "worker", "dora", "--connect", address, "--key", base / "strange" / "dora.key")
        assert "has not the key of the broker" in error
