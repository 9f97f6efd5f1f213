"""Names of workers and runs: one rule for both, and what to say when a name is not known."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable

from farptr.protocol.errors import BadName, UnknownWorker

ME = "me"
BROKER = "broker"
RESERVED = (ME, BROKER)
FAR = "tcp://"
"""How the host of a party begins that joined over the network; no machine is called so."""
_RULE = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,31}")


def check_name(name: str, what: str = "worker") -> str:
    """The name itself, when it is legal for a worker (or run); raises BadName otherwise."""
    if not isinstance(name, str) or not _RULE.fullmatch(name):
        raise BadName(
            f"{name!r} is not a legal name for a {what}",
            hint="a letter, then up to 31 letters, digits, '_' or '-'",
        )
    if what == "worker" and name in RESERVED:
        raise BadName(f"{name!r} is reserved", hint=f"{ME!r} is the client and {BROKER!r} the broker")
    return name


def check_names(names: Iterable[str]) -> list[str]:
    """The names as a list, each legal and no two alike; raises BadName otherwise."""
    seen: list[str] = []
    for name in names:
        check_name(name)
        if name in seen:
            raise BadName(f"two workers would be called {name!r}", hint="give each worker a name of its own")
        seen.append(name)
    return seen


def numbered(count: int) -> list[str]:
    """Names w1 … wN for a count of workers."""
    return [f"w{i}" for i in range(1, count + 1)]


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """A hint for a name that is not known: the nearest known one, else all of them."""
    names = sorted(known)
    near = difflib.get_close_matches(str(name), names, n=1, cutoff=0.6)
    if near:
        return f"did you mean {near[0]!r}?"
    return f"there is {', '.join(names)}" if names else "there is none"


def unknown_worker(name: object, known: Iterable[str]) -> UnknownWorker:
    """The error for a worker that the run does not have."""
    return UnknownWorker(f"no worker called {name!r} in this run", hint=did_you_mean(str(name), known))
