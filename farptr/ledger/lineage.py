"""Which data was made of which: versions of objects, each with what it was made of.

Laws
    A version is made of versions before it, so one pass finds all that follows from some of them.
    Nothing is forgotten: where it is not known what something was made of, it was made of everything that its worker
    could have taken (``ANYTHING``). So an account may blame too much, never too little.
    What only may be in something makes no aggregate of it: after code that nobody sees into, ``sure`` has the owners of
    what that code was given.
    Who changes an array changes what shares its memory.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from farptr.journal.lineage import PARTLY
from farptr.ledger.operations import keeps_values, sets_part, shares_memory
from farptr.ledger.torch_operations import changes_all_of_torch, keeps_values_of_torch
from farptr.protocol.torch_names import is_of_torch

ANYTHING = 0
"""No object: whatever a worker has."""
_HIDDEN = frozenset(
    """
    batch_norm instance_norm embedding embedding_bag native_batch_norm _native_batch_norm_legit rrelu_with_noise
    fused_moving_avg_obs_fake_quant
    """.split()
)
"""Functions of torch that change operands, and give results all the same."""
_HOPS = 64
_PLACE = (1 << 64) - 1
"""The part of a name that says worker and id."""

Origin = tuple[int, int]
"""(party, name of an object, or ANYTHING)."""
_NONE: frozenset[Any] = frozenset()


class _Group:
    """Arrays that may share memory; a union-find."""

    __slots__ = ("changed", "part_of")

    def __init__(self) -> None:
        self.part_of: _Group | None = None
        self.changed = -1
        """The newest version that was made by a change of one of them."""

    def whole(self) -> _Group:
        group = self
        while group.part_of is not None:
            if group.part_of.part_of is not None:
                group.part_of = group.part_of.part_of
            group = group.part_of
        return group


class Lineage:
    """Versions by number, and which one each name stands for now."""

    def __init__(self) -> None:
        self.parents: list[tuple[int, ...]] = []
        self.origins: list[frozenset[Origin]] = []
        self.raw: list[frozenset[Origin]] = []
        """Of each version, the origins whose values are in it as they are."""
        self.sure: list[frozenset[int]] = []
        """The parties whose data is in it for certain."""
        self.names: list[int] = []
        self.labels: dict[int, set[str]] = {}
        """Labels of versions: names of data, published names, tags."""
        self.labelled = 0
        """How often something got a label."""
        self._plain: dict[Origin, int] = {}
        self._ways: dict[str, tuple[bool, bool, bool]] = {}
        """Of operations: whether torch's, whether values stay as they are, whether results share memory."""
        self._groups: dict[int, _Group] = {}
        """Names of arrays that may share memory with others."""
        self.called: dict[int, str] = {}
        """The newest label of each name."""
        self.now: dict[int, int] = {}
        self.points: dict[int, int] = {}
        """Names that hold pointers, and to what."""
        self._sets: dict[frozenset[Any], frozenset[Any]] = {}
        self._tainted: dict[int, int] = {}
        """Workers on which code ran that nobody sees into, and a version that is made of all they had."""
        self._unsure: set[int] = set()
        """Those of these versions that may be in nothing."""
        self.ids: dict[int, int] = {}
        """Of names that have a generation, the newest by worker and id."""

    def new(
        self,
        name: int,
        parents: Iterable[int],
        *,
        raw: bool = False,
        own: Iterable[Origin] = (),
        sure: Iterable[int] | None = None,
    ) -> int:
        """A version, made of others and of origins of its own; ``name`` stands for it from now on.

        ``raw``: it has their values as they are, as far as they had any. ``sure``: those of them that are in it for
        certain, if not all are.
        """
        made_of = tuple(dict.fromkeys(parents))
        own = tuple(own)
        self.origins.append(self._union(self.origins, made_of, own))
        self.raw.append(self._union(self.raw, made_of, own) if raw else _NONE)
        certain = made_of if sure is None else tuple(sure)
        self.sure.append(self._union(self.sure, certain, [owner for owner, id in own if id != ANYTHING]))
        self.parents.append(made_of)
        self.names.append(name)
        version = len(self.parents) - 1
        if name:
            self.now[name] = version
            if name >> 64:
                self.ids[name & _PLACE] = name
            self.points.pop(name, None)
        return version

    def _union(self, sets: list[frozenset[Any]], versions: tuple[int, ...], own: Sequence[Any]) -> frozenset[Any]:
        """That of these versions, and these; sets that are equal are one."""
        first = sets[versions[0]] if versions else _NONE
        if not own and all(sets[version] is first for version in versions):
            return first
        found = first.union(own, *[sets[version] for version in versions[1:]])
        return self._sets.setdefault(found, found)

    def of(self, name: int) -> int:
        """The version of the data at the end of a name; data that nobody sent is its worker's own."""
        for _ in range(_HOPS):
            target = self.points.get(name)
            if target is None:
                break
            name = target
        version = self.now.get(name)
        if version is None:
            version = self.new(name, (), raw=True, own=[(owner_of(name), name)])
        tainted = self._tainted.get(owner_of(name))
        if tainted is not None and tainted > version:
            sure = [version] if tainted in self._unsure else None
            version = self.new(name, (version, tainted), raw=True, sure=sure)  # it may be what it was, too
        group = self._groups.get(name)
        if group is not None and (changed := group.whole().changed) > version:
            version = self.new(name, (version, changed), raw=True, sure=[version])
        return version

    def point(self, name: int, target: int) -> None:
        """A name holds a pointer from now on."""
        if name != target:
            self.points[name] = target
            if name >> 64:
                self.ids[name & _PLACE] = name

    def held(self, worker: int, id: int) -> int | None:
        """The newest name of what a listing calls by that id; None when nothing is known of it."""
        place = worker << 40 | id
        return self.ids.get(place, place if place in self.now or place in self.points else None)

    def plain(self, origin: Origin) -> int:
        """Values that nothing holds, all of them of one origin."""
        version = self._plain.get(origin)
        if version is None:
            version = self._plain[origin] = self.new(0, (), raw=True, own=[origin])
        return version

    def copy(self, new: int, old: int) -> None:
        """A name has the same contents as another; both go their own ways from now on."""
        target = self.points.get(old)
        if target is not None and target != new:
            self.point(new, target)
            return
        version = self.of(old)
        self.new(new, (version,), raw=True)

    def call(self, made: list[int], used: list[int], operation: str, own: list[Origin]) -> None:
        """An operation made results, or changed its first operand."""
        way = self._ways.get(operation)
        if way is None:
            keeps = sets_part(operation) if operation.startswith("=") else keeps_values(operation)
            keeps = keeps or operation.endswith(PARTLY)
            way = self._ways[operation] = (is_of_torch(operation), keeps, shares_memory(operation))
        if way[0]:
            self._call_of_torch(made, used, operation, own)
            return
        versions = [self.of(name) for name in used]
        for name in made:
            if name in used:  # it is the operation's ``out``
                self._change(name, versions, own, raw=way[1])
                continue
            self.new(name, versions, raw=way[1], own=own)
            if way[2]:
                self._share(name, used)
        if not made and used:
            self._change(used[0], versions, own, raw=way[1])

    def _share(self, name: int, used: list[int]) -> None:
        """A result may share memory with any operand."""
        group = self._groups[name] = _Group()
        for other in dict.fromkeys(map(self._end_of, used)):
            its = self._groups.get(other)
            if its is None:
                self._groups[other] = group
                continue
            its = its.whole()
            if its is not group:
                changes = [found.changed for found in (its, group) if found.changed >= 0]
                group.part_of = its
                its.changed = changes[0] if len(changes) == 1 else self.new(0, changes, raw=True) if changes else -1
                group = its

    def _call_of_torch(self, made: list[int], used: list[int], operation: str, own: list[Origin]) -> None:
        """As ``call``. Graphs and views reach further than operands: what changes anything may have changed all."""
        hidden = not made or not _HIDDEN.isdisjoint(operation.split("."))
        if hidden and used:
            self._reached(owner_of(self._end_of(used[0])), used)
        versions = [self.of(name) for name in used]
        for name in made:
            self.new(name, versions, raw=keeps_values_of_torch(operation), own=own)
        if not made and used:
            self._change(used[0], versions, own, raw=not changes_all_of_torch(operation))

    def _reached(self, worker: int, used: list[int]) -> None:
        """All that a worker has may have been changed, and may have got values of operands as they are.

        What it has counts as made of its own data for certain, as models trained there are, but of nobody else's.
        """
        given = tuple(self.of(name) for name in used)
        had = self._had(worker, used)
        version = self.new(0, had, sure=())
        self.raw[version] = self._union(self.raw, given[1:], ())
        if any(worker in self.sure[v] for v in had):
            self.sure[version] = frozenset({worker})
        self._tainted[worker] = version

    def _end_of(self, name: int) -> int:
        for _ in range(_HOPS):
            if name not in self.points:
                break
            name = self.points[name]
        return name

    def _change(self, name: int, versions: Sequence[int], own: Iterable[Origin], *, raw: bool) -> None:
        """The data at the end of a name is another one, and so may be what shares its memory."""
        end = self._end_of(name)
        version = self.new(end, versions, raw=raw, own=own)
        group = self._groups.get(end)
        if group is not None:
            group.whole().changed = version

    def anything(self, worker: int, used: Iterable[int]) -> int:
        """Code ran on a worker that nobody sees into: whatever it has from now on may be made of all it had."""
        given = [self.of(name) for name in used]
        version = self.new(0, self._had(worker, used), own=[(worker, ANYTHING)], sure=given)
        for name in used:
            self._change(name, [version], (), raw=False)
        self._tainted[worker] = version
        self._unsure.add(version)
        return version

    def run(self, worker: int, made: list[int], used: list[int], own: list[Origin]) -> None:
        """A function that a client wrote ran where the operands lead (without any: on that worker)."""
        version = self.anything(owner_of(self._end_of(used[0])) if used else worker, used)
        for name in made:
            self.new(name, [version], own=own)

    def _had(self, worker: int, used: Iterable[int]) -> list[int]:
        """Versions of all that a worker is known to have, and of these."""
        return [*[v for name, v in self.now.items() if owner_of(name) == worker], *map(self.of, used)]

    def label(self, name: int, text: str) -> None:
        """A name for data, from now on."""
        self.labelled += 1
        self.labels.setdefault(self.of(name), set()).add(text)
        self.called[name] = text

    def following(self, sources: Iterable[int]) -> bytearray:
        """For each version, whether it is one of these or made of one."""
        seen = bytearray(len(self.parents))
        for version in sources:
            seen[version] = 1
        for version, parents in enumerate(self.parents):
            if not seen[version] and parents:
                for parent in parents:
                    if seen[parent]:
                        seen[version] = 1
                        break
        return seen


def owner_of(name: int) -> int:
    """The party at which an object of that name lives."""
    return name >> 40 & 0xFFFFFF
