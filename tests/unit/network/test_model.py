"""The model against closed forms, its laws under random traffic, and its statistics."""

from __future__ import annotations

from random import Random

import pytest

from farptr.network.links import link
from farptr.network.model import Arrival, Model
from farptr.network.network import Access, Network

FAR = 1e9


def model(seed: int = 1, **words: object) -> Model:
    return Model(Network(**words), Random(seed))


def arrivals(made: Model, until_s: float = FAR) -> dict[object, float]:
    out = {a.item: a.time_s for a in made.due(until_s)}
    made.check()
    return out


def test_a_large_message_on_a_slow_link_with_losses_comes_through() -> None:
    """It takes longer than `give_up` to be sent at all; as long as something comes through nobody gives up."""
    made = model(links={("a", "b"): {"bandwidth": "2 Mbit/s", "loss": "30 %"}}, give_up="3 s")
    made.send(0.0, ("a", "b"), 4_000_000, "x")
    ((time_s, _, lost),) = made.due(FAR)
    made.check()
    assert not lost
    assert 16 / 0.7 < time_s < 16 / 0.7 + 14 * 3, "what is sent again, and a pause before each time"


def test_a_large_message_of_which_nothing_comes_through_any_more_fails_in_time() -> None:
    made = model(links={("a", "b"): {"bandwidth": "1 MB/s", "loss": "30 %"}}, give_up="3 s")
    made.send(0.0, ("a", "b"), 1_000_000, "x")
    made.due(0.5)  # the first time it is on its way, and some of it will come through
    made.cut(("a", "b"), 1)
    ((time_s, _, lost),) = made.due(FAR)
    assert "nothing came through" in lost
    assert time_s == pytest.approx(1.0 + 3.0), "since the last of it that did"


def test_without_a_description_everything_arrives_at_once() -> None:
    made = model()
    made.send(5.0, ("a", "b"), 100, "x")
    assert arrivals(made, 5.0) == {"x": 5.0}


def test_one_transfer() -> None:
    made = model(links={("a", "b"): {"latency": "50 ms", "bandwidth": "1 MB/s"}})
    made.send(1.0, ("a", "b"), 500_000, "x")
    assert arrivals(made)["x"] == pytest.approx(1.0 + 0.5 + 0.05, abs=1e-9)


def test_a_pipeline_takes_what_its_slowest_part_does() -> None:
    made = model(
        parties={
            "a": {"up": {"latency": "10 ms", "bandwidth": "4 MB/s"}},
            "b": {"down": {"latency": "5ms", "bandwidth": "2MB/s"}},
        },
        links={("a", "b"): {"latency": "20 ms", "bandwidth": "1 MB/s"}},
    )
    for n in range(4):
        made.send(0.0, ("a", "b"), 1_000_000, n)
    found = arrivals(made)
    for n in range(4):
        assert found[n] == pytest.approx(n + 1 + 0.035, abs=1e-9)


def test_fan_in_on_a_shared_access() -> None:
    made = model(parties={"hub": {"down": {"latency": "30 ms", "bandwidth": "1 MB/s"}}})
    for n in range(5):
        made.send(0.0, (f"w{n}", "hub"), 200_000, n)
    found = arrivals(made)
    assert [found[n] for n in range(5)] == pytest.approx([0.2 * (n + 1) + 0.03 for n in range(5)], abs=1e-9)


def test_a_ring() -> None:
    names = ["a", "b", "c", "d"]
    made = model(everybody={"latency": "10 ms", "bandwidth": "1 MB/s"})
    now_s, at = 0.0, 0
    for _ in range(2 * len(names)):
        made.send(now_s, (names[at], names[(at + 1) % 4]), 100_000, at)
        now_s = arrivals(made)[at]
        at = (at + 1) % 4
    assert now_s == pytest.approx(8 * (0.1 + 0.02), abs=1e-9)


def test_who_is_near_is_not_kept_by_who_is_far() -> None:
    made = model(links={("far", "me"): {"latency": "10 s"}, ("near", "me"): {"latency": "1 ms"}})
    made.send(0.0, ("far", "me"), 10, "far")
    made.send(0.0, ("near", "me"), 10, "near")
    assert [a.item for a in made.due(1.0)] == ["near"]
    assert made.next_s() == 10.0


def test_what_is_sent_first_arrives_first_between_two() -> None:
    made = model(
        links={("a", "b"): {"latency": "exponential(50 ms)", "reorder": "30 %", "loss": "20 %"}}, give_up="60 s"
    )
    for n in range(300):
        made.send(n * 0.01, ("a", "b"), 3000, n)
    got = [a.item for a in made.due(FAR)]
    assert got == list(range(300))


def test_what_follows_from_another_message_arrives_behind_it() -> None:
    made = model(links={("me", "toby"): {"latency": "1 s"}})
    made.send(0.0, ("me", "toby"), 1, "first")
    made.send(0.0, ("me", "julie"), 1, "then")
    assert [a.item for a in made.due(0.0)] == ["then"]
    made.send(0.1, ("carol", "toby"), 1, "apart")  # carol has heard of nothing
    made.send(0.1, ("julie", "toby"), 1, "of it")  # julie has
    assert [a.item for a in made.due(0.1)] == ["apart"]
    made.check()
    assert [(a.time_s, a.item) for a in made.due(FAR)] == [(1.0, "first"), (1.0, "of it")]


def test_the_broker_speaks_behind_what_is_on_its_way() -> None:
    made = model(links={("a", "b"): {"latency": "1 s"}, ("c", "b"): {"latency": "2 s"}, ("d", "b"): {"latency": "3 s"}})
    assert not made.behind("b", "early")
    made.send(0.0, ("a", "b"), 1, "a")
    made.send(0.0, ("c", "b"), 1, "c")
    assert made.behind("b", "said")
    made.send(0.0, ("d", "b"), 1, "d")
    assert made.behind("b", "then")
    made.check()
    assert [(a.time_s, a.item) for a in made.due(FAR)] == [(1, "a"), (2, "c"), (2, "said"), (3, "d"), (3, "then")]
    made.check()


def test_lost_packets_are_sent_again() -> None:
    made = model(links={("a", "b"): {"latency": "10 ms", "bandwidth": "10 MB/s", "loss": "10 %"}})
    made.send(0.0, ("a", "b"), 1_460_000, "x")
    (arrival,) = made.due(FAR)
    assert not arrival.lost
    assert arrival.time_s > 0.146 + 0.2
    assert 1.05 < made.transmitted_bytes / 1_460_000 < 1.2


def test_what_never_comes_through_is_given_up_in_time() -> None:
    made = model(links={("a", "b"): {"loss": "100 %"}}, give_up="3 s")
    made.send(2.0, ("a", "b"), 10, "x")
    made.send(2.5, ("a", "b"), 10, "y")
    first, second = made.due(FAR)
    assert (first.item, first.time_s, second.time_s) == ("x", 5.0, 5.5)
    assert first.lost == "nothing came through from a to b within 3 s"
    made.check()


def test_a_partition_that_heals_in_time_costs_only_time() -> None:
    made = model()
    made.cut(("a", "*"), 1)
    made.cut(("a", "b"), 1)
    made.send(0.0, ("a", "b"), 10, "x")
    made.send(0.0, ("b", "a"), 10, "back")
    assert [a.item for a in made.due(1.0)] == ["back"]
    made.cut(("a", "b"), -1)
    assert made.due(2.0) == []
    made.cut(("a", "*"), -1)
    (arrival,) = made.due(FAR)
    assert (arrival.item, arrival.lost, arrival.time_s) == ("x", "", pytest.approx(3.0))  # 0.2, 0.6, 1.4, 3


def test_changes_come_at_their_time() -> None:
    made = model(changes=[("10 s", ("a", "b"), {"latency": "1 s"}), ("20 s", "b", {"latency": "2 s"})])
    made.send(0.0, ("a", "b"), 1, 0)
    assert arrivals(made, 5.0) == {0: 0.0}
    assert made.next_s() == 10.0
    made.due(10.0)
    made.send(10.0, ("a", "b"), 1, 1)
    assert arrivals(made, 15.0) == {1: 11.0}
    made.due(20.0)
    made.send(20.0, ("a", "b"), 1, 2)
    assert arrivals(made) == {2: 23.0}


def test_copies_take_bandwidth() -> None:
    made = model(links={("a", "b"): {"bandwidth": "1 MB/s", "duplicate": "100 %"}})
    made.send(0.0, ("a", "b"), 1_460_000, "x")
    assert arrivals(made)["x"] == pytest.approx(2.92)


def test_messages_for_who_is_gone_come_back() -> None:
    made = model(everybody={"latency": "1 s"})
    made.send(0.0, ("a", "b"), 1, "x")
    made.send(0.0, ("b", "a"), 1, "y")
    made.behind("b", "said")
    made.send(0.0, ("a", "b"), 1, "of another one of that name")
    assert made.gone("b", lambda item: item in ("x", "said"), 0.0) == (["x", "said"], [])
    made.check()
    assert [a.item for a in made.due(FAR)] == ["y", "of another one of that name"]


def test_what_waited_for_a_message_to_who_is_gone_goes_on() -> None:
    made = model(links={("far", "me"): {"latency": "5 s"}, ("near", "me"): {"latency": "1 s"}})
    made.send(0.0, ("far", "me"), 1, "for one client")
    made.send(0.0, ("far", "near"), 1, "x")
    assert len(made.due(0.0)) == 1
    made.send(0.0, ("near", "me"), 1, "for another")
    assert made.behind("me", "said to the other")
    assert made.due(2.0) == []
    back, now = made.gone("me", lambda item: item == "for one client", 2.0)
    made.check()
    assert (back, [a.item for a in now]) == (["for one client"], ["for another", "said to the other"])
    assert made.next_s() is None


def test_who_is_gone_leaves_the_order_of_the_others_as_it_was() -> None:
    made = model(links={("far", "me"): {"latency": "normal(1 s, 1 s)"}})
    for n in range(20):
        made.send(0.0, ("far", "me"), 1, n)
    back, now = made.gone("me", lambda item: item % 2, 0.0)
    for n in range(20, 30):
        made.send(0.0, ("far", "me"), 1, n)
    made.check()
    assert [f.item for f in made.in_flight()] == [*range(0, 20, 2), *range(20, 30)]
    assert [a.item for a in (*now, *made.due(FAR))] == [*range(0, 20, 2), *range(20, 30)]
    assert back == list(range(1, 20, 2))


def test_step_by_step() -> None:
    made = model()
    made.hold()
    for n in range(4):
        made.send(0.0, ("a", "b"), 1, n)
    made.send(0.0, ("c", "b"), 1, "c")
    assert made.due(1.0) == []
    _, second, third, *_ = made.in_flight()
    count, out = made.step([second.number], 1.0)
    assert (count, [a.item for a in out]) == (1, [0, 1])  # what stands before it goes first
    count, out = made.step([third.number], 2.0, "dropped by hand")
    assert [(a.item, a.lost) for a in out] == [(2, "dropped by hand")]
    made.check()
    assert made.step([99], 2.0) == (0, [])
    count, out = made.step(None, 3.0)
    assert (count, [a.item for a in out]) == (2, [3, "c"])
    made.send(4.0, ("a", "b"), 1, "last")
    made.due(4.0)
    assert [a.item for a in made.release(5.0)] == ["last"]
    made.check()


def test_the_same_seed_gives_the_same_arrivals() -> None:
    def once(seed: int) -> list[object]:
        made = model(seed, everybody={"latency": "lognormal(20ms, 1)", "loss": "5 %", "jitter": "10 ms"})
        for n in range(200):
            made.send(n / 100, (f"w{n % 3}", f"v{n % 2}"), 5000, n)
        return list(made.due(FAR))

    assert once(3) == once(3)
    assert once(3) != once(4)


class Hearsay:
    """Causal order by the definition: what each party has sent or heard of, all of it."""

    def __init__(self) -> None:
        self.heard: dict[str, set[int]] = {name: set() for name in "abc"}
        self.before: dict[int, set[int]] = {}
        self.to: dict[int, str] = {}
        self.left: set[int] = set()
        """On their way."""

    def sent(self, pair: tuple[str, str], number: int) -> None:
        self.before[number], self.to[number] = set(self.heard[pair[0]]), pair[1]
        self.heard[pair[0]].add(number)
        self.left.add(number)

    def arrived(self, number: int) -> None:
        early = [n for n in self.before[number] & self.left if self.to[n] == self.to[number]]
        assert not early, f"message {number} came before {early}"
        self.left.discard(number)
        self.heard[self.to[number]] |= self.before[number] | {number}


@pytest.mark.parametrize("seed", range(30))
def test_laws_under_random_traffic(seed: int) -> None:
    rng = Random(seed)
    access = Access(
        link(latency="exponential(20ms)", bandwidth="1 MB/s", loss="5 %"), link(latency="5ms", reorder="20 %")
    )
    made, order = Model(Network(everybody=access, give_up="1 s", retry="100 ms"), Random(seed)), Hearsay()
    now_s, sent, ended, said = 0.0, 0, 0, 0

    def came(arrivals: list[Arrival]) -> None:
        nonlocal ended
        for arrival in arrivals:
            ended += 1
            if isinstance(arrival.item, int):
                order.arrived(arrival.item)

    for _ in range(300):
        now_s += rng.expovariate(50)
        came(made.due(now_s))
        what = rng.random()
        if what < 0.6:
            pair = tuple(rng.sample("abc", 2))
            made.send(now_s, pair, rng.randrange(20_000), sent)
            order.sent(pair, sent)
            sent += 1
        elif what < 0.75:
            said += made.behind(rng.choice("abc"), f"said {sent}")
        elif what < 0.8:
            made.cut(("a", "*"), rng.choice([1, -1]))
        elif what < 0.83:
            made.hold() if rng.random() < 0.5 else came(made.release(now_s))
        elif what < 0.87:
            flying = [f.number for f in made.in_flight()]
            came(made.step(rng.sample(flying, len(flying) // 3) if rng.random() < 0.5 else None, now_s)[1])
        elif what < 0.89:
            one_in = rng.choice([1, 2, 3])  # of those of that name
            back, now = made.gone(rng.choice("abc"), lambda item, n=one_in: len(str(item)) % n == 0, now_s)
            ended += len(back)
            order.left -= {item for item in back if isinstance(item, int)}
            came(now)
        made.check()
    came(made.release(now_s))
    came(made.due(FAR))
    made.check()
    assert ended == sent + said  # nothing is lost in silence, nothing comes twice
    assert made.next_s() is None
