"""PySyft's tutorial 6: a convolutional network learns digits from batches that lie on two workers.

``dataset.federate`` sends each worker its part once; the loader gives pairs of pointers, and the model goes to them.
The digits are scikit-learn's, which come with that package.
"""

import torch
import torch.nn.functional as F
from sklearn.datasets import load_digits
from torch import nn

import farptr.syft as sy

hook = sy.TorchHook(torch)
bob = sy.VirtualWorker(hook, id="bob")
alice = sy.VirtualWorker(hook, id="alice")

found = load_digits()
images = torch.tensor(found.images, dtype=torch.float32).unsqueeze(1) / 16
digits = torch.tensor(found.target)
dataset = torch.utils.data.TensorDataset(images[:1400], digits[:1400])
loader = sy.FederatedDataLoader(dataset.federate((bob, alice)), batch_size=50, shuffle=True)


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(1, 8, 3)
        self.out = nn.Linear(72, 10)

    def forward(self, x):
        x = F.max_pool2d(F.relu(self.conv(x)), 2)
        return F.log_softmax(self.out(x.flatten(1)), dim=1)


torch.manual_seed(0)
model = Net()
optimiser = torch.optim.SGD(model.parameters(), lr=0.5)
print(f"{len(loader)} batches on {', '.join(loader.workers)}")
for epoch in range(2):
    for data, target in loader:
        model.send(data.location)
        optimiser.zero_grad()
        loss = F.nll_loss(model(data), target)
        loss.backward()
        optimiser.step()
        model.get()
    print(f"epoch {epoch}: loss {loss.get().item():.2f}")

with torch.no_grad():
    right = (model(images[1400:]).argmax(1) == digits[1400:]).float().mean().item()
print(f"{right:.0%} of {len(digits) - 1400} other digits are right")
