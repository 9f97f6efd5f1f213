"""The broker's decisions, one envelope at a time: order, fences, phases, losses, faults."""

from __future__ import annotations

import copy

import pytest

from farptr.broker.core import UNIT_BYTES, BrokerCore
from farptr.broker.marks import MARK_LOW, MARK_LOW_ALL
from farptr.broker.questions import answer
from farptr.protocol import body as bodies
from farptr.protocol.errors import BadName, ProtocolError, SessionExpired
from farptr.protocol.header import Flag, Header, Kind, encode, names_of, read, references
from farptr.protocol.ids import make_name

EPOCH = 9
X = 10**10


def header_of(delivery):
    return read(delivery.frame)[0]


def body_of(delivery):
    return bodies.loads(delivery.frame[read(delivery.frame)[1] :])


class Bench:
    """A broker with parties; ``give`` feeds one envelope, ``got`` is what each party was delivered."""

    def __init__(self, workers=("julie", "toby"), clients=1):
        self.core = BrokerCore(run="r", epoch=EPOCH, seed=1)
        self.numbers = {}
        for name in workers:
            self.join("worker", name, name)
        for at in range(clients):
            self.join("client", "me", f"me{at + 1}")
        self.got = {number: [] for number in self.numbers.values()}

    def join(self, role, name, label):
        party, out = self.core.register({"role": role, "name": name, "pid": 1, "host": "h"})
        self.numbers[label] = party.number
        return party, out

    def __getitem__(self, label):
        return self.numbers[label]

    def give(self, source, kind, body=b"", buffers=(), **fields):
        number = self[source]
        root = fields.pop("root", number if source.startswith("me") else self["me1"])
        if "destination" in fields:
            fields["destination"] = self[fields["destination"]]
        header = Header(
            kind, epoch=fields.pop("epoch", EPOCH), root=root, body_bytes=len(body), buffers=len(buffers), **fields
        )
        out = self.core.receive(number, encode(header) + body, buffers)
        self.core.check()
        for delivery in out:
            self.got.setdefault(delivery.destination, []).append(header_of(delivery))
        return [(header_of(d).kind, d.destination) for d in out]

    def done(self, worker, root="me1", **fields):
        return self.give(worker, Kind.NOTE, flags=Flag.DONE, root=self[root], **fields)

    def name(self, worker, id=X, generation=0):
        return make_name(self[worker], id, generation)


def command(bench, to, source="me1", **fields):
    return bench.give(source, Kind.COMMAND, destination=to, **fields)


def test_registering():
    core = BrokerCore(run="r", epoch=EPOCH, seed=3)
    first, (welcome,) = core.register({"role": "worker", "name": "julie", "pid": 5, "host": "h"})
    second, (_, news) = core.register({"role": "client", "name": "whatever", "pid": 6, "host": "h"})
    told = body_of(welcome)
    assert (told["number"], told["epoch"], told["seed"]) == (first.number, EPOCH, 3)
    assert body_of(news)["joined"] == (second.number, "me", "client", 6, "h", "me")
    assert news.destination == first.number
    with pytest.raises(BadName):
        core.register({"role": "worker", "name": "julie", "pid": 5, "host": "h"})
    king = {"role": "king", "name": "x", "pid": 1, "host": "h"}
    for hello in ({}, king, {"role": "worker", "name": "x", "pid": "1"}):
        with pytest.raises(ProtocolError):
            core.register(hello)
    core.check()
    assert len(core.roster.live) == 2


def test_routing_fills_in_the_source_and_counts():
    bench = Bench()
    assert command(bench, "julie") == [(Kind.COMMAND, bench["julie"])]
    assert bench.got[bench["julie"]][0].source == bench["me1"]
    assert bench.core.settling.total == 1
    bench.give("julie", Kind.COMMAND, destination="toby", root=bench["me1"])
    assert bench.core.settling.total == 2
    bench.give("julie", Kind.REPLY, destination="me1", flags=Flag.DONE, root=bench["me1"])
    bench.done("toby")
    assert bench.core.settling.total == 0


def test_a_fence_waits_and_everything_behind_it():
    bench = Bench()
    command(bench, "julie")
    assert command(bench, "toby", flags=Flag.FENCE) == []
    assert command(bench, "julie") == []
    assert bench.give("me1", Kind.NOTE) == []
    assert bench.done("julie") == [(Kind.COMMAND, bench["toby"]), (Kind.COMMAND, bench["julie"])]
    assert bench.core.settling.total == 2


def test_a_fence_does_not_wait_for_what_stands_behind_it():
    bench = Bench()
    command(bench, "julie", flags=Flag.FENCE)
    assert command(bench, "julie", flags=Flag.FENCE) == []
    assert command(bench, "julie", flags=Flag.FENCE) == []
    assert bench.done("julie") == [(Kind.COMMAND, bench["julie"])]
    assert bench.done("julie") == [(Kind.COMMAND, bench["julie"])]


def test_forwards_never_wait_and_keep_the_fence_closed():
    bench = Bench()
    command(bench, "julie")
    command(bench, "toby", flags=Flag.FENCE)
    assert bench.give("julie", Kind.COMMAND, destination="toby", flags=Flag.DONE, root=bench["me1"]) == [
        (Kind.COMMAND, bench["toby"])
    ]
    assert bench.done("toby") == [(Kind.COMMAND, bench["toby"])]


def test_one_clients_fence_is_no_concern_of_another():
    bench = Bench(clients=2)
    command(bench, "julie")
    command(bench, "toby", flags=Flag.FENCE)
    assert command(bench, "toby", source="me2") == [(Kind.COMMAND, bench["toby"])]
    assert command(bench, "julie", source="me2", flags=Flag.FENCE) == []
    bench.done("toby", root="me2")
    assert bench.core.settling.sessions[bench["me1"]].input


def test_an_all_waits_for_every_session_and_for_nothing_that_came_later():
    bench = Bench(clients=2)
    command(bench, "julie")
    assert bench.give("me2", Kind.SYNC, flags=Flag.FENCE | Flag.ALL, sequence=7) == []
    assert command(bench, "julie") == [(Kind.COMMAND, bench["julie"])], "nobody is held by it"
    assert bench.done("julie") == [(Kind.SYNCED, bench["me2"])]
    assert bench.got[bench["me2"]][0].sequence == 7
    assert bench.core.settling.total == 1


def test_an_all_waits_for_what_follows_from_what_it_waits_for():
    """A forward, and what that frees, belong to the phase of the command that made them."""
    bench = Bench(clients=2)
    command(bench, "julie")
    bench.give("me2", Kind.SYNC, flags=Flag.FENCE | Flag.ALL)
    bench.give("julie", Kind.COMMAND, destination="toby", flags=Flag.DONE)
    command(bench, "toby")
    assert bench.core.settling.alls == {bench["me2"]: 0}
    assert bench.done("toby") == [(Kind.SYNCED, bench["me2"])]
    assert bench.core.settling.under_way == {1: 1}


def test_two_alls_at_once():
    bench = Bench(clients=2)
    command(bench, "julie")
    command(bench, "julie", source="me2")
    for client in ("me1", "me2"):
        assert bench.give(client, Kind.SYNC, flags=Flag.FENCE | Flag.ALL) == []
    bench.done("julie")
    assert bench.done("julie", root="me2") == [(Kind.SYNCED, bench["me1"]), (Kind.SYNCED, bench["me2"])]
    assert not bench.core.settling.alls


def test_a_client_that_joins_is_told_who_is_stopped():
    bench = Bench()
    command(bench, "julie")
    bench.core.stall(bench["julie"], "its process is stopped")
    _, out = bench.join("client", "me", "me2")
    told = [body_of(d) for d in out if d.destination == bench["me2"] and header_of(d).kind == Kind.ROSTER]
    assert told == [{"worker": bench["julie"], "stalled": "its process is stopped"}]
    bench.core.lose(bench["julie"], "it was killed")
    _, out = bench.join("client", "me", "me3")
    assert [header_of(d).kind for d in out if d.destination == bench["me3"]] == [Kind.WELCOME]


def test_who_waits_behind_a_fence_learns_for_which_stopped_worker():
    bench = Bench(clients=2)

    def behind(client):
        return answer(bench.core, bench[client], {"what": "progress"})["behind"]

    command(bench, "julie")
    bench.core.stall(bench["julie"], "its process is stopped")
    assert behind("me1") == 0
    command(bench, "toby", flags=Flag.FENCE)
    assert (behind("me1"), behind("me2")) == (bench["julie"], 0)
    command(bench, "toby", source="me2")
    command(bench, "toby", source="me2", flags=Flag.FENCE)
    assert behind("me2") == 0, "that fence waits for toby, who is at work"
    bench.give("me2", Kind.SYNC, flags=Flag.FENCE | Flag.ALL)
    bench.done("toby", root="me2")
    bench.done("toby", root="me2")
    assert behind("me2") == bench["julie"]
    bench.core.stall(bench["julie"], "")
    assert (behind("me1"), behind("me2")) == (0, 0)


def test_a_sync_that_rides_on_a_command():
    bench = Bench()
    assert command(bench, "julie", flags=Flag.SYNC, sequence=3) == [(Kind.COMMAND, bench["julie"])]
    assert command(bench, "julie") == []
    assert bench.done("julie") == [(Kind.SYNCED, bench["me1"]), (Kind.COMMAND, bench["julie"])]


def test_the_last_release_frees():
    bench = Bench()
    x = bench.name("julie")
    command(bench, "julie", creates=references([(x, 1)]))
    command(bench, "toby", refs=references([(x, 1)]))
    bench.done("julie")
    bench.done("toby")
    assert bench.core.rows.holders(x) == {bench["me1"]: 1, bench["toby"]: 1}
    assert bench.give("me1", Kind.NOTE, releases=references([(x, 1)])) == []
    assert command(bench, "toby") == [(Kind.COMMAND, bench["toby"])]
    assert bench.done("toby", releases=references([(x, 1)])) == [(Kind.FREE, bench["julie"])]
    assert list(names_of(bench.got[bench["julie"]][-1].refs)) == [(x, 1)]
    assert bench.core.settling.total == 1, "a FREE counts for whoever released"
    bench.done("julie")
    assert (bench.core.settling.total, len(bench.core.rows)) == (0, 0)


def test_frees_ride_on_commands_to_their_owner():
    bench = Bench()
    x = bench.name("julie")
    command(bench, "julie", creates=references([(x, 1)]))
    command(bench, "julie", releases=references([(x, 1)]))
    found = bench.got[bench["julie"]][-1]
    assert (found.kind, list(names_of(found.releases))) == (Kind.COMMAND, [(x, 1)])
    bench.done("julie")
    bench.done("julie")
    assert len(bench.core.rows) == 0


def test_releases_for_others_do_not_reach_the_receiver():
    bench = Bench()
    x = bench.name("julie")
    command(bench, "julie", creates=references([(x, 1)]))
    out = command(bench, "toby", releases=references([(x, 1)]))
    assert out == [(Kind.COMMAND, bench["toby"]), (Kind.FREE, bench["julie"])]
    assert bench.got[bench["toby"]][-1].releases == ()


def test_a_reference_at_the_owner_has_a_row():
    bench = Bench()
    x = bench.name("julie")
    command(bench, "julie", creates=references([(x, 1)]), refs=references([(x, 1)]))
    assert bench.core.rows.holders(x) == {bench["me1"]: 1, bench["julie"]: 1}


# ---------------------------------------------------------------- losses


def test_a_lost_client():
    bench = Bench(clients=2)
    x = bench.name("julie")
    command(bench, "julie", creates=references([(x, 1)]))
    command(bench, "toby", flags=Flag.FENCE)
    out = bench.core.lose(bench["me1"], "gone")
    bench.core.check()
    assert (header_of(out[0]).kind, out[0].destination) == (Kind.FREE, bench["julie"])
    assert bench["me1"] in bench.core.settling.sessions, "until what is under way is done"
    bench.done("julie")
    bench.done("julie")
    assert bench["me1"] not in bench.core.settling.sessions
    assert len(bench.core.rows) == 0
    assert bench.core.lose(bench["me1"], "again") == []


def test_a_lost_client_that_waited_for_all():
    bench = Bench(clients=2)
    command(bench, "julie")
    bench.give("me2", Kind.SYNC, flags=Flag.FENCE | Flag.ALL)
    bench.core.lose(bench["me2"], "gone")
    bench.core.check()
    assert not bench.core.settling.alls


def test_a_lost_worker_settles_what_it_had():
    bench = Bench()
    x, y = bench.name("julie"), bench.name("toby")
    command(bench, "julie", creates=references([(x, 1)]), refs=references([(y, 1)]))
    command(bench, "toby", creates=references([(y, 1)]))
    bench.give("me1", Kind.SYNC, flags=Flag.FENCE | Flag.ALL, sequence=5)
    bench.done("toby")
    out = bench.core.lose(bench["julie"], "it was killed")
    bench.core.check()
    kinds = [header_of(d).kind for d in out]
    assert kinds[-1] == Kind.SYNCED
    assert [body_of(d)["lost"] for d in out if d.destination == bench["toby"]] == [bench["julie"]]
    news, undone = [body_of(d) for d in out if d.destination == bench["me1"] and d.frame[3] == Kind.ROSTER]
    assert (news["lost"], news["role"], news["why"]) == (bench["julie"], "worker", "it was killed")
    assert undone == {"worker": bench["julie"], "undone": 1}
    assert bench.core.rows.snapshot() == {y: {bench["me1"]: 1}}


def test_what_is_for_or_about_the_dead_is_dropped():
    bench = Bench()
    x = bench.name("julie")
    bench.core.lose(bench["julie"], "gone")
    assert command(bench, "julie", creates=references([(x, 1)])) == [(Kind.ROSTER, bench["me1"])], "it is told of it"
    assert command(bench, "toby", refs=references([(x, 1)])) == [(Kind.COMMAND, bench["toby"])]
    assert bench.give("me1", Kind.NOTE, releases=references([(x, 1)])) == []
    assert len(bench.core.rows) == 0
    bench.join("worker", "julie", "julie2")
    assert bench["julie2"] != bench["julie"]


def test_a_reply_to_a_lost_client_gives_its_references_back():
    bench = Bench(clients=2)
    x = bench.name("julie")
    command(bench, "julie")
    bench.core.lose(bench["me1"], "gone")
    out = bench.give(
        "julie", Kind.REPLY, destination="me1", refs=references([(x, 1)]), flags=Flag.DONE, root=bench["me1"]
    )
    assert out == [(Kind.FREE, bench["julie"])]
    bench.done("julie")
    assert len(bench.core.rows) == 0


def test_bye():
    bench = Bench()
    bench.give("me1", Kind.BYE)
    assert bench["me1"] not in bench.core.roster.live
    assert command(bench, "julie") == [], "a closed session is not read any more"


def test_what_comes_twice_is_dropped():
    bench = Bench()
    x = bench.name("julie")
    for _ in range(3):
        command(bench, "julie", creates=references([(x, 1)]), sequence=1)
    command(bench, "julie", sequence=2)
    command(bench, "julie", sequence=1)
    assert (bench.core.settling.total, bench.core.duplicates) == (2, 3)
    for _ in range(3):
        bench.done("julie", sequence=7)
    assert bench.core.settling.total == 1
    assert bench.core.rows.snapshot() == {x: {bench["me1"]: 1}}


# ---------------------------------------------------------------- marks and questions


def test_a_mark_is_answered_when_its_worker_has_done_what_came_before_it():
    bench = Bench()
    for _ in range(MARK_LOW + 2):
        command(bench, "julie")
    assert bench.give("me1", Kind.MARK, destination="julie", sequence=11) == []
    for _ in range(5):
        command(bench, "julie")
    assert bench.give("me1", Kind.MARK, destination="toby", sequence=12) == [(Kind.MARKED, bench["me1"])]
    assert bench.done("julie") == []
    assert bench.done("julie") == [(Kind.MARKED, bench["me1"])]
    assert bench.got[bench["me1"]][-1].sequence == 11


def test_a_mark_counts_bytes():
    bench = Bench()
    command(bench, "julie", value_bytes=(MARK_LOW + 1) * UNIT_BYTES)
    assert bench.give("me1", Kind.MARK, destination="julie", sequence=11) == []
    assert bench.done("julie") == [(Kind.MARKED, bench["me1"])]


def test_a_mark_for_the_whole_session():
    bench = Bench()
    for _ in range(MARK_LOW_ALL + 1):
        command(bench, "julie")
    assert bench.give("me1", Kind.MARK, sequence=11) == []
    assert bench.done("julie") == [(Kind.MARKED, bench["me1"])]


def test_a_mark_for_the_dead_is_answered_at_once():
    bench = Bench()
    julie = bench["julie"]
    bench.core.lose(julie, "gone")
    assert bench.give("me1", Kind.MARK, destination="julie", sequence=11) == [(Kind.MARKED, bench["me1"])]


@pytest.mark.parametrize("flags", [Flag.FENCE, Flag.FENCE | Flag.ALL])
def test_what_waits_with_a_fence_can_be_given_up(flags):
    bench = Bench(clients=2)
    x = bench.name("julie")
    command(bench, "julie", creates=references([(x, 1)]))
    assert command(bench, "toby", flags=flags, sequence=5, releases=references([(x, 1)])) == []
    cancel = bodies.dumps(5)
    assert bench.give("me1", Kind.CANCEL, cancel, sequence=6) == [(Kind.FREE, bench["julie"])], "it still releases"
    assert command(bench, "toby") == [(Kind.COMMAND, bench["toby"])]
    assert command(bench, "toby", source="me2") == [(Kind.COMMAND, bench["toby"])]


def test_what_stands_behind_a_fence_that_is_given_up_waits_on():
    bench = Bench()
    command(bench, "julie")
    bench.give("me1", Kind.SYNC, flags=Flag.FENCE | Flag.ALL, sequence=5)
    assert command(bench, "toby", sequence=6) == []
    assert bench.give("me1", Kind.CANCEL, bodies.dumps(5), sequence=7) == []
    assert not bench.core.settling.alls
    assert bench.done("julie") == [(Kind.COMMAND, bench["toby"])]


def test_giving_up_what_is_not_there_does_nothing():
    bench = Bench()
    command(bench, "julie", sequence=4)
    assert bench.give("me1", Kind.CANCEL, bodies.dumps(4), sequence=5) == []
    with pytest.raises(ProtocolError):
        bench.give("me1", Kind.CANCEL, bodies.dumps("x"), sequence=6)


def test_questions():
    bench = Bench()
    command(bench, "julie")
    for what in ("parties", "progress", "traffic", "ids", "rows"):
        assert bench.give("me1", Kind.ASK, bodies.dumps({"what": what})) == [(Kind.TOLD, bench["me1"])]
    progress = answer(bench.core, bench["me1"], {"what": "progress"})
    assert (progress["under_way"], progress["queues"]) == (1, {"julie": 1})


# ---------------------------------------------------------------- faults


def state(core):
    now = core.settling
    return (
        {n: (s.count, s.done, len(s.input), s.alive) for n, s in now.sessions.items()},
        {w: list(q) for w, q in now.turns.items()}, now.total, now.alls.copy(), dict(now.waiting),
        core.rows.snapshot(), len(core.rows), sorted(core.roster.live),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("source", "kind", "fields"),
    [
        ("me1", Kind.HELLO, {}),
        ("me1", Kind.WELCOME, {}),
        ("me1", Kind.FREE, {}),
        ("me1", Kind.COMMAND, {"destination": "julie", "root": 77}),
        ("me1", Kind.COMMAND, {"destination": "julie", "flags": Flag.DONE}),
        ("me1", Kind.NOTE, {"releases": references([(make_name(1, X), 1)])}),
        ("me1", Kind.NOTE, {"releases": references([(make_name(1, X + 1), 2)])}),
        ("me1", Kind.COMMAND, {"destination": "toby", "releases": references([(make_name(1, X + 1), 9)])}),
        ("me1", Kind.COMMAND, {"destination": "toby", "releases": references([(make_name(1, X + 1), 1)] * 2),
                               "creates": references([(make_name(1, X + 2), 1)])}),
        ("me1", Kind.ASK, {"body": bodies.dumps({"what": "nonsense"})}),
        ("me1", Kind.ASK, {"body": bodies.dumps([])}),
        ("me1", Kind.ASK, {"body": b"garbage"}),
        ("toby", Kind.NOTE, {"flags": Flag.DONE}),
        ("julie", Kind.NOTE, {"flags": Flag.DONE, "root": 99}),
        ("julie", Kind.COMMAND, {"destination": "toby", "root": 99}),
        ("julie", Kind.NOTE, {"flags": Flag.DONE, "releases": references([(make_name(1, X + 1), 1)])}),
        ("julie", Kind.NOTE, {"flags": Flag.SYNC}),
    ],
)  # fmt: skip
def test_a_fault_raises_and_changes_nothing(source, kind, fields):
    bench = Bench()
    x = bench.name("julie", X + 1)
    command(bench, "julie", creates=references([(x, 1)]))
    before = copy.deepcopy(state(bench.core))
    with pytest.raises(ProtocolError):
        bench.give(source, kind, **fields)
    bench.core.check()
    assert state(bench.core) == before


def test_a_header_that_does_not_match_its_frames():
    bench = Bench()
    raw = encode(Header(Kind.COMMAND, epoch=EPOCH, root=bench["me1"], destination=bench["julie"], body_bytes=5))
    with pytest.raises(ProtocolError):
        bench.core.receive(bench["me1"], raw + b"four")
    with pytest.raises(ProtocolError):
        bench.core.receive(bench["me1"], raw + b"12345", (b"a buffer",))
    with pytest.raises(ProtocolError):
        bench.core.receive(bench["me1"], b"garbage")


def test_a_fault_behind_a_fence_is_its_clients_not_the_workers():
    """What waited is looked at when a worker's DONE lets it go: the client is cut off, nobody else."""
    bench = Bench(clients=2)
    command(bench, "julie")
    command(bench, "toby", flags=Flag.FENCE)
    bench.give("me1", Kind.NOTE, releases=references([(bench.name("julie"), 1)]))
    bench.give("me1", Kind.NOTE)
    out = bench.done("julie")
    assert (Kind.REFUSED, bench["me1"]) in out
    assert (Kind.COMMAND, bench["toby"]) in out
    assert bench["me1"] not in bench.core.roster.live
    assert bench["julie"] in bench.core.roster.live
    bench.done("toby")
    assert bench.core.settling.total == 0


def test_other_epochs_and_strangers_are_not_heard():
    bench = Bench()
    assert command(bench, "julie", epoch=EPOCH + 1) == []
    assert bench.core.receive(99, encode(Header(Kind.COMMAND, epoch=EPOCH))) == []


# ---------------------------------------------------------------- sessions that are resumed


def resuming(bench, **changed):
    return {"resume": bench["me1"], "received": 0, "pid": 1, "host": "h"} | changed


def test_who_resumes_gets_what_it_has_not_got():
    bench = Bench()
    bench.give("me1", Kind.NOTE, sequence=1)
    told = [bench.core.stall(bench["julie"], f"news {i}")[0] for i in range(3)]
    for delivery in told:
        bench.core.kept[bench["me1"]].add(delivery)
    party, (welcome, *again) = bench.core.resume(resuming(bench, received=1))
    assert party.number == bench["me1"]
    assert (header_of(welcome).kind, body_of(welcome)) == (Kind.WELCOME, {"newest": 1})
    assert again == told[1:]
    bench.give("me1", Kind.NOTE, sequence=2, received=3)
    assert len(bench.core.kept[bench["me1"]]) == 0


@pytest.mark.parametrize("changed", [{"pid": 2}, {"host": "elsewhere"}, {"resume": 1}, {"resume": 99}, {"resume": "1"}])
def test_only_the_same_process_resumes_a_session_that_is_not_over(changed):
    bench = Bench()
    with pytest.raises(SessionExpired, match="over before it was resumed"):
        bench.core.resume(resuming(bench, **changed))


def test_a_lost_session_is_not_resumed():
    bench = Bench()
    bench.core.lose(bench["me1"], "its connection was cut")
    with pytest.raises(SessionExpired):
        bench.core.resume(resuming(bench))


@pytest.mark.parametrize("received", [None, "1", 5])
def test_a_session_is_resumed_with_the_number_of_envelopes_that_came(received):
    bench = Bench()
    with pytest.raises(ProtocolError):
        bench.core.resume(resuming(bench, received=received))


# ---------------------------------------------------------------- bulk


def test_parts_are_handed_on_at_once_and_count_for_the_wire_alone():
    bench = Bench()
    command(bench, "julie", sequence=1)
    command(bench, "toby", sequence=2, flags=Flag.FENCE)  # waits for julie
    assert bench.give("me1", Kind.PART, b"x" * 24, (b"data",), destination="toby") == [(Kind.PART, bench["toby"])]
    assert bench.give("julie", Kind.PART, b"x" * 24, (b"data",), destination="me1") == [(Kind.PART, bench["me1"])]
    assert bench.give("julie", Kind.TAKEN, b"y" * 12, destination="me1") == [(Kind.TAKEN, bench["me1"])]
    assert bench.got[bench["me1"]][-1].source == bench["julie"]
    assert bench.core.settling.total == 1
    rows = {row[:3]: row[3:] for row in bench.core.traffic.rows(bench.core.roster)}
    assert rows["me", "toby", "sent"][:2] == (0, 0)
    assert rows["me", "toby", "sent"][2] > len(b"data")
    assert rows["julie", "me", "fetched"][:2] == (0, 0)


def test_parts_for_nobody_are_dropped():
    bench = Bench(clients=2)
    bench.core.lose(bench["toby"], "it was killed")
    for kind in (Kind.PART, Kind.TAKEN):
        assert bench.give("me1", kind, destination="toby") == []
        assert bench.give("me1", kind, destination="me2") == [], "clients send nothing to each other"
    assert bench.core.traffic.rows(bench.core.roster) == []


def test_what_is_given_up_keeps_its_buffers():
    """A place in shared memory would be lost with them."""
    bench = Bench()
    command(bench, "julie", sequence=1)
    command(bench, "toby", sequence=2, flags=Flag.FENCE, buffers=(b"place",))
    bench.give("me1", Kind.CANCEL, bodies.dumps(2), sequence=3)
    assert (Kind.COMMAND, bench["toby"]) in bench.done("julie")
