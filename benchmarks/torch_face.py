"""The PySyft face: one operation in sync mode beside the floor, a pipeline, training steps beside local ones.

``python benchmarks/torch_face.py`` takes half a minute on a machine that does nothing else, and needs torch. Rounds of
what is compared take turns, and the median of their ratios is printed.
"""

from __future__ import annotations

import os
import statistics
import time

os.environ.setdefault("OMP_NUM_THREADS", "1")  # else threads of both sides wait for each other's processors

import torch
from torch import nn

import farptr.syft as sy
from farptr.bench.floor import floor

ROUNDS = 9
OPERATIONS = 300
PIPELINED = 20_000
STEPS = 100


def seconds(call, count):
    start = time.perf_counter()
    for _ in range(count):
        call()
    return (time.perf_counter() - start) / count


def beside_the_floor(julie):
    p = torch.ones(10).send(julie)
    ratios, medians_us = [], []
    with floor() as ground:
        for _ in range(ROUNDS):
            least_us = ground.round_trips_us(OPERATIONS)
            times_us = []
            for _ in range(OPERATIONS):
                start = time.perf_counter()
                p + p
                times_us.append((time.perf_counter() - start) * 1e6)
            medians_us.append(statistics.median(times_us))
            ratios.append(medians_us[-1] / least_us)
    print(f"p + p, waited for: {statistics.median(medians_us):.0f} us, {statistics.median(ratios):.2f} x floor")


def pipelined(julie):
    run = sy.running.current()
    p = torch.ones(10).send(julie)
    rates = []
    run._session.sync_mode = False
    try:
        for _ in range(ROUNDS):
            start = time.perf_counter()
            for _ in range(PIPELINED):
                p + p
            run.sync()
            rates.append(PIPELINED / (time.perf_counter() - start))
    finally:
        run._session.sync_mode = True
    print(f"p + p, in a pipeline: {statistics.median(rates):,.0f} operations/s (best {max(rates):,.0f})")


def training(julie, rows, inputs, hidden):
    def prepared(place):
        model = place(nn.Sequential(nn.Linear(inputs, hidden), nn.ReLU(), nn.Linear(hidden, 10)))
        optimiser = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9)
        data, target = place(torch.randn(rows, inputs)), place(torch.randn(rows, 10))

        def step():
            optimiser.zero_grad()
            loss = nn.functional.mse_loss(model(data), target)
            loss.backward()
            optimiser.step()
            return loss

        return step

    here, there = prepared(lambda what: what), prepared(lambda what: sy.far(what, julie))

    def far_steps():
        for _ in range(STEPS):
            loss = there()
        sy.near(loss)

    def asked_step():
        there().item()

    seconds(here, STEPS), far_steps()
    rounds = [(seconds(here, STEPS), seconds(far_steps, 1) / STEPS, seconds(asked_step, STEPS)) for _ in range(ROUNDS)]
    local, far, asked = (statistics.median(times) * 1e6 for times in zip(*rounds, strict=True))
    ratio = statistics.median(far / local for local, far, _ in rounds)
    print(
        f"training step, {rows} rows, {inputs}-{hidden}-10: {local:.0f} us here, {far:.0f} us there, x {ratio:.1f}; "
        f"{asked:.0f} us when each loss is asked for"
    )


def main():
    hook = sy.TorchHook(torch)
    julie = sy.VirtualWorker(hook, id="julie")
    beside_the_floor(julie)
    pipelined(julie)
    for rows, inputs, hidden in ((32, 64, 64), (128, 256, 256), (256, 784, 512)):
        training(julie, rows, inputs, hidden)
    hook.close()


if __name__ == "__main__":
    main()
