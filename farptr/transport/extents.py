"""Which bytes of a channel are free: first fit from the low end, so that little memory is ever touched.

Laws
    1. What was taken and not given back never overlaps.
    2. Free extents are sorted, apart from each other, and together with what is taken they are all there is.
"""

from __future__ import annotations

from bisect import bisect_left

ALIGN_BYTES = 4096


class Extents:
    """The free bytes of ``size_bytes``, in pages."""

    def __init__(self, size_bytes: int) -> None:
        self.size_bytes = size_bytes - size_bytes % ALIGN_BYTES
        self._free: list[tuple[int, int]] = [(0, self.size_bytes)] if self.size_bytes else []
        """(begin, end) of each."""
        self._taken: dict[int, int] = {}
        """Begin to end."""

    def take(self, size_bytes: int) -> int | None:
        """The offset of that many bytes, at least one; None when there are not so many together."""
        wanted = -(-size_bytes // ALIGN_BYTES) * ALIGN_BYTES
        for at, (begin, end) in enumerate(self._free):
            if end - begin >= wanted:
                left = [(begin + wanted, end)] if end - begin > wanted else []
                self._free[at : at + 1] = left
                self._taken[begin] = begin + wanted
                return begin
        return None

    def give(self, offset: int) -> None:
        """Give back what ``take`` gave."""
        begin, end = offset, self._taken.pop(offset)
        at = bisect_left(self._free, (begin, end))
        last = at
        if last < len(self._free) and self._free[last][0] == end:
            end = self._free[last][1]
            last += 1
        if at and self._free[at - 1][1] == begin:
            at -= 1
            begin = self._free[at][0]
        self._free[at:last] = [(begin, end)]

    def end_of(self, offset: int) -> int:
        """Where the extent ends that begins here."""
        return self._taken[offset]

    @property
    def empty(self) -> bool:
        """Whether nothing is taken."""
        return not self._taken

    def check(self) -> None:
        """Assert the laws."""
        spans = sorted([*self._free, *self._taken.items()])
        at = 0
        for begin, end in spans:
            assert begin == at, f"a gap or an overlap at {at}: {spans}"
            assert end > begin, f"an empty extent at {begin}"
            at = end
        assert at == self.size_bytes, f"{spans} are not all of {self.size_bytes} bytes"
        assert self._free == sorted(self._free), "free extents are not sorted"
        ends = {end for _, end in self._free}
        assert not ends & {begin for begin, _ in self._free}, "free extents that touch"
