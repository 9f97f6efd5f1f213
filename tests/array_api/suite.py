"""A namespace for the official conformance suite, some hops away: ``hops1``, ``hops2`` and ``hops3`` are modules of it.

The suite imports a module and tests what it finds there. Arrays are made on julie; the chains to it go by way of the
workers before. Each command is waited for (``sync=True``), because the suite expects errors at their line.
"""

from __future__ import annotations

import atexit

import farptr as fp
from farptr.xp.devices import Device
from farptr.xp.namespace import Namespace

WAY = ("carol", "toby", "julie")


def namespace(hops):
    """What the namespace holds whose default device is ``hops`` pointers away; its run ends with this process."""
    run = fp.up(*WAY[-hops:], sync=True)
    atexit.register(run.close)
    found = Namespace(Device(run._session, tuple(worker.number for worker in run)))
    return {**vars(found), "__run__": run}
