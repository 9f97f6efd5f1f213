"""Which pointer of several is meant: by worker, never by its place among the others.

Law
    Operands meet by worker: the first of one at julie with the first of the other at julie, whatever their places.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from farptr.client.pointer import Pointer
from farptr.protocol.errors import NotCollocated, UnknownWorker, UsageError

if TYPE_CHECKING:
    from farptr.client.multi import MultiPointer
    from farptr.client.workers import Worker


def beside_one(several: MultiPointer) -> NotCollocated:
    """The error for a plain pointer beside a MultiPointer."""
    names = ", ".join(w.name for w in several.locations)
    return NotCollocated(
        f"a pointer to one worker beside pointers to several ({names})",
        hint="mp['julie'] is the one at julie; the local value (p.get_copy()) goes to each",
    )


def matched(first: MultiPointer, other: MultiPointer) -> Sequence[Pointer]:
    """The other's pointers in the order of the first one's workers; raises NotCollocated."""
    if other is first:
        return first.pointers
    ours, theirs = Counter(first.locations), Counter(other.locations)
    if ours != theirs:
        odd = [w for w in ours | theirs if ours[w] != theirs[w]]
        which = "; ".join(f"{ours[w] or 'none'} on {w.name} against {theirs[w] or 'none'}" for w in odd)
        raise NotCollocated(
            f"the operands are on different workers: {which}", hint="fp.combine_pointers(p, q) makes one that matches"
        )
    waiting: dict[Any, deque[Pointer]] = {worker: deque() for worker in theirs}
    for pointer, worker in zip(other.pointers, other.locations, strict=True):
        waiting[worker].append(pointer)
    return [waiting[worker].popleft() for worker in first.locations]


def pointer_at(pointers: Sequence[Pointer], worker: str | Worker) -> Pointer:
    """The one pointer to a worker; raises UnknownWorker, or UsageError when there are several."""
    found = [p for p in pointers if worker in (p.location, p.location.name)]
    if len(found) == 1:
        return found[0]
    name = worker if isinstance(worker, str) else worker.name
    if found:
        raise UsageError(f"{len(found)} of these pointers lead to {name}", hint="mp.pointers[0] is the first of all")
    here = ", ".join(dict.fromkeys(p.location.name for p in pointers))
    raise UnknownWorker(f"none of these pointers leads to {name!r}", hint=f"they lead to {here}")


def check_room(pointers: Iterable[Pointer]) -> None:
    """Raise UsageError when two different objects have one id: at one worker the second would replace the first."""
    seen: dict[int, Pointer] = {}
    for pointer in pointers:
        other = seen.setdefault(pointer.id_at_location, pointer)
        one, two = other._node, pointer._node
        if one.worker != two.worker and (one.target is None or one.target is not two.target):
            raise UsageError(
                f"{other._text()} and {pointer._text()} have one id: at one worker one would replace the other",
                hint="mp.copy().move(…): copies have ids of their own",
            )
