"""Objects that change places: moved, pulled and pushed from worker to worker.

Laws
    1. The place that an object leaves becomes a pointer to where it goes. A copy goes, and nothing changes here, when
       the object is to stay (own data, and what others found), or when who moves it did not make it.
    2. Only what the client means to pull becomes a stub: of anything else that stands there a copy is taken.
    3. Contents that were asked for are stored only while the name that asked lives.
"""

from __future__ import annotations

from typing import Any

from farptr.protocol import values
from farptr.protocol.authority import FETCH
from farptr.protocol.commands import KEEP_NOT, KEEP_SENT, PULL, PUSH, REPORT, About
from farptr.protocol.errors import BadName, InvalidRemoteGet, NotAllowed, ObjectGone
from farptr.protocol.ids import id_of, worker_of
from farptr.worker import tensors
from farptr.worker.failures import report_of
from farptr.worker.store import Entry, Failure, Pointer, Value
from farptr.worker.turn import Command, Turn


class Places:
    """The handlers of MOVE, PULL_HERE, PULL and PUSH."""

    def __init__(self, turn: Turn) -> None:
        self._turn = turn
        self.number, self.store, self._out = turn.number, turn.store, turn.out

    def move(self, command: Command) -> None:
        """Push an object to another worker; a pointer to it stays here."""
        _, _, name, new, owned, copy = command
        there = worker_of(new)
        try:
            entry = self.store.entry(name)
        except ObjectGone:
            # The client has counted an export of the new name, and something may live under it.
            self._out.command(there, (command[0], PUSH, new, 1, KEEP_NOT, None, None))
            raise
        keep, value = entry.keep, self._leaving(command, entry)
        if copy or entry.stays:
            self._put_at(there, command, new, value, 1, KEEP_NOT if owned else KEEP_SENT, entry.about)
            return
        self.store.check_came(new)
        self._put_at(there, command, new, value, 1, keep, entry.about)
        # Somebody may hold the old name: it becomes a pointer to the new one; the reference came with the header.
        entry.keep = KEEP_NOT
        self.store.replace(entry, Pointer(new))
        self.free_unless_held(entry)

    def _leaving(self, command: Command, entry: Entry) -> Value:
        """What goes to another place: the value, or a failure instead of data that this client may not have."""
        if entry.own is not None:
            try:
                self._turn.authority.check(self._turn.root, FETCH)
            except NotAllowed as error:
                return Failure(report_of(command, error, self.number, self._turn.hop, self._turn.root))
        return entry.value  # type: ignore[no-any-return]

    def _put_at(
        self,
        there: int,
        command: Command,
        name: int,
        value: Value,
        exports: int | None,
        keep: int,
        about: About | None = None,
    ) -> None:
        """Store a value at a worker; with None for exports, only where the name lives."""
        if there != self.number:
            wire = self._turn.encoded(value, there)
            self._out.command(there, (command[0], PUSH, name, exports, keep, wire, about))
        else:
            entry = self.store.put(name, value, exports or 0, self._turn.order(command), keep)
            entry.about = about or entry.about

    def pull_here(self, command: Command) -> None:
        """Replace a pointer here by what it points at: ask the worker that has it."""
        number, _, name, copy, *meant = command
        entry = self.store.entry(name)
        value, copy = entry.value, copy or entry.shared
        if type(value) is Pointer and meant and meant[0]:
            copy = copy or _place(value.target) != _place(meant[0])
        if type(value) is Failure:
            self._out.reply((number, REPORT, tuple(value.report._replace(command=number))))
        elif type(value) is not Pointer:
            raise InvalidRemoteGet(
                f"{self._turn.called(self.number)} has the data itself",
                hint="remote_get() needs a pointer to a pointer",
            )
        elif worker_of(value.target) != self.number:
            self._turn.check_hop()
            self.store.export(name)
            self._out.command(worker_of(value.target), (number, PULL, value.target, name, copy), refs=[name])
        else:
            self._pull_local(command, value.target, copy)

    def _pull_local(self, command: Command, target: int, copy: bool) -> None:
        name = command[2]
        far = self.store.entry(target)
        value = self._leaving(command, far)
        if type(value) is Pointer and value.target == name:
            return
        near = self.store.entry(name)
        if copy or far.stays:
            self.store.replace(near, value if isinstance(value, Pointer | Failure) else tensors.copied(value))
            return
        self.store.replace(near, value)
        self.store.export(name)
        self._out.claim(name)
        self.store.receive(name)
        self.store.replace(far, Pointer(name))

    def pull(self, command: Command) -> None:
        """Give an object to the worker that asks for it; a pointer to there stays here."""
        _, _, name, new, copy = command
        entry = self.store.entry(name)
        value = self._leaving(command, entry)
        if type(value) is Pointer and value.target == new:
            return
        leaves = not (copy or entry.stays)
        if leaves:
            self.store.check_came(new)
        self._put_at(worker_of(new), command, new, value, None, KEEP_NOT)
        if leaves:
            # The reference that this pointer needs came with the PULL's header.
            self.store.replace(entry, Pointer(new))

    def push(self, command: Command) -> None:
        """Take in what was moved here, or was asked for."""
        _, _, name, exports, keep, wire, about = command
        if wire is None:
            self.store.export(name)
            return
        value = self._turn.taken(command, wire)
        if exports is not None or self._lives(name):
            self.check_shared(name, wire, exports or 0)
            entry = self.store.put(name, value, exports or 0, self._turn.order(command), keep)
            entry.about = about or entry.about

    def _lives(self, name: int) -> bool:
        try:
            self.store.value(name)
        except ObjectGone:
            return False
        return True

    def check_shared(self, name: int, wire: Any, exports: int) -> None:
        """Raise BadName when something that others found would turn from data into a pointer under their hands.

        The references that its client has counted for it (``exports``) live all the same.
        """
        entry = self.store.entries.get(id_of(name))
        if entry is not None and entry.found_as_data and wire[0] == values.POINTER:
            for _ in range(exports):
                self.store.export(name)
            raise BadName(
                f"{self._turn.called(self.number)}:{id_of(name)} is data that other clients found: no pointer can take"
                " its place",
                hint="clone() the pointer, or take the data's name away and let it go",
            )

    def free_unless_held(self, entry: Entry) -> None:
        """Let an object go that need not stay any more, if nobody holds it.

        A name that is not exported has no rows, so no FREE would come for it; others may hold the object all the same,
        by a pointer that a client sent on. A reference that comes and goes makes the broker look.
        """
        for name in self.store.never_exported(entry):
            self.store.export(name)
            self.store.receive(name)
            self._out.claim(name)


def _place(name: int) -> tuple[int, int]:
    """Worker and id, whatever the generation."""
    return (worker_of(name), id_of(name))
