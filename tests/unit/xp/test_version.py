"""Which NumPy the standard takes, and which versions of the standard there are."""

import numpy as np
import pytest

from farptr.protocol.errors import UnsupportedOperation, UsageError
from farptr.xp.namespace import check_version


def test_an_older_numpy_is_refused(monkeypatch):
    monkeypatch.setattr(np, "__version__", "1.26.4")
    with pytest.raises(UnsupportedOperation, match=r"NumPy 1.26.4 lacks .*\n.*2\.1\.0"):
        check_version(None)


def test_other_versions_of_the_standard_are_refused(monkeypatch):
    monkeypatch.setattr(np, "__version__", "2.1.0")
    check_version("2024.12")
    with pytest.raises(UsageError, match="2031"):
        check_version("2031.12")
