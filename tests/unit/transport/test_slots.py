"""Slots: no reader ever sees other bytes than those of its envelope, whoever dies when."""

from __future__ import annotations

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from farptr.protocol.apart import Place
from farptr.protocol.errors import ProtocolError
from farptr.transport.extents import ALIGN_BYTES
from farptr.transport.slots import FIRST, SLOTS, WORDS, Receiver, Sender

PAGES = 6


class Channel:
    """The memory of one channel: a letter for each page."""

    def __init__(self, number):
        self.words = [0] * WORDS
        self.pages = [""] * PAGES
        self.sender = Sender(number, PAGES * ALIGN_BYTES, self.words)
        self.receiver = None


def pages_of(place):
    begin = place.offset // ALIGN_BYTES
    return range(begin, begin + -(-sum(place.sizes) // ALIGN_BYTES))


class Lives(RuleBasedStateMachine):
    """One sender, receivers that come and die, a way between them that keeps the order and may repeat.

    A sender that dies is a new one with new channels; so is a receiver. What was under way to or from the dead is
    dropped, at any step: between the parts of writing, between writing and sending, while it is looked at.
    """

    def __init__(self):
        super().__init__()
        self.channels = 0
        self.count = 0
        self.begin()

    def begin(self):
        self.channels += 1
        self.channel = Channel(self.channels)
        self.writing = None  # (place, text, pages that are not written yet)
        self.under_way = []  # (place, text)
        self.come = []  # all that came, to come again
        self.looked_at = []  # (place, text)

    @precondition(lambda self: self.channel.receiver is None)
    @rule()
    def attach(self):
        self.channel.receiver = Receiver(PAGES * ALIGN_BYTES, self.channel.words)

    @precondition(lambda self: self.writing is None)
    @rule(pages=st.integers(1, PAGES), ragged=st.booleans())
    def hand(self, pages, ragged):
        sizes = (pages * ALIGN_BYTES - (7 if ragged else 0),)
        end = self.channel.sender.fit(sum(sizes))
        if self.channel.receiver is None:
            assert end is None, "handed over to nobody"
        if end is None:
            return
        place = self.channel.sender.hand(sizes)
        assert end == self.channel.sender.touched_bytes
        self.count += 1
        self.writing = (place, f"{self.count}", list(pages_of(place)))

    @precondition(lambda self: self.writing is not None)
    @rule()
    def write_a_page(self):
        _, text, left = self.writing
        if left:
            page = left.pop()
            assert all(page not in pages_of(other) for other, _ in self.under_way + self.looked_at)
            self.channel.pages[page] = text

    @precondition(lambda self: self.writing is not None and not self.writing[2])
    @rule()
    def send(self):
        place, text, _ = self.writing
        self.writing = None
        self.under_way.append((place, text))

    @precondition(lambda self: self.writing is not None)
    @rule()
    def give_up_writing(self):
        self.channel.sender.take_back(self.writing[0])
        self.writing = None

    @precondition(lambda self: self.under_way)
    @rule()
    def arrive(self):
        place, text = self.under_way.pop(0)
        place = Place.decode(place.encode())
        assert self.channel.receiver.take(place) == sum(place.sizes)
        self.come.append(place)
        self.looked_at.append((place, text))

    @precondition(lambda self: self.come)
    @rule(which=st.integers(0, 100))
    def arrive_again(self, which):
        with pytest.raises(ProtocolError, match="taken before"):
            self.channel.receiver.take(self.come[which % len(self.come)])

    @precondition(lambda self: self.looked_at)
    @rule(which=st.integers(0, 100))
    def give_back(self, which):
        place, _ = self.looked_at.pop(which % len(self.looked_at))
        self.channel.receiver.give_back(place)

    @precondition(lambda self: self.channel.receiver is not None)
    @rule(how=st.sampled_from(["sender", "receiver"]))
    def die(self, how):
        """The other one is told, and gives the whole channel up; the dead one's memory is the system's again."""
        if how == "sender":  # what is looked at stays as it is, and nobody writes into it any more
            for place, text in self.looked_at:
                assert {self.channel.pages[page] for page in pages_of(place)} == {text}
        self.begin()

    @precondition(lambda self: self.channel.sender.idle and self.writing is None)
    @rule()
    def give_memory_back(self):
        self.channel.sender.forget_touched()
        self.channel.pages = [""] * PAGES

    @invariant()
    def nobody_sees_what_is_not_theirs(self):
        for place, text in self.under_way + self.looked_at:
            assert {self.channel.pages[page] for page in pages_of(place)} == {text}

    @invariant()
    def laws(self):
        self.channel.sender.check()
        assert self.channel.sender.idle == (not (self.under_way or self.looked_at or self.writing))


TestLives = Lives.TestCase
TestLives.settings = settings(deadline=None, max_examples=200, stateful_step_count=60)


def channel(pages=PAGES):
    words = [0] * WORDS
    return Sender(1, pages * ALIGN_BYTES, words), Receiver(pages * ALIGN_BYTES, words), words


def test_slots_run_out_and_come_back():
    sender, receiver, _ = channel(pages=SLOTS + 1)
    places = []
    while sender.fit(1) is not None:
        places.append(sender.hand((1,)))
    assert len(places) == SLOTS
    receiver.give_back(places[7])
    assert sender.fit(1) is not None
    assert sender.hand((1,)).slot == places[7].slot


@pytest.mark.parametrize(
    "place",
    [
        Place(1, SLOTS, 1, 0, (1,)),
        Place(1, 0, 1, PAGES * ALIGN_BYTES, (1,)),
        Place(1, 0, 1, 0, (PAGES * ALIGN_BYTES, 1)),
        Place(1, 0, 1, (1 << 64) - 1, (2,)),
    ],
)
def test_a_place_outside_is_refused(place):
    _, receiver, words = channel()
    with pytest.raises(ProtocolError, match="outside"):
        receiver.take(Place.decode(place.encode()))
    assert not any(words[FIRST:])


def test_words_that_make_no_sense_free_nothing():
    sender, _, words = channel()
    assert sender.fit(1)
    place = sender.hand((1,))
    words[FIRST + place.slot] = 99
    assert not sender.idle
