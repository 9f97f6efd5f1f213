"""Fixtures of the tests that use the command line."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import tempfile
from pathlib import Path

import pexpect
import pytest

from farptr.launch.rundir import list_runs
from farptr.launch.stop import stop
from tests.integration.commands import FARPTR, PATIENCE_S, ROOT


@pytest.fixture
def base(monkeypatch):
    """A runtime directory of this test's own; runs that it leaves are ended."""
    path = Path(tempfile.mkdtemp(prefix="fp-", dir="/tmp"))
    for variable in list(os.environ):
        if variable.startswith("FARPTR_") or variable in ("NO_COLOR", "FORCE_COLOR", "COLUMNS"):
            monkeypatch.delenv(variable)
    monkeypatch.setenv("FARPTR_RUNTIME_DIR", str(path))
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    yield path
    for info in list_runs():
        stop(info.name)
    shutil.rmtree(path)


@pytest.fixture
def terminal(base):
    """Start commands on a terminal; all are ended."""
    started = []

    def spawn(*arguments, **variables):
        env = os.environ | variables
        words = [*FARPTR[1:], *map(str, arguments)]
        child = pexpect.spawn(FARPTR[0], words, env=env, encoding="utf-8", timeout=PATIENCE_S)
        child.setwinsize(40, 160)
        started.append(child)
        return child

    yield spawn
    for child in started:
        if child.isalive():
            child.kill(signal.SIGTERM)
            with contextlib.suppress(pexpect.TIMEOUT):
                child.expect(pexpect.EOF, timeout=5)
        child.close(force=True)
