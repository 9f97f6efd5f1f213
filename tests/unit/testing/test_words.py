"""Every envelope has words, none of them is data, and no bytes can spoil a report."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from farptr.protocol import body, commands, values
from farptr.protocol.errors import Report
from farptr.protocol.header import Flag, Header, Kind
from farptr.protocol.ids import make_name
from farptr.testing.words import COMMANDS_SHOWN, in_words

NAMES = {1: "julie", 2: "toby"}
ME = 3
X = make_name(1, 10**10 + 1)
Y = make_name(2, 10**10 + 2)
SECRET = 271828
ARRAY = values.encode_array(np.full((2, 3), SECRET), [])
REPORT = tuple(Report("ValueError", "no such axis", "sum", 5, 1, 0, 0, "", ""))


def words(kind, contents, **fields):
    data = body.dumps(contents)
    return in_words(Header(kind, sequence=4, body_bytes=len(data), **fields), data, NAMES, ME)


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        ((9, commands.SEND, X, 1, 0, ARRAY), "[9] send int64 array of shape (2, 3) as julie:10000000001"),
        ((9, commands.SEND, X, 1, 0, ("P", Y)), "[9] send a pointer to toby:10000000002 as julie:10000000001"),
        ((9, commands.CALL, X, "add", (Y, ("L", 3)), None), "[9] add(toby:10000000002, 3) -> julie:10000000001"),
        ((9, commands.CALL, (X, Y), "divmod", (X, ARRAY), {"axis": ("L", 0)}),
         "[9] divmod(julie:10000000001, int64 array of shape (2, 3), axis=0) -> julie:10000000001, toby:10000000002"),
        ((9, commands.CALL, None, "=add", (X, ("s", 1, 2, 3)), None), "[9] =add(julie:10000000001, …) in place"),
        ((0, commands.GET, X), "get julie:10000000001"),
        ((0, commands.ASK, X, "shape"), "ask julie:10000000001 'shape'"),
        ((9, commands.MOVE, X, Y, 1), "[9] move julie:10000000001 to toby:10000000002"),
        ((9, commands.PULL_HERE, X), "[9] remote_get julie:10000000001"),
        ((9, commands.PULL, X, Y), "[9] pull julie:10000000001 to toby:10000000002"),
        ((9, commands.PUSH, X, None, 0, None), "[9] push what is there as julie:10000000001"),
        ((9, commands.PUSH, X, None, 0, ("E", REPORT)), "[9] push the error ValueError as julie:10000000001"),
        ((0, commands.LIST, "count"), "list 'count'"),
        ((0, commands.NAMED, "x"), "named 'x'"),
        ((9, commands.KEEP, X, 1), "[9] keep julie:10000000001 1"),
        ((9, commands.CLEAR), "[9] clear_objects"),
    ],
    ids=str,
)  # fmt: skip
def test_a_command(command, expected):
    assert words(Kind.COMMAND, (command,), destination=1) == ["me -> julie: command #4", expected]


def test_a_command_without_words_of_its_own():
    command = (9, 250, X, 7, "tag", None, ARRAY, (SECRET,))
    assert words(Kind.COMMAND, (command,), destination=1)[1] == "[9] command 250 julie:10000000001 7 'tag' None … …"


@pytest.mark.parametrize(
    ("reply", "expected"),
    [
        ((5, commands.VALUE, ARRAY), "[5] int64 array of shape (2, 3)"),
        ((5, commands.VALUE, ("P", Y)), "[5] a pointer to toby:10000000002"),
        ((5, commands.PLAIN, SECRET), "[5] a int"),
        ((5, commands.FAILED, REPORT), "[5] failed: ValueError: no such axis"),
        ((0, commands.REPORT, REPORT), "[5] failed: ValueError: no such axis"),
    ],
    ids=str,
)
def test_a_reply(reply, expected):
    assert words(Kind.REPLY, (reply,), source=2, destination=ME) == ["toby -> me: reply #4", expected]


def test_the_broker_and_strangers():
    assert words(Kind.ASK, {"what": "parties"}) == ["me -> broker: ask #4", "parties"]
    assert words(Kind.ROSTER, {"joined": [4, "bob", "worker"]}, destination=ME)[1] == "worker bob joined"
    assert words(Kind.ROSTER, {"lost": 2, "name": "toby", "role": "worker"}, destination=ME)[1] == "worker toby is gone"
    header = Header(Kind.NOTE, Flag.SYNC, destination=8, sequence=4, value_bytes=10)
    assert in_words(header, b"", NAMES, ME) == ["me -> party 8: note #4 and sync (10 bytes of data)"]


def test_of_a_long_batch_the_end_is_shown():
    batch = tuple((n, commands.GET, X) for n in range(1, 101))
    _, more, *shown = words(Kind.COMMAND, batch, destination=1)
    assert more == f"({100 - COMMANDS_SHOWN} more)"
    assert [line.split()[0] for line in shown] == [f"[{n}]" for n in range(101 - COMMANDS_SHOWN, 101)]


def test_a_long_literal_is_cut():
    line = words(Kind.COMMAND, ((1, commands.CALL, X, "f", (X, ("L", "a" * 10_000)), None),), destination=1)[1]
    assert len(line) < 200


def test_a_body_that_was_not_kept():
    header = Header(Kind.COMMAND, destination=1, sequence=4, body_bytes=10**6)
    assert in_words(header, None, NAMES, ME)[1:] == ["a body of 1000000 bytes"]


@given(st.sampled_from(Kind), st.recursive(st.integers() | st.text() | st.none(), lambda x: st.lists(x).map(tuple)))
def test_any_contents_have_words(kind, contents):
    assert all(isinstance(line, str) for line in words(kind, contents))


@given(st.sampled_from(Kind), st.binary())
def test_any_bytes_have_words(kind, data):
    assert in_words(Header(kind, body_bytes=len(data)), data, NAMES, ME)
