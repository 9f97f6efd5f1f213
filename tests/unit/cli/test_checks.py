"""What the doctor says of made-up machines."""

from __future__ import annotations

import os
import resource
import sys

import pytest

from farptr.cli import checks
from farptr.cli.checks import BAD, NOTE, OK


@pytest.fixture
def base(tmp_path, monkeypatch):
    path = tmp_path / "b"
    path.mkdir(mode=0o700)
    monkeypatch.setenv("FARPTR_RUNTIME_DIR", str(path))
    return path


@pytest.mark.parametrize(
    ("version", "state"), [("1.26.4", OK), ("2.0.0rc1", OK), ("10.1", OK), ("1.25.9", BAD), ("0.9", BAD)]
)
def test_versions(version, state):
    check = checks._at_least("NumPy", version, version, checks.NUMPY)
    assert check.state == state
    assert bool(check.to_do) == (state == BAD)


def test_the_versions_here_are_well():
    assert [check().state for check in checks._VERSIONS] == [OK] * 4


def test_a_directory_that_others_can_enter(base):
    assert checks.runtime_directory().state == OK
    base.chmod(0o755)
    check = checks._safely(checks.runtime_directory)
    assert (check.name, check.state, check.to_do) == ("runtime directory", BAD, f"chmod 700 {base}")


@pytest.mark.parametrize(("left", "state"), [(40, OK), (32, OK), (31, NOTE), (20, NOTE), (19, BAD)])
def test_how_much_of_a_path_is_left(base, monkeypatch, left, state):
    from farptr.launch import rundir

    length = len(os.fsencode(base)) + len("//s") + left
    monkeypatch.setattr(rundir, "SOCKET_PATH_LIMIT_BYTES", length)
    check = checks.socket_path()
    assert check.state == state
    assert check.found.startswith(f"{left} bytes left")


def test_a_private_name_fits_where_the_doctor_is_content(base, monkeypatch):
    from farptr.launch import rundir

    monkeypatch.setattr(
        rundir, "SOCKET_PATH_LIMIT_BYTES", len(os.fsencode(base)) + len("//s") + checks.NAME_NEEDED_BYTES
    )
    claimed = rundir.claim(None)
    assert checks.socket_path().state == NOTE
    claimed.remove()


@pytest.mark.parametrize(
    ("soft", "hard", "state", "to_do"),
    [
        (20_000, 20_000, OK, ""),
        (resource.RLIM_INFINITY, resource.RLIM_INFINITY, OK, ""),
        (256, 4096, NOTE, "ulimit -n 1024"),
        (256, 512, NOTE, "ulimit -n 512"),
        (64, resource.RLIM_INFINITY, BAD, "ulimit -n 1024"),
    ],
)
def test_open_files(monkeypatch, soft, hard, state, to_do):
    monkeypatch.setattr(resource, "getrlimit", lambda _: (soft, hard))
    check = checks.open_files()
    assert (check.state, check.to_do) == (state, to_do)


@pytest.mark.parametrize(
    ("limit", "current", "left"),
    [("max", "9", sys.maxsize), ("100", "40", 60), ("10", "12", 0), ("x", "y", sys.maxsize)],
)
def test_processes_of_a_container(tmp_path, limit, current, left):
    (tmp_path / "pids.max").write_text(f"{limit}\n")
    (tmp_path / "pids.current").write_text(f"{current}\n")
    assert checks._left_of_cgroup(tmp_path) == left


@pytest.mark.parametrize(("left", "state"), [(sys.maxsize, OK), (64, OK), (20, NOTE), (3, BAD)])
def test_processes(monkeypatch, left, state):
    monkeypatch.setattr(checks, "_left_of_rlimit", lambda: sys.maxsize)
    monkeypatch.setattr(checks, "_left_of_cgroup", lambda: left)
    assert checks.processes().state == state


def test_stale_runs(base):
    from farptr.launch.rundir import claim, clear

    assert checks.stale_runs() == ("stale runs", OK, "none", "")
    run = claim("team")
    assert checks.stale_runs().state == OK, "it lives"
    os.close(run.lock_fd)  # as when all its processes are killed at once
    check = checks.stale_runs()
    assert check.state == NOTE
    assert check.to_do == f"rm -rf {base / 'team'} {base / 'team'}.lock"
    assert clear(base / "team")
    assert checks.stale_runs().state == OK


def test_a_check_that_fails_is_a_finding():
    def some_thing():
        raise ZeroDivisionError("by zero")

    assert checks._safely(some_thing) == ("some thing", BAD, "ZeroDivisionError: by zero", "see the message")


def test_shared_memory_is_looked_at():
    check = checks.shared_memory()
    assert check.name == "shared memory"
    assert check.state in (OK, NOTE)
    assert bool(check.to_do) == (check.state == NOTE)
