"""When the handler of interrupts stands in a notebook."""

from __future__ import annotations

import signal
import sys

import pytest
from IPython.core.interactiveshell import InteractiveShell

from farptr.client.interrupts import handle
from farptr.notebook import interrupts


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
    assert signal.getsignal(signal.SIGINT) is handle
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    shell.events.trigger("pre_run_cell", None)
    assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN


def test_without_ipython_nothing_is_touched(monkeypatch):
    monkeypatch.delitem(sys.modules, "IPython")
    before = signal.getsignal(signal.SIGINT)
    interrupts.guard()
    assert signal.getsignal(signal.SIGINT) is before
