"""Devices: workers, and the way on which a pointer reaches its data there.

Law
    What is made for a device lies where the data of that device's pointers lies, by the same way, so that the two can
    be operands of one operation.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from farptr.client import opened
from farptr.client.graph import path_of
from farptr.client.numpy_face import call
from farptr.client.pointer import Pointer, make
from farptr.client.run import Run
from farptr.client.session import Session
from farptr.client.workers import Worker
from farptr.protocol.errors import NoRun, UsageError
from farptr.protocol.ids import id_of, worker_of
from farptr.protocol.names import unknown_worker
from farptr.protocol.standard import PREFIX, WHERE


class Device(Worker):
    """A worker as a device of the Array API: equal to that worker, whichever way leads to it.

    ``way`` holds the workers' numbers from the first hop to the far end, which is the device.
    """

    __slots__ = ("way",)

    def __init__(self, session: Session, way: tuple[int, ...]) -> None:
        super().__init__(session, way[-1])
        self.way = way

    __eq__ = Worker.__eq__
    __hash__ = Worker.__hash__

    def place(self, array: Any) -> Pointer:
        """Send a local array there, by the way."""
        return self.led_to(Worker(self._session, self.number).receive(array))

    def led_to(self, pointer: Pointer) -> Pointer:
        """From a pointer to data on the device itself, one that leads there by the way."""
        for number in self.way[-2::-1]:
            pointer = pointer.send(Worker(self._session, number))
        return pointer

    def make(self, name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Pointer:
        """Have the device make an array from plain values: what a function of ``standard.MAKERS`` gives."""
        session = self._session
        with session.command() as core:
            (node,) = core.call(PREFIX + name, args, kwargs, (), 1, lambda _: None, at=self.number)
            pointer = make(session, node)
        session.settle_if_sync([pointer])
        return self.led_to(pointer)


Default = Callable[[], Device]
"""Where arrays are made when nobody says where."""


def device_of(pointer: Pointer) -> Device:
    """The device of a pointer; asks for its worker only where a pointer of somebody else's stands on the way."""
    with pointer._session.command():
        way = path_of(pointer.use())
    return Device(pointer._session, way or (worker_of(_end_of(pointer)),))


def _end_of(pointer: Pointer) -> int:
    """The name of a pointer's data, however long the chain is."""
    session = pointer._session
    with session.command() as core:
        key = core.ask(pointer.use(), WHERE)
    return int(session.wait(key, doing=lambda: f"for the device of {pointer!r}"))


def run_of(session: Session) -> Run:
    """The run that a session belongs to; raises NoRun when this process has given it up."""
    for run in list(opened.runs.values()):
        if run._session is session:
            return run
    raise NoRun("this pointer's run was given up", hint="keep what fp.up() returned")


def devices_of(session: Session) -> list[Device]:
    """The live workers of a session's run, each reached directly."""
    return [Device(session, (worker.number,)) for worker in run_of(session)]


def resolve(device: Any, default: Default) -> Device:
    """The device that an argument stands for: None, a device, a worker, or a live worker's name in the default's run.

    Raises UnknownWorker; UsageError for anything else; what the default raises.
    """
    if device is None:
        return default()
    if isinstance(device, Device):
        return device
    if isinstance(device, Worker):
        return Device(device._session, (device.number,))
    if not isinstance(device, str):
        raise UsageError(f"{device!r} is no device", hint="a device is a worker, or its name")
    live = {d.name: d for d in devices_of(default()._session)}
    if device not in live:
        raise unknown_worker(device, live)
    return live[device]


def newest_run() -> Device:
    """The first worker of the run that this process opened last, of those that are open; raises NoRun."""
    for run in reversed(list(opened.runs.values())):
        if not run._session.closed:
            return Device(run._session, (run[0].number,))
    raise NoRun("no run is open: on which worker should this be?", hint="sim = fp.up('julie') starts one")


def to_device(pointer: Pointer, device: Any, stream: Any = None) -> Pointer:
    """What ``Pointer.to_device`` promises."""
    if stream is not None:
        raise UsageError("workers have no streams", hint="leave stream= out")
    here = device_of(pointer)
    there = resolve(device, lambda: here)
    if there._session is not pointer._session:
        raise UsageError(f"{there.name} belongs to another run", hint="get() the data and send it there")
    if there.way == here.way or (there == here and len(there.way) == 1):
        return pointer
    return there.led_to(_directly(pointer, there.number))


def _directly(pointer: Pointer, number: int) -> Pointer:
    """A copy of a pointer's data on a worker, one hop away. Its values go from worker to worker, or stay."""
    copy: Any = call(".copy", (pointer,))
    if copy._node.target is not None:  # a chain, perhaps shorter than this client believes
        end = _end_of(copy)
        while not same_object(copy._node.name, end):
            copy = copy.get()
    copy.move_to(number)
    return copy  # type: ignore[no-any-return]


def same_object(name: int, other: int) -> bool:
    """Whether two names stand for one object: generations of one id do."""
    return (worker_of(name), id_of(name)) == (worker_of(other), id_of(other))
