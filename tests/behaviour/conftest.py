"""Chains of every depth and kind, for the tests of what goes along them."""

from __future__ import annotations

import pytest

NAMES = ("julie", "toby", "alice", "bob")


@pytest.fixture(params=[1, 2, 3, 4])
def depth(request):
    return request.param


@pytest.fixture(params=["distinct", "to and fro", "one"])
def way(request, cluster, depth):
    """The workers of a chain: all different, two in turns, or one alone."""
    workers = list(cluster(*NAMES))
    chosen = {"distinct": workers, "to and fro": [workers[0], workers[1]] * 2, "one": [workers[0]] * 4}
    return chosen[request.param][:depth]
