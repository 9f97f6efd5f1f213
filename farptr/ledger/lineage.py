"""Which data was made of which: versions of objects, each with what it was made of.

Laws
    A version is made of versions before it, so one pass finds all that follows from some of them.
    Nothing is forgotten: where it is not known what something was made of, it was made of everything that its worker
    could have taken (``ANYTHING``). So an account may blame too much, never too little.
"""

from __future__ import annotations

from collections.abc import Iterable

from farptr.protocol.torch_names import is_of_torch

RAW, DERIVED = "raw", "derived"
ANYTHING = 0
"""No object: whatever a worker has."""
_KEEPS = frozenset({
    "[]", "reshape", "transpose", "ravel", "flatten", "copy", "squeeze", "swapaxes", "T",
    "take", "diagonal", "astype", "positive", "flip", "roll", "sort", "repeat",
})  # fmt: skip
"""Operations whose result is values of their one operand as they are: all, some, or in another order."""
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


class Lineage:
    """Versions by number, and which one each name stands for now."""

    def __init__(self) -> None:
        self.parents: list[tuple[int, ...]] = []
        self.origins: list[frozenset[Origin]] = []
        self.raw: list[bool] = []
        self.names: list[int] = []
        self.labels: dict[int, set[str]] = {}
        """Labels of versions: names of data, published names, tags."""
        self.labelled = 0
        """How often something got a label."""
        self._plain: dict[Origin, int] = {}
        self._ways: dict[str, tuple[bool, bool]] = {}
        """Of operations: whether torch's, and whether they keep values."""
        self.called: dict[int, str] = {}
        """The newest label of each name."""
        self.now: dict[int, int] = {}
        self.points: dict[int, int] = {}
        """Names that hold pointers, and to what."""
        self._sets: dict[frozenset[Origin], frozenset[Origin]] = {}
        self._tainted: dict[int, int] = {}
        """Workers on which code ran that nobody sees into, and a version that is made of all they had."""
        self.ids: dict[int, int] = {}
        """Of names that have a generation, the newest by worker and id."""

    def new(self, name: int, parents: Iterable[int], *, raw: bool = False, own: Iterable[Origin] = ()) -> int:
        """A version, made of others and of origins of its own; ``name`` stands for it from now on."""
        made_of = tuple(dict.fromkeys(parents))
        if len(made_of) == 1 and not own:
            origins = self.origins[made_of[0]]
        else:
            origins = frozenset(own).union(*[self.origins[p] for p in made_of])
        self.parents.append(made_of)
        self.origins.append(self._sets.setdefault(origins, origins))
        self.raw.append(raw)
        self.names.append(name)
        version = len(self.parents) - 1
        if name:
            self.now[name] = version
            if name >> 64:
                self.ids[name & _PLACE] = name
            self.points.pop(name, None)
        return version

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
            version = self.new(name, (version, tainted), raw=self.raw[version])  # it may be what it was, too
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
        self.new(new, (version,), raw=self.raw[version])

    def call(self, made: list[int], used: list[int], operation: str, own: list[Origin]) -> None:
        """An operation made results, or changed its first operand."""
        way = self._ways.get(operation)
        if way is None:
            keeps = operation.removeprefix("np:").lstrip(".=") in _KEEPS
            way = self._ways[operation] = (is_of_torch(operation), keeps)
        if way[0]:
            self._call_of_torch(made, used, operation, own)
            return
        versions = [self.of(name) for name in used]
        keeps = way[1] and len(versions) == 1 and not own
        raw = keeps and self.raw[versions[0]]
        for name in made:
            self.new(name, versions, raw=raw, own=own)
        if not made and used:
            self._change(used[0], versions, own)

    def _call_of_torch(self, made: list[int], used: list[int], operation: str, own: list[Origin]) -> None:
        """As ``call``. Graphs and views reach further than operands: what changes anything may have changed all."""
        hidden = not made or not _HIDDEN.isdisjoint(operation.split("."))
        if hidden and used:
            worker = owner_of(self._end_of(used[0]))
            self._tainted[worker] = self.new(0, self._had(worker, used))
        versions = [self.of(name) for name in used]
        for name in made:
            self.new(name, versions, own=own)

    def _end_of(self, name: int) -> int:
        for _ in range(_HOPS):
            if name not in self.points:
                break
            name = self.points[name]
        return name

    def _change(self, name: int, versions: list[int], own: Iterable[Origin]) -> None:
        self.new(self._end_of(name), versions, own=own)

    def anything(self, worker: int, used: Iterable[int]) -> int:
        """Code ran on a worker that nobody sees into: whatever it has from now on may be made of all it had."""
        version = self.new(0, self._had(worker, used), own=[(worker, ANYTHING)])
        for name in used:
            self._change(name, [version], ())
        self._tainted[worker] = version
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
