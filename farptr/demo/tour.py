"""The notebook on pointer chains as a tour: real processes, and what each line did to them.

Laws
    What is shown is what ran: each line is executed from the very text on the screen.
    Hops are read off the broker's own account (``sim.traffic()`` before and after a call), never written down here.
"""

from __future__ import annotations

import ast
import contextlib
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from rich.rule import Rule
from rich.syntax import Syntax
from rich.text import Text

from farptr.protocol.names import ME

if TYPE_CHECKING:
    from rich.console import Console

    from farptr.client.account import Traffic
    from farptr.client.run import Run

STEPS: tuple[tuple[str, str], ...] = (
    ("Two workers, each a process of its own", 'sim = fp.up("julie", "toby")\njulie, toby = sim'),
    (
        "Send an array: julie has it, a pointer stays here",
        "tensor1 = fp.tensor([2, 3, 4, 5])\ntensor1_ptr = tensor1.send(julie)\ntensor1_ptr",
    ),
    (
        "Send the pointer: a pointer to a pointer",
        "ptr_to_tensor1_ptr = tensor1_ptr.send(toby)\nptr_to_tensor1_ptr",
    ),
    ("Look into the workers", "julie._objects\ntoby._objects"),
    (
        "Unwrap one level: the pointer comes back",
        "tensor_ptr_backwards = ptr_to_tensor1_ptr.get()\ntensor_ptr_backwards",
    ),
    ("And the next one: the data", "tensor1 = tensor_ptr_backwards.get()\ntensor1"),
    ("A chain in one go", "pointer_to_pointer = fp.tensor([123, 13]).send(julie).send(toby)"),
    (
        "Arithmetic on the chain runs where the data is",
        "y = pointer_to_pointer + pointer_to_pointer\njulie._objects\ntoby._objects",
    ),
    ("Only the result is fetched", "y.get().get()"),
    ("Now the operand too: both workers are empty", "pointer_to_pointer.get().get()"),
    ("Data on toby", "tensor1 = fp.tensor([1, 2]).send(toby)\ntensor1"),
    ("Move it: toby pushes it to julie, the client only asks", "tensor1 = tensor1.move(julie)\ntensor1"),
    ("Send the pointer to toby, who then pulls the data himself", "chain = tensor1.send(toby)\nchain.remote_get()"),
    ("Done", "chain.get()"),
)
"""(title, code) of each step."""


class Line(NamedTuple):
    """A statement of a step, and what it did."""

    code: str
    result: str
    """What a prompt would have printed, empty for an assignment."""
    hops: list[str]
    """The routes of its envelopes, call by call, each with the array bytes that went along."""


def main(*, console: Console) -> None:
    """Take the tour: for each step the code, its results and hops, and then what each process holds."""
    import farptr
    from farptr.views.objects import holdings

    scope: dict[str, Any] = {"fp": farptr}
    with contextlib.ExitStack() as stack:
        stack.callback(lambda: scope["sim"].close() if "sim" in scope else None)
        for number, (title, code) in enumerate(STEPS, 1):
            console.print(Rule(Text(f"{number}. {title}", style="bold"), align="left"))
            for line in perform(code, scope):
                _show(console, line)
            console.print(holdings(scope["sim"]))
            console.print()


def perform(code: str, scope: dict[str, Any]) -> Iterator[Line]:
    """Run a step's code, statement by statement as at a prompt, and account for each."""
    for statement in ast.parse(code).body:
        text = ast.get_source_segment(code, statement) or ""
        hops: list[str] = []
        value = None
        for piece in _pieces(statement):
            before = _traffic(scope)
            value = _run(piece, scope)
            after = _traffic(scope)
            hops += [f"{route}{data(before, after)}" for route in routes(before, after)]
        scope.pop("_", None)
        yield Line(text, "" if value is None else repr(value), hops)


def _traffic(scope: dict[str, Any]) -> list[Traffic]:
    run: Run | None = scope.get("sim")
    return run.traffic() if run else []


def _run(piece: ast.stmt, scope: dict[str, Any]) -> Any:
    """Run a statement; the value, if it is an expression, stays in ``_`` for the next call of a chain."""
    if not isinstance(piece, ast.Expr):
        exec(compile(ast.Module([piece], []), "<tour>", "exec"), scope)
        return None
    scope["_"] = eval(compile(ast.Expression(piece.value), "<tour>", "eval"), scope)
    return scope["_"]


def _pieces(statement: ast.stmt) -> Iterator[ast.stmt]:
    """A chain of calls taken apart, so that each has hops of its own: ``a.b().c()`` is ``a.b()``, then ``_.c()``."""
    if not isinstance(statement, ast.Expr | ast.Assign):
        yield statement
        return
    calls: list[ast.expr] = []
    call = statement.value
    while isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute) and isinstance(call.func.value, ast.Call):
        inner = call.func.value
        call.func.value = ast.copy_location(ast.Name("_", ast.Load()), inner)
        calls.insert(0, call)
        call = inner
    *first, statement.value = call, *calls
    yield from (ast.copy_location(ast.Expr(part), part) for part in first)
    yield statement


# ---------------------------------------------------------------- from two accounts to hops


def routes(before: Sequence[Traffic], after: Sequence[Traffic]) -> list[str]:
    """The ways that envelopes took between two accounts: ``me → broker → toby → broker → julie``."""
    left: Counter[tuple[str, str]] = Counter()
    for rows, sign in ((after, 1), (before, -1)):
        for row in rows:
            left[row.source, row.destination] += sign * row.envelopes
    found = []
    while edges := sorted(edge for edge, count in left.items() if count > 0):
        at = next((source for source, _ in edges if source == ME), edges[0][0])
        found.append(" → ".join(_walk(at, left)))
    return list(dict.fromkeys(found))


def _walk(at: str, left: Counter[tuple[str, str]]) -> list[str]:
    """From a party along the envelopes that are left, which it takes out, until there is none or they are home."""
    path = [at]
    while edge := next((e for e in sorted(left) if e[0] == at and left[e] > 0), None):
        left[edge] -= 1
        at = edge[1]
        path += ["broker", at]
        if at == ME:
            break
    return path


def data(before: Sequence[Traffic], after: Sequence[Traffic]) -> str:
    """Array bytes that travelled between two accounts, where there were any: ``   (16 bytes toby → julie)``."""
    known = {row[:3]: row.value_bytes for row in before}
    moved = ((row, row.value_bytes - known.get(row[:3], 0)) for row in after)
    found = [f"{size} bytes {row.source} → {row.destination}" for row, size in moved if size]
    return f"   ({', '.join(found)})" if found else ""


# ---------------------------------------------------------------- the screen


def _show(console: Console, line: Line) -> None:
    code = Syntax("", "python", theme="ansi_dark", background_color="default").highlight(line.code)
    code.rstrip()
    console.print(Text(">>> ", style="dim") + code, soft_wrap=True)
    if line.result:
        console.print(Text(line.result), soft_wrap=True)
    for hops in line.hops:
        console.print(Text("    hops: ", style="dim") + Text(hops, style="cyan"), soft_wrap=True)
