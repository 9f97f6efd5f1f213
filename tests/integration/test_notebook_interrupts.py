"""Interrupts between any two bytecodes leave a session usable, where they are guarded."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).with_name("interrupted.py")


def interrupted(seed, hits, *more):
    command = [sys.executable, str(SCRIPT), str(seed), str(hits), *more]
    return subprocess.run(command, capture_output=True, text=True, timeout=100, check=False)


@pytest.mark.parametrize("seed", [1, 2])
def test_a_session_stands_hundreds_of_interrupts(seed):
    done = interrupted(seed, 200)
    assert done.stdout == "begun\n200 usable\n", done.stderr
    assert "KeyboardInterrupt" not in done.stderr, "one was raised where nobody could catch it"


@pytest.mark.slow
def test_a_session_stands_thousands_of_interrupts():
    done = interrupted(3, 5000)
    assert done.stdout == "begun\n5000 usable\n", done.stderr


def test_unguarded_it_does_not_so_the_check_can_fail():
    assert interrupted(1, 1000, "plain").stdout == "begun\n"
