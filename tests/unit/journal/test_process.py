"""The process that writes: everybody may be killed at any moment, and what reached the ring is in the files."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from farptr.journal import folder, noting
from farptr.journal.noting import Journal, open_journal
from farptr.journal.reading import Reader
from farptr.journal.records import Came, Fact
from farptr.protocol.errors import JournalError
from farptr.protocol.header import Header, Kind, encode

SETTINGS = {"note": "made up"}
WAIT_S = 20.0
FEEDS = """
import itertools, sys
from pathlib import Path
from farptr.journal.noting import open_journal
from farptr.protocol.header import Header, Kind, encode
journal = open_journal(sys.argv[1], "made", 1, {}, near=True)
print(journal.pid, flush=True)
for i in itertools.count(1):
    header = Header(Kind.SYNC, source=3, destination=0, root=3, sequence=i)
    journal.came(3, header, encode(header), ())
    if i % 100 == 0:
        print(i, flush=True)
"""


def opened(tmp_path) -> Journal:
    return open_journal(str(tmp_path / "runs"), "made", 1, SETTINGS, near=True)


def note(journal: Journal, count: int, first: int = 1) -> None:
    for i in range(first, first + count):
        header = Header(Kind.SYNC, source=3, destination=0, root=3, sequence=i)
        journal.came(3, header, encode(header), ())


def sequences(path) -> list[int]:
    return [r.header.sequence for r in Reader(path) if type(r) is Came]


def gone(pid: int) -> bool:
    """Whether a process, no child of ours, is gone; zombies of others' count as gone."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


def test_what_is_noted_is_in_the_file_after_a_flush_and_the_last_word_after_close(tmp_path):
    journal = opened(tmp_path)
    note(journal, 1000)
    state = journal.state()
    assert (state["trouble"], state["records"]) == ("", 1001)  # and how it began
    assert sequences(journal.path) == list(range(1, 1001))
    note(journal, 5, first=1001)
    journal.close((72 * 1005, 0))
    assert not journal.trouble
    reader = Reader(journal.path)
    *_, end = reader
    assert isinstance(end, Fact)
    assert end.fields["faults"] == []
    assert not reader.cut
    with pytest.raises(ChildProcessError):
        os.waitpid(journal.pid, 0)  # it was reaped


@pytest.mark.parametrize("seed", range(4))
def test_the_broker_killed_at_any_moment_leaves_all_that_reached_the_ring(tmp_path, seed):
    feeding = subprocess.Popen([sys.executable, "-c", FEEDS, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    writer = int(feeding.stdout.readline())
    enough = random.Random(seed).randrange(1, 30) * 100
    noted = 0
    while noted < enough:
        noted = int(feeding.stdout.readline())
    feeding.kill()
    noted = max([noted, *(int(line) for line in feeding.stdout.read().splitlines()[:-1])])
    feeding.wait()
    path = folder.found(tmp_path)
    assert folder.wait_written(path, WAIT_S)
    found = sequences(path)
    assert found == list(range(1, len(found) + 1))
    assert len(found) >= noted
    deadline_s = time.monotonic() + WAIT_S
    while not gone(writer):
        assert time.monotonic() < deadline_s
        time.sleep(0.01)


def test_a_writer_that_is_killed_stops_the_journal_and_nothing_else(tmp_path):
    journal = opened(tmp_path)
    note(journal, 10)
    journal.flush()
    os.kill(journal.pid, signal.SIGKILL)
    deadline_s = time.monotonic() + WAIT_S
    while not journal.trouble:
        note(journal, 1, first=11)
        journal.heed(0.01)
        assert time.monotonic() < deadline_s
    assert "is gone" in journal.trouble
    note(journal, 10)
    assert journal.state()["trouble"] == journal.trouble
    journal.close()
    assert sequences(journal.path)[:10] == list(range(1, 11))


def test_a_writer_that_does_not_go_on_is_given_up_and_memory_stays_bounded(tmp_path, monkeypatch):
    monkeypatch.setattr(noting, "STALL_S", 0.2)
    journal = opened(tmp_path)
    os.kill(journal.pid, signal.SIGSTOP)
    try:
        header = Header(Kind.SYNC, source=3, destination=0, root=3, sequence=1)
        for _ in range(50):
            journal.came(3, header, encode(header._replace(body_bytes=1 << 20)) + bytes(1 << 20), ())
        assert "does not go on" in journal.trouble
    finally:
        os.kill(journal.pid, signal.SIGKILL)
        os.waitpid(journal.pid, 0)


def test_a_full_ring_is_waited_for_and_nothing_is_lost(tmp_path):
    journal = opened(tmp_path)
    for i in range(1, 101):
        header = Header(Kind.SYNC, source=3, destination=0, root=3, sequence=i, body_bytes=1 << 20)
        journal.came(3, header, encode(header) + bytes(1 << 20), ())
    journal.close()
    assert sequences(journal.path) == list(range(1, 101))


def test_it_takes_no_signal_that_is_meant_for_the_run(tmp_path):
    journal = opened(tmp_path)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        os.kill(journal.pid, number)
    note(journal, 3)
    journal.close()
    assert sequences(journal.path) == [1, 2, 3]


def test_no_process_no_journal(tmp_path, monkeypatch):
    def fork() -> int:
        raise OSError(11, "Resource temporarily unavailable")

    monkeypatch.setattr(os, "fork", fork)
    with pytest.raises(JournalError, match="Resource temporarily"):
        opened(tmp_path)
