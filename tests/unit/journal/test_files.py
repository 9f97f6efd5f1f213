"""Journals on disk: framed, chained, bounded; cut off or edited, and what a reader then says."""

from __future__ import annotations

import errno
import os
import random
import shutil

import pytest

from farptr.journal import folder
from farptr.journal.reading import Reader
from farptr.journal.records import Came, Fact, Handed, encode_came, encode_fact, encode_handed
from farptr.journal.writing import Writer
from farptr.protocol.errors import JournalDamaged, JournalError, JournalVersion, NoJournal
from farptr.protocol.header import Header, Kind, encode, ones

SETTINGS = {"note": "made up"}


def header(sequence: int) -> Header:
    return Header(Kind.COMMAND, source=3, destination=2, root=3, sequence=sequence, creates=ones([7, 8]))


def payloads(count: int) -> list[bytes]:
    found = [encode_fact(0, "joined", {"party": [2, "julie", "worker"], "bytes": 80})]
    for i in range(1, count + 1):
        found.append(encode_came(i, 3, encode(header(i)), 300))
        found.append(encode_handed(Handed(i, 2, 3, 4, i, 284, 72)))
    return found


def journal(tmp_path, records, *, ended=True, **bounds):
    path = folder.make(tmp_path / "runs")
    fields = folder.manifest("made", 1, SETTINGS)
    writer = Writer(path, **bounds)
    for payload in records:
        writer.write([payload])
    if ended:
        writer.write([encode_fact(9, "end", {"faults": []})])
        fields |= {"head": writer.chain.hex()}
    writer.close()
    folder.write_manifest(path, fields)
    return path, writer


def test_what_was_written_is_read(tmp_path):
    path, _ = journal(tmp_path, payloads(3))
    reader = Reader(path)
    joined, came, handed, *_, end = reader
    assert joined == Fact(0, "joined", {"party": [2, "julie", "worker"], "bytes": 80})
    assert came == Came(1, 3, header(1), 300)
    assert (came.head_bytes, came.payload_bytes) == (72 + 16, 300 - 88)
    assert handed == Handed(1, 2, 3, 4, 1, 284, 72)
    assert end.what == "end"
    assert not reader.cut


def test_latest_leads_to_the_newest(tmp_path):
    journal(tmp_path, payloads(1))
    newest, _ = journal(tmp_path, payloads(2))
    assert Reader(tmp_path / "runs").path == newest.resolve()
    assert Reader(tmp_path / "runs" / "latest").path == newest.resolve()


def test_a_broker_killed_at_any_byte_leaves_a_readable_prefix(tmp_path):
    path, _ = journal(tmp_path, payloads(4), ended=False)
    (file,) = folder.files_of(path)
    whole = file.read_bytes()
    counts = []
    for size in range(len(whole) + 1):
        file.write_bytes(whole[:size])
        reader = Reader(path)
        counts.append(len(list(reader)))
        assert reader.cut
    assert counts == sorted(counts)
    assert counts[-1] == len(payloads(4))


def edits(count: int, whole: bytes, seed: int):
    """Random edits: bytes changed, taken out, put in, swapped, or the end cut off."""
    rng = random.Random(seed)
    for _ in range(count):
        data, at = bytearray(whole), rng.randrange(len(whole))
        how = rng.randrange(5)
        if how == 0:
            data[at] ^= rng.randrange(1, 256)
        elif how == 1:
            del data[at : at + rng.randrange(1, 200)]
        elif how == 2:
            data[at:at] = rng.randbytes(rng.randrange(1, 200))
        elif how == 3:
            other = rng.randrange(len(whole))
            data[at], data[other] = data[other], data[at]
        else:
            del data[at:]
        if data != whole:
            yield bytes(data)


def every_edit_is_noticed(tmp_path, count: int) -> None:
    path, _ = journal(tmp_path, payloads(20))
    (file,) = folder.files_of(path)
    whole, tried = file.read_bytes(), 0
    for data in edits(count, whole, seed=5):
        file.write_bytes(data)
        with pytest.raises(JournalDamaged):
            list(Reader(path))
        tried += 1
    print(f"{tried} edits, all noticed")
    assert tried > count * 0.9


def test_every_edit_is_noticed(tmp_path):
    every_edit_is_noticed(tmp_path, 500)


@pytest.mark.parametrize("rotated", [False, True])
def test_every_byte_of_a_file_s_head_counts(tmp_path, rotated):
    path, writer = journal(tmp_path, payloads(60), file_bytes=2000 if rotated else 1 << 20, files=3)
    folder.write_manifest(path, folder.read_manifest(path) | {"records": writer.records})
    first = folder.files_of(path)[0]
    whole = first.read_bytes()
    for at in range(40):
        first.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
        with pytest.raises(JournalDamaged):
            list(Reader(path))


def test_every_edit_of_a_manifest_is_noticed(tmp_path):
    path, writer = journal(tmp_path, payloads(20))
    folder.write_manifest(path, folder.read_manifest(path) | {"records": writer.records, "head": None})
    assert list(Reader(path))
    file = path / folder.MANIFEST
    whole = file.read_bytes()
    lines = whole.splitlines(keepends=True)
    without = [b"".join(lines[:i] + lines[i + 1 :]) for i in range(len(lines))]
    for data in [*without, *edits(400, whole, seed=6)]:
        file.write_bytes(data)
        with pytest.raises((JournalDamaged, JournalVersion)):
            list(Reader(path))


@pytest.mark.slow
def test_every_one_of_many_edits_is_noticed(tmp_path):
    every_edit_is_noticed(tmp_path, 11_000)


def test_rotation_bounds_a_journal_and_the_reader_says_what_is_missing(tmp_path):
    path, writer = journal(tmp_path, payloads(200), file_bytes=2000, files=3)
    assert len(folder.files_of(path)) == 3
    assert sum(file.stat().st_size for file in folder.files_of(path)) < 3 * 2000 + 1000
    reader = Reader(path)
    records = list(reader)
    assert reader.missing > 0
    assert reader.missing + len(records) == writer.records
    assert isinstance(records[0], Fact)
    assert records[0].what == "parties"


def test_a_file_that_is_missing_in_the_middle_is_noticed(tmp_path):
    path, _ = journal(tmp_path, payloads(200), file_bytes=2000, files=9)
    folder.files_of(path)[2].unlink()
    with pytest.raises(JournalDamaged, match="does not follow"):
        list(Reader(path))


def test_a_full_disk_stops_the_journal_and_what_was_written_stays_readable(tmp_path, monkeypatch):
    path = folder.make(tmp_path / "runs")
    folder.write_manifest(path, folder.manifest("made", 1, SETTINGS))
    writer = Writer(path)
    first, *rest = payloads(5)
    writer.write([first])
    real = os.write

    def full(fd, data):
        if len(data) > 10:
            return real(fd, data[:10])  # the last bytes that fit
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "write", lambda fd, data: full(fd, data) if len(data) != 10 else full(fd, b""))
    writer.write([rest[0]])
    monkeypatch.undo()
    assert "No space left" in writer.trouble
    writer.write(rest[1:])  # nothing is written behind a gap
    writer.close()
    assert writer.lost == len(rest)
    reader = Reader(path)
    assert len(list(reader)) == 1
    assert reader.cut


def test_errors_of_places(tmp_path):
    with pytest.raises(NoJournal):
        Reader(tmp_path)
    (tmp_path / "file").write_text("")
    with pytest.raises(JournalError):
        folder.make(tmp_path / "file")


def test_another_version_is_refused(tmp_path):
    path, _ = journal(tmp_path, payloads(1))
    folder.write_manifest(path, folder.manifest("made", 1, SETTINGS) | {"format": 99, "farptr": "9.9"})
    with pytest.raises(JournalVersion, match="format 99") as caught:
        Reader(path)
    assert "farptr 9.9" in caught.value.hint


def test_the_same_records_give_the_same_bytes(tmp_path):
    one, _ = journal(tmp_path / "a", payloads(9))
    other = Writer(tmp_path)
    other.write(payloads(9))  # all at once
    other.write([encode_fact(9, "end", {"faults": []})])
    other.close()
    assert folder.files_of(one)[0].read_bytes() == folder.files_of(tmp_path)[0].read_bytes()
    shutil.rmtree(tmp_path / "a")
