"""PySyft's tutorial 2: one model learns on two workers in turn, and the data stays with them.

The data is scikit-learn's diabetes set, which comes with that package; each worker has half of the patients.
"""

import torch
from sklearn.datasets import load_diabetes

import farptr.syft as sy

hook = sy.TorchHook(torch)
bob = sy.VirtualWorker(hook, id="bob")
alice = sy.VirtualWorker(hook, id="alice")

found = load_diabetes()
data = torch.tensor(found.data, dtype=torch.float32) * 20
target = torch.tensor(found.target, dtype=torch.float32).reshape(-1, 1) / 100
half = len(data) // 2
parts = [
    (data[:half].send(bob), target[:half].send(bob)),
    (data[half:].send(alice), target[half:].send(alice)),
]

torch.manual_seed(0)
model = torch.nn.Linear(10, 1)
optimiser = torch.optim.SGD(model.parameters(), lr=0.1)

losses = []
turns = 20
for _ in range(turns):
    for part, answers in parts:
        model.send(part.location)
        optimiser.zero_grad()
        loss = ((model(part) - answers) ** 2).mean()
        loss.backward()
        optimiser.step()
        model.get()  # without the data; the gradient of one party comes with it
        losses.append(loss.get().item())

print(f"loss {losses[0]:.3f} before, {losses[-1]:.3f} after {turns} turns")
