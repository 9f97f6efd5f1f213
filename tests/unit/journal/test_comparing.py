"""Two journals, and where they first differ."""

from __future__ import annotations

import pytest

from farptr.journal.comparing import KEPT, first_difference
from farptr.journal.records import Came
from farptr.protocol.errors import JournalError
from tests.unit.journal.test_files import journal, payloads


def written(tmp_path, name, records, **how):
    (tmp_path / name).mkdir()
    path, _ = journal(tmp_path / name, records, **how)
    return path


def test_the_first_that_differs_and_what_came_before(tmp_path):
    records = payloads(20)
    other = [*records[:11], records[15], *records[12:]]
    one, two = written(tmp_path, "one", records), written(tmp_path, "two", other)
    assert first_difference(one, one) is None
    found = first_difference(one, two)
    assert (found.number, len(found.before)) == (12, KEPT)
    assert found.one != found.other


def test_one_that_ends_before_the_other_differs(tmp_path):
    one, two = written(tmp_path, "one", payloads(3)), written(tmp_path, "two", payloads(4))
    found = first_difference(one, two)
    assert found.one.what == "end"
    assert isinstance(found.other, Came)


@pytest.mark.parametrize("cut", [(0,), (1,), (0, 1)])
def test_what_was_cut_off_is_neither_alike_nor_different(tmp_path, cut):
    """As by a disk that filled up in the second run: it says nothing of the program."""
    paths = [written(tmp_path, str(n), payloads(5)[: 8 if n in cut else None], ended=n not in cut) for n in range(2)]
    with pytest.raises(JournalError, match="cannot be compared"):
        first_difference(*paths)
