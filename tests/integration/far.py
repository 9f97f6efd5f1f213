"""Workers and clients that join over TCP, as from another machine."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys

from tests.conftest import until
from tests.integration.commands import ROOT

FARPTR = [sys.executable, "-m", "farptr"]


def has(run, name):
    """Whether the worker is here; news that the broker had before come before its answer."""
    run._session.ask_broker("parties")
    return name in run


@contextlib.contextmanager
def worker(run, name, key, *options, address=None, prefix=(), wait=True):
    """A worker of the run by its TCP address, in a process of its own, until the block is over."""
    words = [*prefix, *FARPTR, "worker", name, "--connect", address or run.bound, "--key", str(key), *options]
    env = os.environ | {"PYTHONPATH": str(ROOT)}
    process = subprocess.Popen(words, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        if wait:
            until(lambda: process.poll() is not None or has(run, name))
            assert process.poll() is None, process.stdout.read()
        yield process
    finally:
        process.kill()
        process.communicate()
