"""Order, references and failures under a modelled network: delays, loss, reordering and partitions change no result."""

from __future__ import annotations

import random
import warnings

import numpy as np
import pytest

import farptr as fp
from farptr.network.model import Model
from farptr.network.network import Network
from tests.sim.chaos import case, run_case
from tests.sim.check import NAMES
from tests.sim.check_several import drawn, run_program
from tests.sim.programs import KINDS, MORE_KINDS, Runner, program
from tests.sim.world import World

SEEDS = 200


def network(rng: random.Random) -> Network:
    """One in which links differ a lot, and everything comes through in the end."""
    parties = ["me", *NAMES]
    latencies = ["0 ms", "1ms", "exponential(10 ms)", "uniform(0 s, 1 s)", "lognormal(5ms, 2)", "3 s"]
    links = {}
    for source in parties:
        for destination in parties:
            if source != destination and rng.random() < 0.7:
                links[source, destination] = {
                    "latency": rng.choice(latencies),
                    "loss": rng.choice(["0 %", "20 %"]),
                    "reorder": rng.choice(["0 %", "50 %"]),
                    "duplicate": rng.choice(["0 %", "10 %"]),
                    **({"bandwidth": "1 kB/s"} if rng.random() < 0.2 else {}),
                }
    changes = (
        [("1 s", "julie", {"latency": "2 s"}), ("3 s", ("me", "toby"), {"latency": "1 ms"})]
        if rng.random() < 0.5
        else []
    )
    return Network(links=links, changes=changes, give_up="10000 s")


def run(seed: int, kinds: dict[str, int] = KINDS) -> World:
    rng = random.Random(seed)
    world = World(NAMES[: rng.choice((2, 3, 3, 4))], seed)
    world.network(network(rng))
    assert world.links is not None
    if rng.random() < 0.3:
        world.links.model.cut(("toby", "*"), 1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        runner = Runner(world.run)
        steps = program(rng, rng.randint(8, 25), kinds)
        half = len(steps) // 2
        runner.carry_out(steps) if not world.links.model.cuts() else carry_out_and_heal(world, runner, steps, half)
        world.finish()
    return world


def carry_out_and_heal(world: World, runner: Runner, steps: list, half: int) -> None:
    """The partition heals by itself after a while of the model's time."""
    assert world.links is not None
    model = world.links.model
    due = model.due

    def healing(now_s: float) -> list:
        if now_s > 5 and model.cuts():
            model.cut(("toby", "*"), -1)
        return due(now_s)

    model.due = healing  # type: ignore[method-assign]
    runner.carry_out(steps)


@pytest.mark.parametrize("block", range(10))
@pytest.mark.parametrize("kinds", [KINDS, MORE_KINDS], ids=["plain", "more"])
def test_random_programs_equal_their_plain_numpy(block, kinds):
    for seed in range(block * SEEDS // 10, (block + 1) * SEEDS // 10):
        try:
            run(seed, kinds)
        except Exception as error:
            error.add_note(
                f"from tests.sim.test_network import *; run({seed}, {'MORE_KINDS' if kinds is MORE_KINDS else 'KINDS'})"
            )
            raise


@pytest.mark.slow
@pytest.mark.parametrize("block", range(20))
def test_many_random_programs(block):
    for seed in range(10_000 + 200 * block, 10_200 + 200 * block):
        run(seed)
        run(seed, MORE_KINDS)


def let_through_by_hand(world: World, rng: random.Random) -> None:
    """Everything is held, and now and then one envelope, whichever, is let through."""
    assert world.links is not None
    model, due = world.links.model, world.links.model.due
    model.hold()

    def by_hand(now_s: float) -> list:
        out = due(now_s)
        numbers = [flight.number for flight in model.in_flight()]
        if numbers and rng.random() < 0.7:
            out += model.step([rng.choice(numbers)], now_s)[1]
        return out

    model.due = by_hand  # type: ignore[method-assign]
    world.links.next_s = lambda: 0.0 if model.in_flight() else None  # type: ignore[method-assign]


@pytest.mark.parametrize("block", range(5))
def test_random_programs_step_by_step(block):
    """Whatever is let through first, what must come before it does; results are those of plain NumPy."""
    for seed in range(block * 20, (block + 1) * 20):
        rng = random.Random(seed)
        world = World(NAMES[: rng.choice((2, 3, 4))], seed)
        world.network(network(rng))
        let_through_by_hand(world, rng)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)
            Runner(world.run).carry_out(program(rng, rng.randint(8, 25), KINDS))
        world.finish()


def lossy(seed: int, **words: object) -> World:
    world = World(["julie", "toby"], seed)
    world.network(Network(give_up="1 s", **words))
    return world


@pytest.mark.parametrize("seed", range(40))
def test_lost_commands_fail_what_they_would_have_made(seed):
    world = lossy(seed)
    julie, toby = world.run
    x = fp.send(np.arange(3.0), julie)
    world.run.sync()
    world.links.model.cut(("me", "julie"), 1)
    y = x + 1
    far = y.send(toby)
    with pytest.raises(fp.LinkLost, match="what me sent to julie was lost"):
        world.run.sync()
    world.links.model.cut(("me", "julie"), -1)
    with pytest.raises(fp.LinkLost):
        y.get()
    assert (x.get_copy() == np.arange(3.0)).all()
    del far, y, x
    world.finish()


@pytest.mark.parametrize("seed", range(40))
def test_lost_answers_say_so_and_the_object_lives_on(seed):
    world = lossy(seed)
    julie, _ = world.run
    x = fp.send(np.arange(3.0), julie)
    world.run.sync()
    world.links.model.cut(("julie", "me"), 1)
    with pytest.raises(fp.AnswerLost):
        x.get_copy()
    world.links.model.cut(("julie", "me"), -1)
    assert (x.get_copy() == np.arange(3.0)).all()
    del x
    world.finish()


@pytest.mark.parametrize("seed", range(40))
def test_what_is_pushed_and_lost_has_failed_where_it_should_be(seed):
    world = lossy(seed)
    julie, toby = world.run
    x = fp.send(np.arange(3.0), julie)
    world.run.sync()
    world.links.model.cut(("julie", "toby"), 1)
    x.move(toby)
    with pytest.raises(fp.LinkLost, match="what julie sent to toby was lost"):
        x.get()
    world.links.model.cut(("julie", "toby"), -1)
    del x
    world.finish()


@pytest.mark.parametrize("seed", range(60))
def test_random_losses_end_in_errors_and_leave_nothing_behind(seed):
    rng = random.Random(seed)
    world = lossy(seed, links={("*", "*"): {"loss": "60 %", "latency": "exponential(50 ms)"}})
    julie, toby = world.run
    failed = 0
    handles = [fp.send(np.arange(4.0), julie)]
    for _ in range(25):
        x = rng.choice(handles)
        try:
            what = rng.randrange(5)
            if what == 0:
                handles.append(x + x)
            elif what == 1:
                handles.append(x.send(toby))
            elif what == 2:
                x.get_copy()
            elif what == 3:
                handles.append(fp.send(np.arange(4.0), rng.choice([julie, toby])))
            else:
                world.run.sync()
        except (fp.FarptrError, ExceptionGroup):
            failed += 1
    world.links.model.change([(("*", "*"), None)])
    x = None
    handles.clear()
    for _ in range(5):
        try:
            world.run.sync()
            break
        except (fp.FarptrError, ExceptionGroup):
            failed += 1
    world.finish()


def test_a_worker_that_dies_takes_along_what_was_on_its_way_there():
    world = lossy(3, links={("me", "julie"): {"latency": "500 ms"}})
    julie, toby = world.run
    x, kept = fp.send(np.arange(3.0), julie), fp.send(np.arange(2.0), toby)
    world.run.flush()
    while world.links.model.in_flight() == []:
        world.step()
    world.lose("julie")
    with pytest.raises(fp.WorkerLost):
        x.get()
    assert (kept.get() == np.arange(2.0)).all()
    del x, kept
    world.finish()


@pytest.mark.parametrize("block", range(5))
def test_random_faults(block):
    """Clients leave or are cut off, workers die or are stopped: each call has its one outcome, late or not."""
    for seed in range(block * 20, (block + 1) * 20):
        run_case(case(seed), network(random.Random(seed)))


@pytest.mark.slow
def test_many_random_faults():
    for seed in range(1000, 4000):
        run_case(case(seed), network(random.Random(seed)))


@pytest.mark.parametrize("seed", range(60))
def test_several_clients_at_random(seed):
    steps, clients, workers = drawn(seed, (10, 30))
    run_program(steps, seed, clients, workers, network(random.Random(seed)))


def test_a_client_that_leaves_keeps_nothing_back_from_the_others():
    """What is for the second waits for what was for the first, which has the same name in the network."""
    world = World(["julie", "toby"], 4, clients=2)
    first, second = world.runs
    x, y = fp.send(np.arange(3.0), first["julie"]), fp.send(np.ones(2), second["toby"])
    first.sync()
    second.sync()
    world.network(Network(links={("julie", "me"): {"latency": "1000 s"}}))
    x_plus_1 = x + 1
    x.get_async()
    x_plus_1.move(first["toby"])  # by this toby hears of what julie has told me
    first.flush()
    drain_without_time(world)
    answer = y.get_async()
    second.flush()
    drain_without_time(world)
    assert [flight.source for flight in world.links.model.in_flight()] == ["julie", "toby"]
    first.close()
    drain_without_time(world)
    assert world.links.model.in_flight() == []
    assert (answer.result() == np.ones(2)).all()
    del x, y, x_plus_1, answer
    world.finish()


def mutants() -> None:
    for seed in range(100):
        run(seed)


def test_the_mutant_in_which_the_brokers_words_overtake_is_noticed(monkeypatch):
    monkeypatch.setattr(Model, "behind", lambda *_: False)
    with pytest.raises((fp.FarptrError, AssertionError)):
        mutants()


def test_the_mutant_without_causal_order_is_noticed(monkeypatch):
    send = Model.send

    def forgetful(self, now_s, pair, *args, **words):
        send(self, now_s, pair, *args, **words)
        flight = self.in_flight()[-1]
        flight.waits = {n for n in flight.waits if self._flights[n].source == pair[0]}

    monkeypatch.setattr(Model, "send", forgetful)
    with pytest.raises((fp.FarptrError, AssertionError)):
        mutants()


def test_what_is_freed_does_not_overtake_a_use_on_a_slow_link():
    world = World(["julie", "toby"], 1)
    julie, toby = world.run
    world.network(Network(links={("toby", "julie"): {"latency": "5 s"}}))
    p, other = fp.tensor([1.0, 2.0]).send(julie).tag("#x"), fp.send(np.ones(1), julie)
    world.run.sync()
    pp = p.send(toby)
    (q,) = julie.search("#x")
    y = pp + pp
    del p, pp
    world.run.flush()
    while not any(f.source == "toby" for f in world.links.model.in_flight()):
        assert world.step()
    drain_without_time(world)
    del q
    z = other + 1
    world.run.flush()
    drain_without_time(world)
    assert (y.get(all=True) == [2.0, 4.0]).all()
    assert z.get() == 2.0


def drain_without_time(world: World) -> None:
    """Deliver what is there, while the network's clock stands still."""
    world.stands = True
    while world._ready():
        world.step()
    world.stands = False
