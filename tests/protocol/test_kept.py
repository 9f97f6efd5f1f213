"""What the other side may not have yet: nothing is lost and nothing comes twice, however often the way is cut."""

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from farptr.protocol.errors import ProtocolError
from farptr.protocol.kept import Kept


class Cuts(RuleBasedStateMachine):
    """One direction: numbers leave, some arrive, some are confirmed, and the way is cut now and then."""

    def __init__(self):
        super().__init__()
        self.kept = Kept()
        self.issued = self.confirmed = 0
        self.under_way, self.arrived = [], []

    @rule()
    def send(self):
        self.issued += 1
        self.kept.add(self.issued)
        self.under_way.append(self.issued)

    @rule(count=st.integers(0, 4))
    def arrive(self, count):
        self.arrived += self.under_way[:count]
        del self.under_way[:count]

    @rule(back=st.integers(0, 3))
    def confirm(self, back):
        self.kept.forget_up_to(max(0, len(self.arrived) - back))
        self.confirmed = max(self.confirmed, len(self.arrived) - back)

    @rule()
    def cut_and_resume(self):
        self.under_way = self.kept.after(len(self.arrived))

    @invariant()
    def each_comes_once_and_in_order(self):
        assert self.arrived + self.under_way == list(range(1, self.issued + 1))
        assert len(self.kept) <= self.issued - self.confirmed
        self.kept.check()


TestCuts = Cuts.TestCase


def test_more_than_was_sent_cannot_have_come():
    kept = Kept()
    kept.add("a")
    with pytest.raises(ProtocolError, match="2 envelopes are said to have come, and 1 were sent"):
        kept.forget_up_to(2)


def test_what_was_confirmed_cannot_be_wanted_again():
    kept = Kept()
    for envelope in "abc":
        kept.add(envelope)
    kept.forget_up_to(2)
    assert kept.after(2) == ["c"]
    with pytest.raises(ProtocolError, match="after 1 are wanted"):
        kept.after(1)
