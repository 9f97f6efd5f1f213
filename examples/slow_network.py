"""An average of three workers on a modelled network: one is far away, one is cut off, and a message is lost by hand."""

from concurrent.futures import as_completed

import numpy as np

import farptr as fp

NETWORK = fp.Network(
    everybody="broadband",
    parties={"carol": {"latency": "600 ms", "bandwidth": "1 Mbit/s"}},
    give_up="500 ms",  # what has not come through by then fails
)


def stragglers(sim, shards):
    """Take the means as they come, and do without the one that comes last."""
    asked = {shard.mean(axis=0).get_async(): shard.location.name for shard in shards}
    came = as_completed(asked)
    names, means = [], []
    for future in (next(came), next(came)):
        names.append(asked[future])
        means.append(future.result())
    print(f"the first two: {', '.join(sorted(names))}; their average: {np.round(np.mean(means, axis=0), 2)}")
    late = next(came)
    print(f"late: {asked[late]}, with {np.round(late.result(), 2)}")


def cut_off(sim, shards):
    """Nothing comes through to or from toby: an error where it is needed, and whether it has worked nobody can know."""
    with sim.net.partition("me", "toby"):
        for shard in shards:
            try:
                print(f"{shard.location.name}: {np.round(shard.mean(axis=0).get(), 2)}")
            except fp.LinkLost as error:
                print(f"{shard.location.name}: {type(error).__name__}, definite: {error.definite}")
    print(f"afterwards toby: {np.round(shards[1].mean(axis=0).get(), 2)}")


def step_by_step(sim, shards):
    """Nothing arrives unless we say so: two questions, of which one is lost."""
    means = [shard.mean(axis=0) for shard in shards[:2]]
    sim.sync()
    with sim.net.hold():
        answers = [mean.get_async() for mean in means]
        to_julie, to_toby = sim.net.in_flight()
        print(f"held: {to_julie.source} -> {to_julie.destination}, {to_toby.source} -> {to_toby.destination}")
        sim.net.drop(to_toby)
        print(f"answered: {[answer.done() for answer in answers]}")
    print(f"julie: {np.round(answers[0].result(), 2)}")
    try:
        answers[1].result()
    except fp.LinkLost:
        print("toby: LinkLost; its mean is still there:", np.round(means[1].get_copy(), 2))


def main():
    """Three rounds, in each of which the network does something else."""
    with fp.up("julie", "toby", "carol", net=NETWORK, seed=1) as sim:
        draw = np.random.default_rng(5)
        shards = [fp.send(draw.normal(at, 1.0, (200, 2)), worker) for at, worker in enumerate(sim)]
        sim.sync()
        for one in (stragglers, cut_off, step_by_step):
            print(f"-- {one.__name__}")
            one(sim, shards)
        print("left behind:", sim.leaks())


if __name__ == "__main__":
    main()
