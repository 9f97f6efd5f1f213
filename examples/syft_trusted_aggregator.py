"""PySyft's tutorial 4: models are trained by two workers and averaged by a third; only the average is fetched.

The client sees neither data nor a single party's model: the account of bytes at the end says so.
"""

import torch
from sklearn.datasets import load_diabetes

import farptr.syft as sy

hook = sy.TorchHook(torch)
bob = sy.VirtualWorker(hook, id="bob")
alice = sy.VirtualWorker(hook, id="alice")
secure_worker = sy.VirtualWorker(hook, id="secure_worker")

found = load_diabetes()
data = torch.tensor(found.data, dtype=torch.float32) * 20
target = torch.tensor(found.target, dtype=torch.float32).reshape(-1, 1) / 100
half = len(data) // 2
bobs = data[:half].send(bob), target[:half].send(bob)
alices = data[half:].send(alice), target[half:].send(alice)


def train(model, part, answers):
    optimiser = torch.optim.SGD(model.parameters(), lr=0.1)
    for _ in range(5):
        optimiser.zero_grad()
        loss = ((model(part) - answers) ** 2).mean()
        loss.backward()
        optimiser.step()


def received():
    rows = sy.running.current().traffic()
    return {row.source: row.value_bytes for row in rows if row.destination == "me"}


before = received()
torch.manual_seed(0)
model = torch.nn.Linear(10, 1)
rounds = 6
for _ in range(rounds):
    bobs_model = model.copy().send(bob)
    alices_model = model.copy().send(alice)
    train(bobs_model, *bobs)
    train(alices_model, *alices)

    # From worker to worker, not by way of this process.
    bobs_model.move(secure_worker)
    alices_model.move(secure_worker)
    with torch.no_grad():
        for mine, one, other in zip(
            model.parameters(), bobs_model.parameters(), alices_model.parameters(), strict=True
        ):
            mine.set_(((one.data + other.data) / 2).get())

with torch.no_grad():
    loss = ((model(data) - target) ** 2).mean().item()
print(f"loss {loss:.3f} after {rounds} rounds")
for source in ("bob", "alice", "secure_worker"):
    print(f"bytes that came from {source}: {received().get(source, 0) - before.get(source, 0)}")
