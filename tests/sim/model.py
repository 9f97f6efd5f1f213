"""What a program on pointers means, one command after another, on plain NumPy. It shares no code with farptr.

A *box* is one stored object: an ndarray, a reference to another box, or a failure. A *handle* refers to a box and owns
it or not; a box lives while a handle that owns it, or a box that lives, refers to it. An id is in a store once: what
is stored under an id that lives replaces the value there. The place in a listing is that of the command that made the
name: it stays when the value is replaced through a name that some handle owns.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np


class Failed:
    """The outcome of a command that failed."""

    def __init__(self, kind: str, command: int) -> None:
        self.kind, self.command = kind, command

    def __repr__(self) -> str:
        return f"Failed({self.kind} of #{self.command})"


class Box:
    def __init__(self, worker: str, id: int | None, content: Any, place: tuple[int, ...]) -> None:
        self.worker, self.id, self.content, self.place = worker, id, content, place
        """``id`` is None while nobody but the worker knows it."""
        self.dead = False

    def __repr__(self) -> str:
        shown = f"-> {self.content.worker}:{self.content.id}" if isinstance(self.content, Box) else self.content
        return f"{self.worker}:{self.id} {shown}{' (dead)' if self.dead else ''}"


class Handle:
    def __init__(self, box: Box, pointer: Any, name: str, owns: bool = True) -> None:
        self.box, self.pointer, self.name, self.owns = box, pointer, name, owns


Compute = Callable[[list[np.ndarray]], Any]


class Model:
    """All stores, and the failures that nobody has seen yet."""

    def __init__(self, workers: Iterable[str]) -> None:
        self.stores: dict[str, list[Box]] = {w: [] for w in workers}
        self.handles: list[Handle] = []
        self.promised: list[Handle] = []
        """Handles that a fetch has until its answer is taken, and those that it will give."""
        self.pending: dict[int, str] = {}
        """Failures to be told at ``sync()``, by command number."""

    # ------------------------------------------------------------ boxes

    def chain(self, box: Box) -> list[Box]:
        """The boxes from this one to the data (or to a box that is gone)."""
        found = [box]
        while isinstance(found[-1].content, Box) and not found[-1].dead:
            found.append(found[-1].content)
            assert len(found) < 50, "a cycle"
        return found

    def path(self, box: Box) -> tuple[str, ...]:
        return tuple(b.worker for b in self.chain(box))

    def passes(self, box: Box, worker: str, id: int) -> bool:
        return any(b.worker == worker and b.id == id for b in self.chain(box))

    def put(self, worker: str, id: int | None, content: Any, place: tuple[int, ...]) -> Box:
        """Store under an id."""
        box = next((b for b in self.stores[worker] if id is not None and b.id == id), None)
        if box is None:
            box = Box(worker, id, content, place)
            self.stores[worker].append(box)
            return box
        box.content = content
        if not any(h.owns and h.box is box for h in (*self.handles, *self.promised)):
            box.place = place
        return box

    def collect(self) -> None:
        """Take away what nobody refers to."""
        live: set[int] = set()
        todo = [h.box for h in (*self.handles, *self.promised) if h.owns]
        while todo:
            box = todo.pop()
            if id(box) not in live:
                live.add(id(box))
                if isinstance(box.content, Box):
                    todo.append(box.content)
        for worker, boxes in self.stores.items():
            for box in boxes:
                box.dead = id(box) not in live
                if box.dead:
                    box.content = None
            self.stores[worker] = [b for b in boxes if not b.dead]

    def listing(self, worker: str) -> list[Box]:
        return sorted(self.stores[worker], key=lambda b: b.place)

    # ------------------------------------------------------------ commands

    def call(self, boxes: list[Box], compute: Compute, command: int, hop: int = 0) -> Box:
        """An operation with one result, at each hop of the chain. The box of the result at the first hop."""
        worker = boxes[0].worker
        place = (command, hop)
        boxes, further = self._further(boxes, command)
        if isinstance(further, list):
            result = self.put(worker, None, None, place)
            result.content = self.call(further, compute, command, hop + 1)
            return result
        if further is None:
            try:
                further = np.asarray(compute([b.content for b in boxes]))
            except Exception as error:  # whatever NumPy raises is the outcome
                further = self._failed(type(error).__name__, command)
        return self.put(worker, None, further, place)

    def change(self, boxes: list[Box], compute: Compute, command: int) -> None:
        """An operation in place."""
        target = boxes[0]
        boxes, further = self._further(boxes, command)
        if isinstance(further, list):
            self.change(further, compute, command)
        elif isinstance(further, Failed):
            if target.dead or boxes[0].content is not further:
                self._failed(further.kind, command)
        else:
            try:
                compute([b.content for b in boxes])
            except Exception as error:  # as above
                self._failed(type(error).__name__, command)

    def _further(self, boxes: list[Box], command: int) -> tuple[list[Box], list[Box] | Failed | None]:
        """The operands here, and: where the operation goes on, None when it runs here, or why it fails here."""
        for _ in range(20):
            if any(b.dead for b in boxes):
                return boxes, self._failed("ObjectGone", command)
            contents = [b.content for b in boxes]
            failed = next((c for c in contents if isinstance(c, Failed)), None)
            if failed is not None:
                return boxes, failed
            # Pointers to the same worker are followed until the operands are alike.
            if len({c.worker if isinstance(c, Box) else None for c in contents}) < 2:
                break
            boxes = [
                c if isinstance(c, Box) and c.worker == b.worker else b for b, c in zip(boxes, contents, strict=True)
            ]
        if not any(isinstance(c, Box) for c in contents):
            return boxes, None
        if all(isinstance(c, Box) for c in contents) and len({c.worker for c in contents}) == 1:
            return boxes, contents
        return boxes, self._failed("NotCollocated", command)

    def _failed(self, kind: str, command: int) -> Failed:
        self.pending[command] = kind
        return Failed(kind, command)

    def move(self, box: Box, worker: str, id: int, command: int) -> Box:
        """The object goes to another worker; what it leaves is a pointer."""
        content = box.content.copy() if isinstance(box.content, np.ndarray) else box.content
        new = self.put(worker, id, content, (command, 1))
        box.content = new
        return new

    def remote_get(self, box: Box, command: int) -> None:
        """The box takes over what it points at; that becomes a pointer to the box."""
        if box.dead:
            self._failed("ObjectGone", command)
        elif isinstance(box.content, Failed):
            self._failed(box.content.kind, command)
        elif isinstance(box.content, Box) and not box.content.dead:
            far = box.content
            if far.content is box:
                return
            same = far.worker == box.worker
            box.content = far.content if same or not isinstance(far.content, np.ndarray) else far.content.copy()
            far.content = box
        else:
            self._failed("ObjectGone" if isinstance(box.content, Box) else "InvalidRemoteGet", command)
