"""Cells: Python source that a client sends, run here, where this worker was started with functions.

Laws
    1. Off unless turned on; a worker that has loaded data of its own says no unless that was said twice.
    2. All cells share one namespace. What the worker has under a name is a variable there, and an array in a public
       variable is data of the worker under that name: one array, not two.
    3. What was loaded or published stays under its name: a cell that binds the name anew fails, and the variable has
       its old value back. A cell that binds a name of another cell anew takes the name; who has a pointer to the old
       array keeps that.
    4. A cell is always answered: what it printed, the repr of its last expression, and its error, all cut to size.
"""

from __future__ import annotations

import ast
import contextlib
import io
import keyword
import linecache
from types import TracebackType
from typing import Any

import numpy as np

from farptr.protocol import values
from farptr.protocol.commands import KEEP_NOT, KEEP_OWN, PLAIN
from farptr.protocol.errors import BadName, FunctionsOff, UnsupportedValue
from farptr.protocol.functions import OFF, PRIVATE
from farptr.protocol.ids import make_name
from farptr.worker.failures import Stopped, report_of
from farptr.worker.forks import ended_here
from farptr.worker.interrupts import computing
from farptr.worker.places import Places
from farptr.worker.turn import Command, Turn

MAX_OUTPUT_CHARACTERS = 64 * 1024
MAX_REPR_CHARACTERS = 16 * 1024
MAX_MESSAGE_CHARACTERS = 2000
CELLS_REMEMBERED = 100
"""Cells whose source a traceback can quote."""


class Cells:
    """The handler of CELL."""

    def __init__(self, turn: Turn, places: Places, functions: str) -> None:
        self._turn, self._places, self._functions = turn, places, functions
        self.store, self._out = turn.store, turn.out
        self.private = False
        """This worker has loaded data of its own."""
        self._space: dict[str, Any] = {"__name__": "__main__", "np": np}
        self._given: dict[str, Any] = {}
        """What the variables of the data were before the cell."""
        self._made: dict[str, int] = {}
        """Data that cells have made: label to name."""
        self._count = 0

    def run(self, command: Command) -> None:
        """Carry out a CELL."""
        printed = Printed()
        shown: str | None = None
        report: tuple[Any, ...] | None = None
        try:
            self.check_allowed()
            shown = self._run(command, str(command[2]), printed)
        except Stopped:
            raise
        except BaseException as error:  # whatever a cell raises, SystemExit too, the worker lives on
            error.__traceback__ = _below(error.__traceback__, self._filename(self._count))
            made = report_of(command, error, self._turn.number, self._turn.hop, self._turn.root)
            made = made._replace(message=cut(made.message, MAX_MESSAGE_CHARACTERS))
            report = tuple(made)
            self._out.count(None, len(made.message.encode()) + len(made.trace.encode()))
        output = printed.text()
        self._out.count(None, len((output + (shown or "")).encode("utf-8", "replace")))
        self._out.reply((command[0], PLAIN, (_sendable(output), _sendable(shown), report)))

    def check_allowed(self) -> None:
        """Raise FunctionsOff unless this worker runs what clients write."""
        worker = self._turn.called(self._turn.number)
        if self._functions == OFF:
            raise FunctionsOff(
                f"{worker} runs no functions: it was started without",
                hint="fp.up('julie', functions=True), or farptr up --functions julie",
            )
        if self.private and self._functions != PRIVATE:
            raise FunctionsOff(
                f"{worker} runs no functions: it has loaded data of its own, which a function could print",
                hint="functions='private' (--functions-private) turns them on all the same",
            )

    def _run(self, command: Command, source: str, printed: Printed) -> str | None:
        self._bring_in()
        self._count += 1
        linecache.cache.pop(self._filename(self._count - CELLS_REMEMBERED), None)
        filename = self._filename(self._count)
        _remember(filename, source)
        try:
            with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(printed), ended_here(), computing:
                shown = execute(source, filename, self._space)
        except BaseException:
            self._take_over(command)
            raise
        refused = self._take_over(command)
        if refused:
            worker = self._turn.called(self._turn.number)
            raise BadName(
                f"{worker} has something called {', '.join(refused)} that no cell made, and it stays",
                hint="take another name; what else the cell did is done",
            )
        return shown

    def _filename(self, count: int) -> str:
        return f"<cell {count} on {self._turn.called(self._turn.number)}>"

    # ------------------------------------------------------------ variables and data

    def _bring_in(self) -> None:
        """Before a cell: the named data are variables, and what has lost its name is none."""
        for label, name in list(self._made.items()):
            if self.store.labelled(label) != name:
                del self._made[label]
                if self._space.get(label) is self._given.get(label):
                    self._space.pop(label, None)
        self._given = {}
        for label in self.store.labels:
            array = self.store.data(self.store.labelled(label) or 0)
            if array is not None and is_public(label):
                self._given[label] = self._space[label] = array

    def _take_over(self, command: Command) -> list[str]:
        """After a cell: arrays in public variables are data. Returns the names that cannot be theirs."""
        changed = [label for label in self._given if self._space.get(label) is not self._given[label]]
        refused = [label for label in changed if not self._let_go(label)]
        for label in refused:
            self._space[label] = self._given[label]
        for i, (label, value) in enumerate(list(self._space.items())):
            is_array = type(value) is np.ndarray or isinstance(value, np.generic)
            if is_array and is_public(label) and label not in self._given and not self._bind(command, i, label, value):
                refused.append(label)
                del self._space[label]
        return refused

    def _let_go(self, label: str) -> bool:
        """Take its name from what a cell made; False for anything else."""
        if label not in self._made:
            return False
        entry = self.store.entry(self._made.pop(label))
        del self._given[label]
        self.store.unlabel(entry)
        entry.keep = KEEP_NOT
        self._places.free_unless_held(entry)
        return True

    def _bind(self, command: Command, index: int, label: str, value: Any) -> bool:
        """Store what a variable has as data; False when a pointer was published under that name."""
        if self.store.labelled(label) is not None:
            return False
        try:
            array = values.checked(value)
        except UnsupportedValue:
            return True  # it stays a variable
        name = make_name(self._turn.number, self._turn.ids.next())
        self.store.put(name, array, 0, self._turn.order(command, index), KEEP_OWN).own = label
        self.store.label(name, label)
        self._made[label] = name
        self._given[label] = self._space[label] = array
        return True


class Printed(io.TextIOBase):
    """What a cell prints, both streams as one; of too much the beginning and the end."""

    def __init__(self) -> None:
        self._head: list[str] = []
        self._room = MAX_OUTPUT_CHARACTERS // 2
        self._tail = ""
        self._lost = 0

    def writable(self) -> bool:
        """Yes."""
        return True

    def write(self, text: str) -> int:
        """Take in a piece."""
        first, rest = text[: self._room], text[self._room :]
        self._room -= len(first)
        self._head.append(first)
        if rest:
            self._tail += rest
            if len(self._tail) > MAX_OUTPUT_CHARACTERS:
                self._shorten()
        return len(text)

    def _shorten(self) -> None:
        over = len(self._tail) - MAX_OUTPUT_CHARACTERS // 2
        if over > 0:
            self._lost += over
            self._tail = self._tail[over:]

    @property
    def complete(self) -> bool:
        """Whether nothing was left out so far, nor is likely to be soon."""
        return self._room > 0

    def take(self) -> str:
        """What there is, while that is complete: it is told now, and counts as printed."""
        text = "".join(self._head)
        self._head.clear()
        return text

    def text(self) -> str:
        """All that is left of it."""
        self._shorten()
        missing = f"\n… {self._lost} characters are left out here …\n" if self._lost else ""
        return "".join(self._head) + missing + self._tail


def execute(source: str, filename: str, space: dict[str, Any]) -> str | None:
    """Run source in a namespace; the repr of its last line when that is an expression, cut to size."""
    tree = ast.parse(source, filename)
    last = tree.body[-1] if tree.body else None
    if isinstance(last, ast.Expr):
        del tree.body[-1]
    exec(compile(tree, filename, "exec", dont_inherit=True), space)
    if not isinstance(last, ast.Expr):
        return None
    value = eval(compile(ast.Expression(last.value), filename, "eval", dont_inherit=True), space)
    return None if value is None else cut(repr(value), MAX_REPR_CHARACTERS)


def cut(text: str, room: int) -> str:
    """The beginning of a text, and how much there was besides."""
    return text if len(text) <= room else f"{text[:room]}… ({len(text) - room} more characters)"


def is_public(label: str) -> bool:
    """Whether a name can be a variable that is data too."""
    return label.isidentifier() and not label.startswith("_") and not keyword.iskeyword(label)


def _sendable(text: str | None) -> str | None:
    """Without halves of surrogate pairs, which no encoding takes."""
    return None if text is None else text.encode("utf-8", "replace").decode("utf-8")


def _remember(filename: str, source: str) -> None:
    """So that a traceback can quote it; without a time, nobody looks for a file."""
    linecache.cache[filename] = (len(source), None, source.splitlines(keepends=True), filename)


def _below(trace: TracebackType | None, filename: str) -> TracebackType | None:
    """The part of a traceback that begins in the cell."""
    while trace is not None and trace.tb_frame.f_code.co_filename != filename:
        trace = trace.tb_next
    return trace
