"""PySyft's tutorial 3, the notebook on pointers to pointers, as it was written: only the import is another."""

import torch

import farptr.syft as sy

hook = sy.TorchHook(torch)
julie = sy.VirtualWorker(hook, id="julie")
toby = sy.VirtualWorker(hook, id="toby")

# Pointers referencing other pointers
tensor1 = torch.tensor([2, 3, 4, 5])
tensor1_ptr = tensor1.send(julie)
print(tensor1_ptr)
ptr_to_tensor1_ptr = tensor1_ptr.send(toby)
print(ptr_to_tensor1_ptr)
print(julie._objects)
print(toby._objects)
tensor_ptr_backwards = ptr_to_tensor1_ptr.get()
print(tensor_ptr_backwards)
tensor1 = tensor_ptr_backwards.get()
print(tensor1)

# Arithmetic on pointer -> pointer -> data object
print(julie._objects, toby._objects)
pointer_to_pointer = torch.tensor([123, 13]).send(julie).send(toby)
y = pointer_to_pointer + pointer_to_pointer
print(julie._objects)
print(toby._objects)
print(y.get().get())
print(julie._objects)
print(toby._objects)
print(pointer_to_pointer.get().get())
print(julie._objects, toby._objects)

# Moving
tensor1 = torch.tensor([1, 2]).send(toby)
print(toby._objects, julie._objects)
tensor1 = tensor1.move(julie)
print(tensor1)
print(toby._objects, julie._objects)
