"""What the events of a handshake mean, whichever come."""

import struct

import pytest
import zmq

from farptr.keys.files import new_key, to_fields, write_private
from farptr.protocol.errors import AuthenticationFailed, UnusableKey
from farptr.transport.curve import Login

UP, DOWN = zmq.EVENT_HANDSHAKE_SUCCEEDED, zmq.EVENT_DISCONNECTED
AUTH, PROTOCOL, HUNG_UP = (
    zmq.EVENT_HANDSHAKE_FAILED_AUTH,
    zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL,
    zmq.EVENT_HANDSHAKE_FAILED_NO_DETAIL,
)
ADDRESS = "tcp://192.0.2.7:7600"


@pytest.fixture
def login(tmp_path):
    write_private(tmp_path / "julie.key", to_fields(new_key("julie", "worker")))
    return Login(ADDRESS, tmp_path / "julie.key")


@pytest.fixture
def heed(login):
    """``heed(UP, DOWN)``: these events come, one behind another."""
    context = zmq.Context()
    ours, theirs = context.socket(zmq.PAIR), context.socket(zmq.PAIR)
    ours.bind("inproc://events")
    theirs.connect("inproc://events")

    def come(*events):
        for event in events:
            theirs.send_multipart([struct.pack("=hi", event, 0), ADDRESS.encode()])
        login.heed(ours)

    yield come
    context.destroy(linger=0)


@pytest.mark.parametrize(
    ("events", "words"),
    [([AUTH], "does not let in the key of julie"), ([PROTOCOL], "does not ask for keys"),
     ([HUNG_UP, DOWN, HUNG_UP], "has not the key of the broker")],
)  # fmt: skip
def test_a_handshake_that_cannot_succeed_is_an_error_at_once(heed, events, words):
    with pytest.raises(AuthenticationFailed, match=words):
        heed(*events)


def test_one_that_breaks_once_is_tried_again(heed, login):
    heed(HUNG_UP, DOWN, UP)
    assert not login.broken


def test_an_end_right_after_the_handshake_is_not_missed(heed, login):
    """Nobody tells of it again: ZeroMQ connects anew, and the broker takes that for a stranger."""
    heed(UP)
    assert not login.broken
    heed(DOWN, UP)
    assert login.broken


def test_no_key_and_one_that_is_none(tmp_path, monkeypatch):
    monkeypatch.delenv("FARPTR_KEY", raising=False)
    with pytest.raises(AuthenticationFailed, match="none was given"):
        Login(ADDRESS, None)
    with pytest.raises(UnusableKey, match="No such file"):
        Login(ADDRESS, tmp_path / "none")
    monkeypatch.setenv("FARPTR_KEY", str(tmp_path / "none"))
    with pytest.raises(UnusableKey, match="No such file"):
        Login(ADDRESS, None)
