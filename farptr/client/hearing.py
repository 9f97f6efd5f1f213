"""What functions at workers print and warn of, shown here under the worker's name.

Law
    Whatever goes wrong with showing it is nobody's failure: answers are taken in all the same.
"""

from __future__ import annotations

import builtins
import contextlib
import re
import sys
import warnings
from collections.abc import Iterable

_LINE = re.compile(r"[^\n\r]*[\n\r]|[^\n\r]+$")


def show(worker: str, text: str, warned: Iterable[tuple[str, str]]) -> None:
    """Print each line as ``[julie] line``, and warn of what there was a warning of."""
    with contextlib.suppress(Exception):
        lines = [line for line in _LINE.findall(text) if line != "\r"]
        if lines:
            sys.stdout.write("".join([f"[{worker}] {line}" for line in lines]))
            sys.stdout.write("" if lines[-1].endswith(("\n", "\r")) else "\n")
            sys.stdout.flush()
    for kind, words in warned:
        try:
            warnings.warn_explicit(f"[{worker}] {words}", _category(kind), f"<function on {worker}>", 1)
        except Warning as warning:  # where warnings are errors: whoever reads answers did nothing wrong
            sys.stderr.write(f"{type(warning).__name__}: {warning}\n")
        except Exception:
            continue


def _category(kind: str) -> type[Warning]:
    found = getattr(builtins, kind, None)
    return found if isinstance(found, type) and issubclass(found, Warning) else UserWarning
