"""A session that nobody holds goes at once, or an interrupted client stays in its run until Python tidies up."""

from __future__ import annotations

import gc
import weakref

from tests.sim.world import World


def test_a_dropped_session_is_in_no_cycle():
    world = World(["julie"], 1)
    gc.collect()
    gc.disable()
    try:
        run = world.add_client()
        session = weakref.ref(run._session)
        world.runs.remove(run)
        del world.sessions[run._session.core.number]
        run._session.core.on_news = None  # leads to the run
        del run
        assert session() is None
    finally:
        gc.enable()
