"""``cli.lost``: no Ctrl-C is printed and forgotten."""

from __future__ import annotations

import signal
import time
import weakref

import pytest

from farptr.cli.lost import none_lost


class Thing:
    pass


def test_one_that_comes_in_a_callback_comes_again(capfd):
    def command():
        thing = Thing()
        reference = weakref.ref(thing, lambda _: signal.raise_signal(signal.SIGINT))
        del thing
        assert reference() is None
        time.sleep(10)

    with pytest.raises(KeyboardInterrupt), none_lost():
        command()
    assert "Exception ignored" not in capfd.readouterr().err


def test_other_exceptions_are_told_as_before(monkeypatch):
    told = []
    monkeypatch.setattr("sys.unraisablehook", lambda unraisable: told.append(unraisable.exc_type))
    thing = Thing()
    reference = weakref.ref(thing, lambda _: 1 / 0)
    with none_lost():
        del thing
    assert reference() is None
    assert told == [ZeroDivisionError]
