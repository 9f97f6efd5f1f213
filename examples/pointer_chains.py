"""The notebook on pointer chains as a script: pointers to pointers, arithmetic through them, and move."""

import farptr as fp

with fp.up("julie", "toby") as sim:
    julie, toby = sim

    print("--- pointers referencing other pointers")
    tensor1 = fp.tensor([2, 3, 4, 5])
    print(repr(tensor1))

    tensor1_ptr = tensor1.send(julie)
    print(tensor1_ptr)

    # Send the pointer itself to toby.
    ptr_to_tensor1_ptr = tensor1_ptr.send(toby)
    print(ptr_to_tensor1_ptr)

    print(julie._objects)  # julie still has the tensor itself
    print(toby._objects)  # toby has the pointer to julie's data

    # The first get() gives the pointer back, the second the data.
    tensor_ptr_backwards = ptr_to_tensor1_ptr.get()
    print(tensor_ptr_backwards)
    tensor1 = tensor_ptr_backwards.get()
    print(repr(tensor1))

    print("--- arithmetic on pointer -> pointer -> data")
    print(julie._objects, toby._objects)  # both are empty now
    pointer_to_pointer = fp.tensor([123, 13]).send(julie).send(toby)
    y = pointer_to_pointer + pointer_to_pointer

    print(julie._objects)  # two tensors
    print(toby._objects)  # two pointers to julie's tensors

    print(repr(y.get().get()))
    print(julie._objects)  # only the original tensor
    print(toby._objects)

    print(repr(pointer_to_pointer.get().get()))
    print(julie._objects, toby._objects)

    print("--- move: from worker to worker, not by way of me")
    tensor1 = fp.tensor([1, 2]).send(toby)
    print(toby._objects, julie._objects)
    tensor1 = tensor1.move(julie)
    print(tensor1)
    print(toby._objects, julie._objects)
