"""What is said when a program under the virtual clock sleeps by the real one, and when nothing is."""

import time
import warnings

import pytest

from farptr.client.realtime import NOTICED_S, RealTime, RealTimePassed, queued_s, somebody_types


class Clocks:
    """Set by hand: the real clock, the time on processors, the time in their queue."""

    def __init__(self):
        self.wall = self.busy = self.queued = 100.0

    def real_time(self, **more):
        return RealTime(
            **{
                "wall": lambda: self.wall,
                "busy": lambda: self.busy,
                "queued": lambda: self.queued,
                "interactive": False,
            }
            | more
        )

    def passes(self, wall_s, *, busy_s=0.0, queued_s=0.0):
        self.wall += wall_s
        self.busy += busy_s
        self.queued += queued_s


def test_a_sleep_is_noticed_once_at_the_line_that_waits_next():
    clocks = Clocks()
    real = clocks.real_time()
    clocks.passes(2.0)
    with pytest.warns(RealTimePassed, match=r"2.0 s of real time.*sim.sleep\(2.0\)") as told:
        real.end()
    assert told[0].filename == __file__
    real.begin()
    clocks.passes(5.0)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        real.end()


@pytest.mark.parametrize(
    "passed",
    [
        {"wall_s": NOTICED_S * 0.9},
        {"wall_s": 9.0, "busy_s": 8.9},
        {"wall_s": 9.0, "busy_s": 1.0, "queued_s": 7.9},
        {"wall_s": 9.0, "busy_s": 30.0},  # several threads
    ],
    ids=["a moment", "computing", "no processor free", "many processors"],
)
def test_what_is_no_sleep_is_not_noticed(passed):
    clocks = Clocks()
    real = clocks.real_time()
    clocks.passes(**passed)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        real.end()


def test_waiting_for_the_run_counts_for_nothing():
    clocks = Clocks()
    real = clocks.real_time()
    real.end()
    clocks.passes(60.0)
    real.begin()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        real.end()


def test_people_who_type_take_their_time():
    clocks = Clocks()
    real = clocks.real_time(interactive=True)
    clocks.passes(60.0)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        real.end()


def test_ipython_that_is_only_imported_is_nobody_who_types(monkeypatch):
    import IPython

    assert not somebody_types()
    monkeypatch.setattr(IPython, "get_ipython", lambda: object())
    assert somebody_types()


def test_the_real_clocks():
    real = RealTime(interactive=False)
    assert 0 <= queued_s() < time.monotonic()
    real.end()
