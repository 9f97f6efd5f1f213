"""PySyft's tutorial 1 on real processes: tensors go to a worker, work happens there, results come when asked for."""

import torch

import farptr.syft as sy

hook = sy.TorchHook(torch)
bob = sy.VirtualWorker(hook, id="bob")

x = torch.tensor([1, 2, 3, 4, 5])
y = torch.tensor([1, 1, 1, 1, 1])
x_ptr, y_ptr = x.send(bob), y.send(bob)
print(x_ptr)
print(bob._objects)

z = x_ptr + y_ptr  # runs in bob's process
print(z)
print(z.get())
z = torch.add(x_ptr, x_ptr)
print(z.get())

# Gradients are worked out where the graph is, and come home with their tensor.
weights = torch.tensor([1.0, 2.0, 3.0, 4.0], requires_grad=True).send(bob)
target = torch.tensor([1.0, 1.0, 1.0, 1.0]).send(bob)
loss = ((weights - target) ** 2).sum()
loss.backward()
print(loss.get_copy())
weights = weights.get()
print(weights.grad)

# A local tensor beside a pointer moves nothing by itself.
try:
    x_ptr + y
except sy.exceptions.PureFrameworkTensorFoundError as error:
    print(type(error).__name__)
