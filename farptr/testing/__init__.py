"""farptr in a pytest suite: a plugin that pytest finds by itself (docs/pytest.md).

Importing this package needs neither pytest nor NumPy nor ZeroMQ; its module ``plugin`` needs pytest.
"""

from __future__ import annotations

__all__ = ["RunLeftOpen"]


class RunLeftOpen(UserWarning):
    """A test opened a run and did not close it; the plugin did."""
