"""Which workers a run is to have, as its caller says it."""

from __future__ import annotations

import os
from collections.abc import Mapping

from farptr.protocol.errors import BadName
from farptr.protocol.names import check_names, numbered

Spec = str | int | Mapping[str, str | os.PathLike[str] | None]
"""A name, a count, or names with the files that they load."""


def wanted_workers(workers: tuple[Spec, ...], *, may_be_none: bool = False) -> dict[str, str | None]:
    """Names with files, absolute, or None; raises BadName when they will not do, or there are none."""
    wanted: list[tuple[str, str | None]] = []
    for spec in workers:
        if isinstance(spec, Mapping):
            wanted += [(n, None if path is None else os.path.abspath(path)) for n, path in spec.items()]  # noqa: PTH100
        elif isinstance(spec, int) and not isinstance(spec, bool):
            wanted += [(n, None) for n in numbered(spec)]
        else:
            wanted.append((spec, None))  # type: ignore[arg-type]  # check_names says what is wrong with it
    names = check_names(n for n, _ in wanted)
    if not names and not may_be_none:
        raise BadName("a run needs a worker", hint="fp.up('julie', 'toby')")
    return dict(wanted)
