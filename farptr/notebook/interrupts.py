"""Interrupts of a notebook's cells (``client.interrupts``): the handler stands while a cell runs in IPython.

A kernel sets Python's own handler before each cell, and another one between them.
"""

from __future__ import annotations

import sys
from typing import Any

from farptr.client.interrupts import forget, install, restore


def guard() -> None:
    """Guard the cells of the IPython that this is, if it is one, from the running one on. Again does nothing."""
    ipython: Any = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython else None
    if shell is None or _before in shell.events.callbacks["pre_run_cell"]:
        return
    shell.events.register("pre_run_cell", _before)
    shell.events.register("post_run_cell", _after)
    _before()


def _before(*_: Any) -> None:
    install()


def _after(*_: Any) -> None:
    forget()  # the cell is over, and nobody is to be interrupted
    restore()
