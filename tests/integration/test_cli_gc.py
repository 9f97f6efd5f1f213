"""``farptr gc``: what a run holds, by whom, and what nobody can reach."""

from __future__ import annotations

import json

import numpy as np
import pytest

import farptr as fp
from farptr.launch.rundir import find
from farptr.protocol import body as bodies
from farptr.protocol.commands import KEEP_NOT, SEND, Envelope
from farptr.protocol.header import Flag, Header, Kind, references
from farptr.protocol.ids import make_name
from farptr.transport.dealer import Dealer
from tests.integration.commands import farptr, ok, refused, rows

ID = 12_345_678_901


@pytest.fixture
def team(base):
    np.savez(base / "shard.npz", x=np.arange(3))
    ok("up", "julie", "toby=shard.npz", "-d", cwd=base)


class RawClient:
    """A client that books nothing."""

    def __init__(self):
        self.dealer = Dealer(find("default").address, {"role": "client", "name": "me", "pid": 0, "host": "here"})
        self.number, self.sequence = self.dealer.welcome["number"], 0
        self.party = {name: number for number, name, *_ in self.dealer.welcome["roster"]}

    def send(self, kind, **header):
        body = header.pop("body", b"")
        self.sequence += 1
        self.dealer.send(
            Envelope(
                Header(
                    kind, epoch=self.dealer.welcome["epoch"], root=self.number, sequence=self.sequence,
                    body_bytes=len(body), **header,
                ),
                body,
            )
        )  # fmt: skip

    def store(self, worker, wire):
        """Store something there, without the ``creates`` that would count it."""
        name = make_name(self.party[worker], ID)
        refs = references([(wire[1], 1)]) if wire[0] == "P" else ()
        body = bodies.dumps(((1, SEND, name, 1, KEEP_NOT, wire),))
        self.send(Kind.COMMAND, destination=self.party[worker], refs=refs, body=body)
        self.send(Kind.SYNC, flags=Flag.FENCE | Flag.ALL)
        while self.dealer.next().header.kind != Kind.SYNCED:
            pass
        return name


@pytest.fixture
def raw(team):
    client = RawClient()
    yield client
    client.dealer.close()


ARRAY = ("A", "<f8", (2,), "C", np.ones(2).tobytes())


def gc(*arguments):
    done = farptr("gc", *arguments)
    assert done.stderr == ""
    return done.returncode, done.stdout


def test_nothing_has_leaked(team):
    with fp.connect() as sim:
        julie, toby = sim
        pp = fp.tensor([[1, 2], [3, 4]]).send(julie).send(toby)
        kept = fp.tensor([1.5]).send(julie)
        kept.publish("w")
        sim.sync()
        me = f"client {sim._session.ask_broker('parties')[-1][3]}"
        code, said = gc("--trace")
        assert code == 0
        assert said.splitlines()[-1] == "4 objects, none leaked"
        there, here, lines = pp.id_at_location, str(kept.id_at_location), rows(said)
        at = sim["toby"]._objects[there].id_at_location
        assert lines[str(there)][2:] == ["pointer", me]
        assert lines[str(at)][2:] == ["array", "(2, 2)", "int64", f"toby: pointer toby:{there}"]
        assert lines[here][2:] == ["array", "(1,)", "float64", f"{me}; julie: published as 'w'"]
        assert [row[2:] for row in lines.values() if row[2] == "own data"] == [
            ["own data", "(3,)", "int64", "toby: own data 'x'"]
        ]
        assert gc() == (0, "4 objects, none leaked\n")


def test_a_leak_is_shown(raw):
    raw.store("julie", ARRAY)
    code, said = gc()
    assert code == 10
    assert rows(said)[str(ID)] == ["julie", str(ID), "array", "(2,)", "float64", "nobody (leaked)"]
    assert said.splitlines()[-1] == "2 objects, 1 of them leaked"
    code, said = gc("--trace", "--json")
    document = json.loads(said)
    assert code == 10
    assert document["leaks"] == [{"object": f"julie:{ID}", "what": "stored"}]
    leaked, own = sorted(document["objects"], key=lambda row: row["worker"])
    assert leaked == {
        "worker": "julie", "id": ID, "kind": "array", "shape": [2], "dtype": "float64", "holds": [], "leaked": True,
    }  # fmt: skip
    assert (own["kind"], own["leaked"]) == ("own data", False)
    assert own["holds"] == [{"holder": "toby", "references": 0, "how": ["own data 'x'"]}]


def test_what_only_a_leaked_pointer_leads_to_has_leaked(raw):
    with fp.connect() as sim:
        p = fp.tensor([1]).send(sim["julie"])
        raw.store("toby", ("P", p._node.name))
        assert gc()[0] == 10
        held = rows(gc("--trace")[1])[str(p.id_at_location)][-1]
        assert sorted(word.split()[0] for word in held.split("; ")) == ["client", "toby:"]
    code, said = gc("--json")
    assert code == 10
    assert [leak["what"] for leak in json.loads(said)["leaks"]] == ["stored", "stored"]


def test_what_gc_refuses(base):
    assert refused(3, "gc")[0] == "no run called 'default'"


def test_gc_says_what_it_cannot_know(base):
    assert "only by the references that the broker counts" in " ".join(ok("gc", "--help").split())
