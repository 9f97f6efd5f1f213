"""What leaves a turn, where it would be too large."""

from __future__ import annotations

import pytest

from farptr.protocol import body as bodies
from farptr.protocol.body import MAX_BODY_BYTES
from farptr.protocol.commands import FAILED, FOUND, PLAIN, VALUE
from farptr.protocol.errors import Report
from farptr.protocol.header import names_of
from farptr.worker.outbox import Outbox


@pytest.mark.parametrize("status", [VALUE, PLAIN, FOUND])
def test_an_answer_that_fits_no_envelope_says_so(status):
    out = Outbox(number=3, epoch=1)
    out.begin(root=9, hop=2)
    out.refer(1 << 41, None)
    out.reply((17, status, "x" * MAX_BODY_BYTES))
    (envelope,) = out.end([])
    ((number, told, report),) = bodies.loads(envelope.body)
    assert (number, told) == (17, FAILED)
    found = Report(*report)
    assert found.kind == "MessageTooLarge"
    assert str(MAX_BODY_BYTES) in found.message
    assert (found.worker, found.hop, found.client) == (3, 2, 9)
    told_of = list(names_of(envelope.header.refs))
    assert told_of == [(1 << 41, 1)], "what was handed out is still counted: the client gives it back"
