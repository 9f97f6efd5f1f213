"""Cells on one worker: what they may, what their variables become, what they answer."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from farptr.protocol.commands import CELL, CLEAR, FORGET, KEEP_NOT, NAMED, PLAIN, PUBLISH, SEND
from farptr.protocol.errors import Report, UsageError, from_report
from farptr.protocol.functions import OFF, ON, PRIVATE, checked
from farptr.protocol.header import Kind
from farptr.protocol.ids import IdBlock
from farptr.worker.cells import MAX_OUTPUT_CHARACTERS, MAX_REPR_CHARACTERS, Printed
from farptr.worker.core import WorkerCore
from farptr.worker.failures import Stopped
from tests.unit.worker.test_core import ELSEWHERE, HERE, THERE, A, Bench, wire


class Cells(Bench):
    def __init__(self, functions=ON, **own):
        self.core = WorkerCore(number=HERE, epoch=4, ids=IdBlock(1, 0), functions=functions)
        self.core.names.update({HERE: "julie", THERE: "toby", ELSEWHERE: "carol"})
        self.core.load(own)

    def cell(self, source):
        """(output, repr, error) of a cell."""
        self.turn((1, CELL, source))
        ((_, status, (output, shown, report)),) = self.replies()
        assert status == PLAIN
        return output, shown, None if report is None else from_report(Report(*report), worker="julie")

    def good(self, source):
        output, shown, error = self.cell(source)
        assert error is None, error.__notes__
        return output + (shown or "")

    def data(self):
        """Named data, by name."""
        return {text: self.core.store.data(self.core.store.labelled(text)) for text in self.core.store.labels}


# ---------------------------------------------------------------- whether


def test_what_callers_say_of_functions():
    assert [checked(said) for said in (False, True, "private", "", "on")] == [OFF, ON, PRIVATE, OFF, ON]
    with pytest.raises(UsageError, match="functions='yes' says nothing"):
        checked("yes")


def test_off_unless_turned_on():
    _, _, error = Cells(OFF).cell("1")
    assert type(error).__name__ == "FunctionsOff"
    assert "julie runs no functions: it was started without" in error.message
    assert "functions=True" in error.hint


def test_loaded_data_needs_it_said_twice():
    _, _, error = Cells(ON, x=np.ones(2)).cell("x")
    assert type(error).__name__ == "FunctionsOff"
    assert "it has loaded data of its own" in error.message
    assert "functions='private'" in error.hint
    assert Cells(PRIVATE, x=np.ones(2)).good("x") == "array([1., 1.])"
    assert Cells(PRIVATE).good("1") == "1"


# ---------------------------------------------------------------- what comes back


def test_prints_and_the_last_expression():
    bench = Cells()
    assert bench.cell("print('a'); import sys; print('b', file=sys.stderr)\n1 + 1") == ("a\nb\n", "2", None)
    assert bench.cell("x = 3") == ("", None, None)
    assert bench.cell("x") == ("", "3", None)
    assert bench.cell("None") == ("", None, None)
    assert bench.cell("") == ("", None, None)


def test_the_namespace_lasts():
    bench = Cells()
    bench.good("import math\ndef f(x):\n    return math.sqrt(x)")
    assert bench.good("f(9)") == "3.0"


def test_what_is_printed_is_counted_as_data():
    bench = Cells()
    bench.good("print('ä')\n12")
    (reply,) = [e for e in bench.out if e.header.kind == Kind.REPLY]
    assert reply.header.value_bytes == len("ä\n12".encode())


def test_what_comes_back_is_bounded():
    bench = Cells()
    output, _, _ = bench.cell("for i in range(100_000): print(i)")
    assert len(output) < MAX_OUTPUT_CHARACTERS + 100
    assert output.startswith("0\n1\n")
    assert output.endswith("99999\n")
    assert "characters are left out" in output
    _, shown, _ = bench.cell("'x' * 1_000_000")
    assert len(shown) < MAX_REPR_CHARACTERS + 100
    _, _, error = bench.cell("raise ValueError('x' * 1_000_000)")
    assert len(error.message) < 3000


@pytest.mark.parametrize("pieces", [1, 7, 1000, 10**6])
def test_the_middle_of_too_much_is_left_out_however_it_came(pieces):
    text = "".join(map(str, range(40_000)))
    printed = Printed()
    for start in range(0, len(text), pieces):
        printed.write(text[start : start + pieces])
    half = MAX_OUTPUT_CHARACTERS // 2
    lost = len(text) - 2 * half
    assert printed.text() == f"{text[:half]}\n… {lost} characters are left out here …\n{text[-half:]}"


def test_text_that_no_encoding_takes():
    assert Cells().good("print('\\ud800')\n'\\udc00'") == "?\n'\\udc00'"


def test_the_streams_are_the_processes_own_again(capsys):
    before = sys.stdout
    Cells().cell("print(1)\n1/0")
    assert sys.stdout is before


@pytest.mark.parametrize(
    ("source", "kind"),
    [
        ("1 / 0", ZeroDivisionError),
        ("print(nope)", NameError),
        ("x =", SyntaxError),
        ("import nope", ModuleNotFoundError),
        ("raise SystemExit(3)", None),
        ("raise KeyboardInterrupt", None),
        ("class Own(Exception): pass\nraise Own('o')", None),
        ("class Bad:\n    def __repr__(self): raise ValueError('r')\nBad()", ValueError),
    ],
)
def test_an_error_keeps_its_type_and_the_worker_lives_on(source, kind):
    bench = Cells()
    _, _, error = bench.cell(f"print('before')\n{source}" if kind is not SyntaxError else source)
    assert type(error).__name__ in ("RemoteError", getattr(kind, "__name__", ""))
    assert kind is None or isinstance(error, kind)
    assert error.message.endswith("[cell on julie]")
    assert bench.good("1 + 1") == "2"


def test_the_traceback_begins_in_the_cell_and_quotes_it():
    bench = Cells()
    bench.good("def f(x):\n    return 1 / x")
    _, _, error = bench.cell("a = 1\nf(0)")
    (note,) = error.__notes__
    assert "cells.py" not in note
    assert 'File "<cell 2 on julie>", line 2' in note
    assert 'File "<cell 1 on julie>", line 2, in f' in note
    assert "return 1 / x" in note


def test_what_was_printed_before_an_error_comes_too():
    output, _, error = Cells().cell("print('so far')\n1 / 0")
    assert output == "so far\n"
    assert isinstance(error, ZeroDivisionError)


def test_an_end_of_the_worker_is_no_error_of_the_cell(monkeypatch):
    bench = Cells()
    bench.core._cells._space["stop"] = Stopped
    with pytest.raises(Stopped):
        bench.turn((1, CELL, "raise stop"))


# ---------------------------------------------------------------- variables and data


def test_arrays_in_public_variables_become_data():
    bench = Cells()
    bench.good("w = np.arange(3.)\nm = w.mean()\n_p = np.ones(1)\nn = 3\nl = [w]\no = np.array([None])")
    assert {k: v.tolist() for k, v in bench.data().items()} == {"w": [0, 1, 2], "m": 1.0}
    bench.turn((2, NAMED, "w"))
    assert bench.replies()


def test_data_of_the_worker_is_a_variable():
    bench = Cells(PRIVATE, x=np.arange(3))
    assert bench.good("x.sum()") in ("3", "np.int64(3)")
    bench.turn((1, SEND, A, 1, KEEP_NOT, wire(5)), (2, PUBLISH, A, "sent"))
    assert bench.good("sent") == "array([5])"


def test_a_variable_and_its_data_are_one_array():
    bench = Cells()
    bench.good("w = np.zeros(2)")
    bench.data()["w"][0] = 7
    assert bench.good("w") == "array([7., 0.])"
    bench.good("w[1] = 8")
    assert bench.data()["w"].tolist() == [7, 8]


def test_a_name_that_is_bound_again_is_another_object():
    bench = Cells()
    bench.good("w = np.zeros(2)")
    old = bench.core.store.labelled("w")
    bench.good("w = w + 1")
    assert bench.core.store.labelled("w") != old
    assert bench.data()["w"].tolist() == [1, 1]
    assert bench.good("w") == "array([1., 1.])"


@pytest.mark.parametrize("how", ["del w", "w = 3", "w = 'text'"])
def test_a_name_that_is_no_array_any_more_is_no_data(how):
    bench = Cells()
    bench.good("w = np.zeros(2)")
    bench.good(how)
    assert bench.data() == {}


def test_what_a_failed_cell_had_bound_is_bound():
    bench = Cells()
    _, _, error = bench.cell("w = np.ones(1)\n1 / 0")
    assert isinstance(error, ZeroDivisionError)
    assert list(bench.data()) == ["w"]


@pytest.mark.parametrize("how", ["x = np.ones(9)", "x = 3", "del x", "for x in range(3): pass"])
def test_loaded_data_stays_under_its_name(how):
    bench = Cells(PRIVATE, x=np.arange(3))
    _, _, error = bench.cell(f"other = np.ones(1)\n{how}")
    assert type(error).__name__ == "BadName"
    assert "julie has something called x that no cell made" in error.message
    assert bench.good("x.tolist()") == "[0, 1, 2]"
    assert bench.data()["x"].tolist() == [0, 1, 2]
    assert "other" in bench.data()


def test_a_cells_own_error_comes_before_that():
    bench = Cells(PRIVATE, x=np.arange(3))
    _, _, error = bench.cell("x = 3\n1 / 0")
    assert isinstance(error, ZeroDivisionError)
    assert bench.good("x.tolist()") == "[0, 1, 2]"


def test_published_things_stay_too():
    bench = Cells()
    bench.turn((1, SEND, A, 1, KEEP_NOT, wire(5)), (2, PUBLISH, A, "sent"))
    _, _, error = bench.cell("sent = np.zeros(1)")
    assert type(error).__name__ == "BadName"
    assert bench.good("sent") == "array([5])"


def test_the_name_of_a_published_pointer_is_taken():
    from tests.unit.worker.test_core import FAR

    bench = Cells()
    bench.turn((1, SEND, A, 1, KEEP_NOT, ("P", FAR)), (2, PUBLISH, A, "chain"), refs=[(FAR, 1)])
    _, _, error = bench.cell("chain = np.zeros(1)")
    assert type(error).__name__ == "BadName"
    assert isinstance(bench.cell("chain")[2], NameError)
    assert bench.good("1") == "1"


def test_a_name_that_was_taken_away_is_no_variable_any_more():
    bench = Cells()
    bench.good("w = np.ones(2); v = np.ones(1)")
    bench.turn((1, FORGET, "w"))
    assert isinstance(bench.cell("w")[2], NameError)
    bench.turn((1, CLEAR))
    assert isinstance(bench.cell("v")[2], NameError)
    assert bench.good("w = np.ones(3)") == ""
    assert bench.data()["w"].shape == (3,)


def test_names_that_are_no_names_in_python_are_left_out():
    bench = Cells(PRIVATE, **{"a b": np.ones(1), "class": np.ones(1), "_x": np.ones(1), "ok": np.ones(1)})
    assert bench.good("[n for n in list(globals()) if n in ('a b', 'class', '_x', 'ok')]") == "['ok']"


def test_one_array_under_two_names():
    bench = Cells()
    bench.good("a = b = np.zeros(2)")
    bench.good("a[0] = 1")
    assert bench.data()["b"].tolist() == [1, 0]
    bench.good("del a")
    assert list(bench.data()) == ["b"]
