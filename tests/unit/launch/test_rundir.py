from __future__ import annotations

import fcntl
import os
import shutil
import stat
import tempfile
import threading
from pathlib import Path

import pytest

from farptr.launch import base as base_module
from farptr.launch import locks
from farptr.launch.rundir import RunInfo, claim, clear, find, is_live, list_runs
from farptr.protocol.errors import BadName, NoRun, RunExists, RuntimeDirectory


@pytest.fixture
def base(monkeypatch):
    path = Path(tempfile.mkdtemp(dir="/tmp"))
    monkeypatch.setenv("FARPTR_RUNTIME_DIR", str(path))
    yield path
    shutil.rmtree(path, ignore_errors=True)


def info_of(rundir):
    return RunInfo(
        name=rundir.name,
        directory=rundir.path,
        address=rundir.address,
        supervisor_pid=os.getpid(),
        supervisor_created_s=1.5,
        broker_pid=2,
        workers={"julie": 3},
        protocol="1",
        started="2024-01-01T00:00:00+00:00",
    )


def mode(path):
    return stat.S_IMODE(path.lstat().st_mode)


def die(rundir):
    """As when every process of the run is killed at once: the lock goes, the files stay."""
    os.close(rundir.lock_fd)


def test_claim_publish_find_remove(base):
    rundir = claim("team")
    assert rundir.address == f"ipc://{base}/team/s"
    assert mode(base) == mode(base / "team") == mode(base / "team" / "logs") == 0o700
    with pytest.raises(NoRun, match="only starting"):
        find("team")
    rundir.publish(info_of(rundir))
    assert mode(base / "team" / "run.json") == 0o600
    assert find("team") == info_of(rundir)
    assert is_live(find("team"))
    assert [info.name for info in list_runs()] == ["team"]
    rundir.remove()
    rundir.remove()
    assert list(base.iterdir()) == []
    with pytest.raises(NoRun):
        find("team")


def test_publish_replaces(base):
    rundir = claim("team")
    rundir.publish(info_of(rundir))
    inode = (base / "team" / "run.json").stat().st_ino
    rundir.publish(info_of(rundir))
    assert (base / "team" / "run.json").stat().st_ino != inode
    assert not (base / "team" / ".run.json").exists()
    rundir.remove()


def test_a_name_is_taken_once(base):
    rundir = claim("team")
    with pytest.raises(RunExists, match="farptr down -c team"):
        claim("team")
    assert (base / "team").is_dir()
    rundir.remove()
    claim("team").remove()


def test_a_dead_run_is_not_found_and_is_taken_over(base):
    dead = claim("team")
    dead.publish(info_of(dead))
    (dead.path / "s").touch()
    die(dead)
    with pytest.raises(NoRun, match="farptr up julie toby"):
        find("team")
    assert list_runs() == []
    rundir = claim("team")
    assert [path.name for path in rundir.path.iterdir()] == ["logs"]
    rundir.remove()


def test_private_runs_coexist_and_dead_ones_are_swept(base):
    first, second, dead = claim(None), claim(None), claim(None)
    assert len({first.name, second.name, dead.name}) == 3
    assert first.name.startswith(f"p-{os.getpid()}-")
    die(dead)
    (base / "p-1-0123abcd").mkdir(mode=0o700)  # without a lock file
    third = claim(None)
    left = {path.name for path in base.iterdir() if path.is_dir()}
    assert left == {first.name, second.name, third.name}
    for rundir in (first, second, third):
        rundir.remove()
    assert list(base.iterdir()) == []


def test_removing_late_leaves_the_next_run_alone(base):
    late = claim("team")
    (base / "team.lock").unlink()
    following = claim("team")
    late.remove()
    assert following.path.is_dir()
    assert locks.is_held(base / "team.lock")
    following.remove()


def test_clear(base):
    dead = claim("team")
    assert not clear(dead.path)
    die(dead)
    assert clear(dead.path)
    assert clear(dead.path)
    assert list(base.iterdir()) == []


def test_looking_does_not_disturb_claiming(base):
    over = threading.Event()

    def look():
        while not over.is_set():
            list_runs()
            locks.is_held(base / "team.lock")

    lookers = [threading.Thread(target=look) for _ in range(2)]
    for looker in lookers:
        looker.start()
    try:
        for _ in range(30):
            claim("team").remove()
    finally:
        over.set()
        for looker in lookers:
            looker.join()


def test_the_lock_follows_the_file(base, monkeypatch):
    """The holder removes the file between our open and our lock: we must end up with a lock on the new file."""
    path = base / "x.lock"
    real, calls = fcntl.flock, []

    def flock(fd, how):
        if not calls:
            path.unlink()
        calls.append(fd)
        real(fd, how)

    monkeypatch.setattr(fcntl, "flock", flock)
    fd = locks.acquire(path)
    assert fd is not None
    assert len(calls) == 2
    assert locks.is_at(fd, path)
    locks.discard(fd, path)
    assert not path.exists()


@pytest.mark.parametrize("name", ["p-12-0123abcd", "../x", "a.b", "", "x" * 33, "1"])
def test_bad_names(base, name):
    with pytest.raises(BadName):
        claim(name)
    assert list(base.iterdir()) == []


def test_base_must_be_private(base):
    base.chmod(0o755)
    with pytest.raises(RuntimeDirectory, match="mode 0755") as caught:
        claim("team")
    assert f"chmod 700 {base}" in caught.value.hint
    with pytest.raises(RuntimeDirectory):
        find("team")


def test_base_must_not_be_a_link(base, monkeypatch):
    (base / "real").mkdir(mode=0o700)
    (base / "link").symlink_to(base / "real")
    monkeypatch.setenv("FARPTR_RUNTIME_DIR", str(base / "link"))
    for call in (lambda: claim("team"), lambda: find("team")):
        with pytest.raises(RuntimeDirectory, match="symbolic link"):
            call()


def test_base_must_be_ours(base, monkeypatch):
    monkeypatch.setattr(os, "geteuid", lambda: 12345)
    with pytest.raises(RuntimeDirectory, match="not to 12345"):
        claim("team")


def test_base_must_be_a_directory(base, monkeypatch):
    (base / "file").touch()
    monkeypatch.setenv("FARPTR_RUNTIME_DIR", str(base / "file"))
    with pytest.raises(RuntimeDirectory, match="no directory"):
        claim("team")
    monkeypatch.setenv("FARPTR_RUNTIME_DIR", str(base / "file" / "below"))
    with pytest.raises(RuntimeDirectory, match="cannot make"):
        claim("team")


def test_a_link_in_the_place_of_a_run_is_refused(base):
    (base / "elsewhere").mkdir(mode=0o700)
    (base / "elsewhere" / "precious").touch()
    (base / "team").symlink_to(base / "elsewhere")
    with pytest.raises(RuntimeDirectory, match="symbolic link"):
        claim("team")
    assert (base / "elsewhere" / "precious").exists()
    assert not locks.is_held(base / "team.lock")


def test_long_paths_are_refused_before_anything_is_made(base, monkeypatch):
    monkeypatch.setenv("FARPTR_RUNTIME_DIR", str(base / ("d" * 100)))
    with pytest.raises(RuntimeDirectory, match=r"bytes; the path of a socket can have 10[37]") as caught:
        claim("team")
    assert "FARPTR_RUNTIME_DIR" in caught.value.hint
    assert list((base / ("d" * 100)).iterdir()) == []


def test_nothing_is_made_by_looking(base, monkeypatch):
    monkeypatch.setenv("FARPTR_RUNTIME_DIR", str(base / "none"))
    assert list_runs() == []
    with pytest.raises(NoRun):
        find("team")
    assert not (base / "none").exists()


def test_the_default_falls_back_where_it_cannot_be_made(base, monkeypatch):
    monkeypatch.delenv("FARPTR_RUNTIME_DIR")
    (base / "file").touch()
    fallback = base / "fallback"
    monkeypatch.setattr(base_module, "_defaults", lambda: (base / "file" / "farptr", fallback))
    assert base_module.make_base() == fallback
    assert mode(fallback) == 0o700


def test_the_default_falls_back_where_strangers_can_write(base, monkeypatch):
    monkeypatch.delenv("FARPTR_RUNTIME_DIR")
    (base / "shared").mkdir()
    (base / "shared").chmod(0o777)
    monkeypatch.setattr(base_module, "_defaults", lambda: (base / "shared" / "farptr", base / "fallback"))
    assert base_module.make_base() == base / "fallback"
    assert base_module.existing_bases() == [base / "fallback"]


@pytest.mark.parametrize("text", ["", "[]", "{}", "{", '{"name": "team"}'])
def test_an_unreadable_description_is_no_run(base, text):
    rundir = claim("team")
    (rundir.path / "run.json").write_text(text)
    with pytest.raises(NoRun):
        find("team")
    assert list_runs() == []
    rundir.remove()
