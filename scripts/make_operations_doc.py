"""Write the list of operations in docs/semantics.md from its table: ``python scripts/make_operations_doc.py``.

Only what stands between the two marks is written.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from farptr.protocol import operations as table

PAGE = Path(__file__).parents[1] / "docs" / "semantics.md"
BEGIN, END = "<!-- operations: begin -->", "<!-- operations: end -->"
WIDTH = 115
SYMBOLS = {
    "add": "+", "sub": "-", "mul": "*", "truediv": "/", "floordiv": "//", "mod": "%", "pow": "**", "matmul": "@",
    "and": "&", "or": "|", "xor": "^", "lshift": "<<", "rshift": ">>", "divmod": "divmod()",
    "eq": "==", "ne": "!=", "lt": "<", "le": "<=", "gt": ">", "ge": ">=",
    "neg": "-", "pos": "+", "abs": "abs()", "invert": "~",
}  # fmt: skip
"""How Python writes an operator, by the middle of its dunder name."""


def with_list(text: str) -> str:
    """The page's text with the list as the table has it now."""
    before, rest = text.split(BEGIN)
    _, after = rest.split(END)
    return f"{before}{BEGIN}\n{''.join(_sections())}{END}{after}"


def _sections() -> Iterator[str]:
    yield _section("Operators, in both orders; all but `divmod()` in place too", _symbols(table.OPERATORS))
    yield _section("Comparisons, element by element", _symbols(table.COMPARISONS))
    yield _section("Unary operators", _symbols(table.UNARY))
    yield _section("Indexing", ["p[...]", "p[...] = value", "for row in p", "value in p", "len(p)"])
    yield _section("Attributes that give pointers", table.ATTRIBUTES)
    yield _section("Methods", sorted(table.METHODS))
    yield _section("Methods in place", sorted(table.INPLACE_METHODS))
    yield _section("Ufuncs", sorted(table.UFUNCS))
    yield _section("Of each ufunc that NumPy has it for", [*table.UFUNC_METHODS, "at", "out="])
    top = [name for name in table.FUNCTIONS if "." not in name]
    yield _section("Functions of `numpy`", sorted(top))
    for module in ("linalg", "fft", "emath", "char", "strings", "lib", "polynomial"):
        names = [name.partition(".")[2] for name in table.FUNCTIONS if name.startswith(f"{module}.")]
        yield _section(f"Functions of `numpy.{module}`", sorted(names))
    yield _section("Functions in place", sorted(table.IN_PLACE_FUNCTIONS))
    yield _section("Functions of shape and dtype, answered by NumPy's own values", sorted(table.ABOUT))
    yield _section("Functions whose one truth value comes home", table.VALUES)
    yield _section("Questions about the data", sorted(set(table.QUESTIONS) - {"index", "item", "len"}))


def _symbols(names: Iterable[str]) -> list[str]:
    return [SYMBOLS[name] for name in names]


def _section(title: str, names: Iterable[str]) -> str:
    lines, line = [], ""
    for name in names:
        word = f"`{name}`"
        if len(line) + len(word) + 1 > WIDTH:
            lines.append(line)
            line = ""
        line = f"{line} {word}".strip()
    return f"\n**{title}**\n\n" + "\n".join([*lines, line]) + "\n"


if __name__ == "__main__":
    PAGE.write_text(with_list(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
