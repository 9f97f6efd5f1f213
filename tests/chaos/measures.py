"""Each promise of a figure, and how it is measured: ``MEASURES[name](short)`` gives figures, and ``wrong``."""

from __future__ import annotations

from tests.chaos.measure_detection import detection
from tests.chaos.measure_duplicates import duplicates
from tests.chaos.measure_exit import exits
from tests.chaos.measure_hops import hops
from tests.chaos.measure_identity import identity
from tests.chaos.measure_lifetimes import lifetimes
from tests.chaos.measure_sizes import sizes
from tests.chaos.measure_slow import slow
from tests.chaos.measure_sockets import sockets

MEASURES = {
    "detection": detection,
    "hops": hops,
    "lifetimes": lifetimes,
    "duplicates": duplicates,
    "slow": slow,
    "sizes": sizes,
    "exits": exits,
    "sockets": sockets,
    "identity": identity,
}
