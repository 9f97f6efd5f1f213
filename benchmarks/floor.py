"""The floor, where it was first: it is in ``farptr.bench.floor`` now, so that ``farptr bench`` has it too."""

from farptr.bench.floor import CLIENT, WORKER, Floor, floor

__all__ = ["CLIENT", "WORKER", "Floor", "floor"]
