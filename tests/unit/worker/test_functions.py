"""Functions on one worker: which calls it takes, what it keeps for whom, what it says."""

from __future__ import annotations

import hashlib
import pickle

import cloudpickle
import numpy as np
import pytest

from farptr.protocol import values
from farptr.protocol.commands import CALL, FUNCTION, GET, REPORT, SAID, SEND, VALUE
from farptr.protocol.functions import KEPT, OFF, ON
from farptr.protocol.ids import IdBlock
from farptr.worker.core import WorkerCore
from tests.unit.worker.test_core import ELSEWHERE, HERE, ROOT, THERE, A, B, Bench, R, wire


class Tell:
    """Every line is told at once."""

    def __init__(self):
        self.envelopes = []

    def due(self):
        return True

    def send(self, envelope):
        self.envelopes.append(envelope)


class Functions(Bench):
    def __init__(self, functions=ON, tell=None):
        self.core = WorkerCore(number=HERE, epoch=4, ids=IdBlock(1, 0), functions=functions, tell=tell)
        self.core.names.update({HERE: "julie", THERE: "toby", ELSEWHERE: "carol"})
        self.turn((1, SEND, A, 1, 0, wire(1, 2)), (2, SEND, B, 1, 0, wire(10, 20)))

    def call(self, *args, kwargs=None, name="f"):
        """What a call leaves under R: a value, or the kind of its failure."""
        self.turn((3, CALL, R, f"fn:{name}", args, kwargs))
        value = self.core.store.value(R)
        return value.report.kind if hasattr(value, "report") else getattr(value, "value", value)

    def keep(self, function):
        code = cloudpickle.dumps(function)
        digest = hashlib.sha256(code).hexdigest()
        self.turn((4, FUNCTION, digest, bytes_of(code)))
        return ("L", digest)


def bytes_of(code):
    return values.encode_array(np.frombuffer(code, np.uint8), [], len(code))


def code_of(function):
    return bytes_of(cloudpickle.dumps(function))


NONE = ("t", ())


def test_what_it_refers_to_comes_by_its_numbers():
    class Pickler(cloudpickle.Pickler):
        def persistent_id(self, value):
            return 0 if value == "stands for B" else None

    import io

    stream = io.BytesIO()
    captured = "stands for B"
    Pickler(stream).dump(lambda x, k: x + captured + k)
    bench = Functions()
    made = bench.call(bytes_of(stream.getvalue()), ("t", (B,)), A, kwargs={"k": ("L", 100)})
    assert made.tolist() == [111, 122]


@pytest.mark.parametrize(
    "args",
    [(), (("L", 1),), (("L", 10**12), NONE), (("L", None), NONE), (("L", 1.5), NONE), (("L", "ab"), ("L", 1)),
     (("l", ()), NONE), (A, B), (("D", "<f8"), NONE)],
    ids=repr,
)  # fmt: skip
def test_calls_that_are_none(args):
    bench = Functions()
    assert bench.call(*args) in ("ProtocolError", "ObjectGone", "UnsupportedOperation")
    assert [r[1] for r in bench.replies()] == [REPORT]


def test_bytes_that_are_no_function():
    bench = Functions()
    for code in (b"", b"garbage", pickle.dumps(5), b"\x80\x05" + b"\x00" * 20):
        assert isinstance(bench.call(bytes_of(code), NONE), str)
    assert bench.call(code_of(lambda: 7), NONE) == 7


def test_what_the_worker_cannot_import_is_named():
    bench = Functions()
    assert bench.call(bytes_of(b"cno_such_module\nf\n."), NONE, name="helper") == "NotSerializable"
    report = bench.core.store.value(R).report
    assert report.message == "helper needs what this worker cannot import: No module named 'no_such_module'"
    assert "import it inside the function" in report.hint


def test_nothing_is_looked_at_where_they_are_off():
    bench = Functions(OFF)
    assert bench.call(bytes_of(b"csubprocess\nno_such\n."), NONE) == "FunctionsOff"
    digest = bench.keep(lambda: 7)
    assert bench.replies() == []
    assert not bench.core._functions._kept
    assert bench.call(digest, NONE) == "FunctionsOff"


def test_kept_ones_are_called_by_their_digest_and_go_with_their_client():
    bench = Functions()
    count = []
    digest = bench.keep(lambda x, count=count: count.append(x) or len(count))
    assert [int(bench.call(digest, NONE, A)) for _ in range(3)] == [1, 2, 3]  # it is one function all the time
    bench.core.news({"lost": ROOT, "role": "client"})
    assert bench.call(digest, NONE, A) == "ObjectGone"


def test_the_oldest_goes_first():
    bench = Functions()
    digests = [bench.keep(lambda k=k: k) for k in range(KEPT + 1)]
    assert bench.call(digests[0], NONE) == "ObjectGone"
    assert int(bench.call(digests[1], NONE)) == 1
    again = bench.keep(lambda k=0: k)
    assert int(bench.call(again, NONE)) == 0


def test_what_it_says_comes_before_its_result_can_be_had():
    def say(x):
        import warnings

        print("hello")
        warnings.warn("care\ud800ful", stacklevel=1)
        print("half", end="")
        return x

    bench = Functions()
    bench.turn((5, CALL, R, "fn:say", (code_of(say), NONE, A), None), (6, GET, R))
    (number, status, said), (_, answered, _) = bench.replies()
    assert (number, status, answered) == (5, SAID, VALUE)
    assert said == ("hello\nhalf", (("UserWarning", "care?ful"),))
    assert bench.out[-1].header.value_bytes == 16 + len("hello\nhalf") + len("UserWarning" + "care?ful")


def test_whole_lines_may_leave_at_once_and_count():
    tell = Tell()
    bench = Functions(tell=tell)

    def say():
        print("one")
        print("two", end="")
        print("")
        print("three", end="")

    sequence = bench.out[-1].header.sequence
    bench.call(code_of(say), NONE)
    assert sum(e.header.value_bytes for e in tell.envelopes) == len("one\ntwo\n")
    numbers = [e.header.sequence for e in (*tell.envelopes, *bench.out)]
    assert numbers == list(range(sequence + 1, sequence + 1 + len(numbers)))
    assert bench.replies()[0][2][0] == "three"


def test_failures_of_values_that_are_no_arrays_leave_them_as_they_were():
    bench = Functions()
    bench.turn((7, SEND, R, 1, 0, ("K", ("m", (("L", "a"), ("L", 1))))))
    bench.turn((8, CALL, None, "=[]", (R, ("L", "a"), ("L", 2)), None))
    ((_, status, report),) = bench.replies()
    assert (status, report[0]) == (REPORT, "UnsupportedOperation")
    assert bench.core.store.value(R).value == {"a": 1}
