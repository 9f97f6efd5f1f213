"""When a command must carry FENCE: one client sees one program (docs/design.md §4).

Laws
    Two commands can overtake each other only where the later one visits a worker that the earlier one reaches after
    its first hop. A command P needs no FENCE if, for each multi-hop command Q since the last FENCE, one holds:
      a. the same path, and Q is no remote_get;
      b. both are moves, and P moves neither what Q moved nor to where Q moved it (the same id there);
      c. wherever P visits a worker that Q reaches after its first hop, at position i, P's first i workers are Q's
         and P is not there earlier.
    A reply to P shows that whatever came before P on the same links has left them: for every Q issued before P, the
    start that its path shares with P's is behind us.

Single hops, and chains on one path, never pay.
"""

from __future__ import annotations

from collections.abc import Iterable

from farptr.client.graph import Path

OTHER, MOVE, PULL = 0, 1, 2


class Outstanding:
    """The multi-hop commands since the last FENCE, as far as a later command could overtake them."""

    def __init__(self) -> None:
        self._queries: dict[tuple[Path, int], tuple[set[int], int]] = {}
        """By path and kind: the places (worker and id) that moves moved to, and the newest such command's number."""
        self._unknown = False
        """A command went down a path that is not known: the next one is fenced."""
        self.busy = False
        """Whether there is any."""

    def must_fence(self, path: Path | None, kind: int, places: Iterable[int] = ()) -> bool:
        """Whether a command needs FENCE; ``places`` are what a move moves and where to, as worker and id."""
        if self._unknown or path is None:
            return True
        return any(not _may_pass(path, kind, places, q, k, moved) for (q, k), (moved, _) in self._queries.items())

    def clear(self) -> Outstanding:
        """A FENCE stands behind everything so far; what that was, for ``restore``."""
        if not self.busy:
            return NOTHING
        before = Outstanding()
        before._queries, self._queries = self._queries, {}
        before._unknown, self._unknown = self._unknown, False
        self.busy = False
        return before

    def restore(self, before: Outstanding) -> None:
        """The FENCE was taken back."""
        self._unknown |= before._unknown
        for key, (moved, newest) in before._queries.items():
            known, newer = self._queries.get(key, (set(), 0))
            self._queries[key] = (known | moved, max(newest, newer))
        self.busy = bool(self)

    def follows(self, path: Path, number: int) -> bool:
        """``must_fence`` and ``record`` for the next command of one chain, with others on that chain alone before it.

        False when it is not that simple; then nothing was recorded.
        """
        key, queries = (path, OTHER), self._queries
        known = queries.get(key)
        if self._unknown or len(queries) != (known is not None):
            return False
        queries[key] = (set() if known is None else known[0], number)
        self.busy = True
        return True

    def record(self, path: Path | None, kind: int, moved_to: int, number: int) -> None:
        """A command was issued; single hops need no record."""
        if path is None:
            self._unknown = self.busy = True
        elif len(path) > 1:
            self._remember((path, kind), {moved_to}, number)

    def _remember(self, key: tuple[Path, int], moved: set[int], number: int) -> None:
        known, newest = self._queries.get(key, (set(), 0))
        known |= moved
        self._queries[key] = (known, max(newest, number))
        self.busy = True

    def answered(self, path: Path, number: int) -> None:
        """A reply came to the command of that number, on this path."""
        if not path or not self._queries:
            return
        before, self._queries = self._queries, {}
        for (q, kind), (moved, newest) in before.items():
            left = q if kind == PULL or newest > number else q[_shared(q, path) :]
            if len(left) > 1:
                self._remember((left, kind), moved, newest)
        self.busy = bool(self)

    def __len__(self) -> int:
        return len(self._queries) + self._unknown


NOTHING = Outstanding()
"""Shared, and never changed."""


def _shared(q: Path, p: Path) -> int:
    n = 0
    while n < len(q) and n < len(p) and q[n] == p[n]:
        n += 1
    return n


def _may_pass(p: Path, kind: int, places: Iterable[int], q: Path, q_kind: int, moved: set[int]) -> bool:
    if p == q and q_kind != PULL:
        return True
    if kind == MOVE == q_kind and moved.isdisjoint(places):
        return True
    return all(j >= i and p[: i + 1] == q[: i + 1] for i in range(1, len(q)) for j in range(len(p)) if p[j] == q[i])
