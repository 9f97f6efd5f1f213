"""Which moments are left out when a cell is interrupted, and when the guard stands."""

from __future__ import annotations

import signal
import sys
import threading

import pytest
from IPython.core.interactiveshell import InteractiveShell

from farptr.notebook import interrupts


def test_the_callers_own_code_is_not_delicate():
    assert not interrupts.is_delicate(sys._getframe())
    assert not interrupts.is_delicate(None)


def test_another_threads_wait_can_be_left():
    held = threading.Condition()
    thread_frame = []

    def wait():
        with held:
            held.wait(5)

    thread = threading.Thread(target=wait)
    thread.start()
    while not thread_frame:
        frame = sys._current_frames().get(thread.ident)
        if frame is not None and frame.f_code is threading.Condition.wait.__code__ and "gotit" in frame.f_locals:
            thread_frame.append(frame)
    assert not interrupts.is_delicate(thread_frame[0])
    with held:
        held.notify_all()
    thread.join()


@pytest.fixture
def shell(monkeypatch):
    import IPython

    shell = InteractiveShell()
    monkeypatch.setattr(IPython, "get_ipython", lambda: shell)
    before = signal.getsignal(signal.SIGINT)
    yield shell
    signal.signal(signal.SIGINT, before)


def test_the_guard_stands_while_a_cell_runs_and_only_in_place_of_pythons_handler(shell):
    signal.signal(signal.SIGINT, signal.default_int_handler)
    interrupts.guard()
    interrupts.guard()
    assert shell.events.callbacks["pre_run_cell"].count(interrupts._before) == 1
    shell.events.trigger("post_run_cell", None)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    shell.events.trigger("pre_run_cell", None)
    assert signal.getsignal(signal.SIGINT) is interrupts.handle
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    shell.events.trigger("pre_run_cell", None)
    assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN


def test_without_ipython_nothing_is_touched(monkeypatch):
    monkeypatch.delitem(sys.modules, "IPython")
    before = signal.getsignal(signal.SIGINT)
    interrupts.guard()
    assert signal.getsignal(signal.SIGINT) is before
