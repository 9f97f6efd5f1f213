"""The promises that have figures (docs/reliability.md), on real processes: in short here, in full with ``-m slow``.

In short only what does not depend on the machine's speed is held to its bar; times get SLACK times theirs.
"""

from __future__ import annotations

import numpy as np
import psutil
import pytest

import farptr as fp
from farptr.worker.shell import CUT_S
from tests.chaos import links
from tests.chaos.measure_detection import CUT_BAR_S, KILL_BAR_S, STOP_BAR_S
from tests.chaos.measures import MEASURES
from tests.conftest import until

TIME = "over the bar: "
"""How a message about times begins."""
SLACK = 10
PROMISES = [name for name in MEASURES if name != "detection"]


def figures(name, *, short):
    """What was measured; fails when anything but a time is wrong, and in the long form then too."""
    found = MEASURES[name](short=short)
    wrong = [what for what in found["wrong"] if not (short and what.startswith(TIME))]
    assert wrong == [], found
    print(found)
    return found


@pytest.mark.parametrize("name", PROMISES)
def test_promises_in_short(base, name):
    assert len(figures(name, short=True)) > 1


def test_detection_in_short(base):
    found = figures("detection", short=True)
    for fault, bar_s in (("kill", KILL_BAR_S), ("stop", STOP_BAR_S), ("cut", CUT_BAR_S)):
        if isinstance(found[fault], str):
            pytest.skip(found[fault])
        assert found[fault]["count"] > 0
        assert found[fault]["worst_ms"] <= SLACK * bar_s * 1e3


def test_a_worker_that_is_cut_does_not_finish_what_it_does(base):
    """Nobody gets it, and who waits for the worker waits for its end."""
    with fp.up("julie") as run:
        if not links.can_cut(run.pids["julie"]):
            pytest.skip("this system does not let one process cut another's connection")
        square = np.ones((2400, 2400), np.int64, like=fp.tensor([1]).send(run["julie"]))
        run.sync()
        log = run._running.info.directory / "logs" / "julie.log"
        square @ square  # integers: without BLAS, for ten seconds or more
        run.flush()
        until(lambda: psutil.Process(run.pids["julie"]).cpu_percent(0.05) > 50)
        links.cut(run.pids["julie"], run._running.info.address)
        with pytest.raises(fp.WorkerLost, match="julie"):
            square.shape  # noqa: B018
        until(lambda: f"still busy {CUT_S:g} s after the connection was cut" in log.read_text())


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("name", MEASURES)
def test_in_full(base, name):
    figures(name, short=False)
