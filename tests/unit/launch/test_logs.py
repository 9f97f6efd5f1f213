from __future__ import annotations

import queue
import shutil
import threading

import pytest

from farptr.launch import logs


@pytest.fixture
def run(tmp_path):
    (tmp_path / "run" / "logs").mkdir(parents=True)
    return tmp_path / "run"


def write(run, name, text):
    with (run / "logs" / f"{name}.log").open("ab") as file:
        file.write(text if isinstance(text, bytes) else text.encode())


class Follower:
    """Follows in a thread, so that a test can wait for a line with a deadline."""

    def __init__(self, run, names, **how):
        self.lines = queue.Queue()
        self.stop = threading.Event()
        self.thread = threading.Thread(target=self._follow, args=(run, names), kwargs=how, daemon=True)
        self.thread.start()

    def _follow(self, run, names, **how):
        for line in logs.follow(run, names, self.stop.is_set, **how):
            self.lines.put(line)

    def get(self):
        return self.lines.get(timeout=5)

    def rest(self):
        self.thread.join(timeout=5)
        assert not self.thread.is_alive()
        return list(self.lines.queue)


@pytest.mark.parametrize(
    ("text", "lines", "expected"),
    [
        ("a\nb\nc\n", 2, ["b", "c"]),
        ("a\nb\nc", 2, ["b", "c"]),
        ("a\nb\nc\n", 3, ["a", "b", "c"]),
        ("a\nb\n", 10, ["a", "b"]),
        ("a\n\n\n", 2, ["", ""]),
        ("\n", 1, [""]),
        ("a", 1, ["a"]),
        ("a\nb\n", 0, []),
        ("", 3, []),
    ],
)
def test_tail(run, text, lines, expected):
    write(run, "julie", text)
    assert logs.tail(run, ["julie"], lines) == [("julie", line) for line in expected]


@pytest.mark.parametrize("end", ["", "\n"])
@pytest.mark.parametrize("lines", [1, 5, 13, 14, 29, 30, 31])
def test_tail_over_several_blocks(run, monkeypatch, lines, end):
    monkeypatch.setattr(logs, "_BLOCK_BYTES", 7)
    written = [f"line{'x' * (i % 5)}{i}" for i in range(30)]
    write(run, "julie", "\n".join(written) + end)
    assert [line for _, line in logs.tail(run, ["julie"], lines)] == written[-lines:]


def test_tail_of_everybody_and_of_nobody(run):
    write(run, "toby", "t\n")
    write(run, "julie", "j\n")
    assert logs.tail(run) == [("julie", "j"), ("toby", "t")]
    assert logs.tail(run, ["nobody"]) == []
    assert logs.tail(run / "none") == []


def test_bytes_that_are_no_text(run):
    write(run, "julie", b"\xff\xfe ok\r\n")
    assert logs.tail(run, ["julie"]) == [("julie", "\ufffd\ufffd ok")]


def test_follow_gives_lines_as_they_come(run):
    write(run, "julie", "before\nhal")
    follower = Follower(run, ["julie", "toby"])
    assert follower.get() == ("julie", "before")
    write(run, "julie", "f\n")
    assert follower.get() == ("julie", "half")
    write(run, "toby", "late\n")
    assert follower.get() == ("toby", "late")
    write(run, "eve", "not asked for\n")
    write(run, "julie", "the end")
    follower.stop.set()
    assert follower.rest() == [("julie", "the end")]


def test_follow_from_the_last_lines(run):
    write(run, "julie", "a\nb\nc\n")
    follower = Follower(run, None, lines=1)
    assert follower.get() == ("julie", "c")
    write(run, "toby", "new\nnewer\n")
    assert [follower.get(), follower.get()] == [("toby", "new"), ("toby", "newer")]
    follower.stop.set()
    assert follower.rest() == []


def test_follow_ends_with_the_directory(run):
    write(run, "julie", "a\n")
    follower = Follower(run, None)
    assert follower.get() == ("julie", "a")
    write(run, "julie", "last words\n")
    shutil.rmtree(run)
    assert follower.rest() == [("julie", "last words")]


def test_a_line_without_end_comes_in_pieces(run, monkeypatch):
    monkeypatch.setattr(logs, "_LONGEST_LINE_BYTES", 100)
    monkeypatch.setattr(logs, "_BLOCK_BYTES", 100)
    write(run, "julie", "x" * 250)
    assert "".join(line for _, line in logs.tail(run, ["julie"])) == "x" * 250


def test_a_log_over_the_limit_is_cut_to_its_last_lines(run):
    write(run, "julie", "".join(f"line {i}\n" for i in range(1000)))
    write(run, "toby", "short\n")
    with (run / "logs" / "julie.log").open("ab") as writer:
        logs.bound(run, limit_bytes=5000, kept_bytes=100)
        writer.write(b"the next line\n")
    lines = [line for _, line in logs.tail(run, ["julie"], 100)]
    assert "bytes of older lines were dropped here" in lines[0]
    assert lines[-3:] == ["line 998", "line 999", "the next line"]
    assert 8 < len(lines) < 20
    assert logs.tail(run, ["toby"]) == [("toby", "short")]


def test_who_follows_a_log_goes_on_when_it_is_cut(run):
    write(run, "julie", "old line\n" * 1000)
    follower = Follower(run, ["julie"], lines=1)
    assert follower.get() == ("julie", "old line")
    logs.bound(run, limit_bytes=5000, kept_bytes=20)
    assert "were dropped here" in follower.get()[1]
    write(run, "julie", "new\n")
    while follower.get() != ("julie", "new"):
        pass
    follower.stop.set()
    follower.rest()
