"""Where a command's output cannot go: a full disk, a closed stdout, a file that cannot be written."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

import farptr as fp
from tests.integration.commands import FARPTR, farptr, ok, refused

FULL = "error: stdout, or a file of the run, cannot be written: No space left on device"
TO_FILES = ["report", "trace", "draw matrix"]
TO_STDOUT = ["ps", "ps --json", "objects", "ledger runs", "ledger runs --csv", "ledger runs --json", "report runs -o -"]


@pytest.fixture
def recorded(base):
    """A run that is up, and its journal in ``runs``."""
    with fp.up("julie", name="default", journal=base / "runs") as sim:
        fp.tensor([1, 2]).send(sim["julie"]).get()
        yield base


def with_stdout(command, redirection, cwd):
    words = ["sh", "-c", f'exec "$@" {redirection}', "sh", *FARPTR, *command.split()]
    return subprocess.run(words, cwd=cwd, stderr=subprocess.PIPE, text=True, check=False, timeout=60, env=os.environ)


@pytest.mark.parametrize("command", TO_FILES)
def test_a_file_that_cannot_be_written_is_no_bug(recorded, command):
    for place, why in (("none/x", "No such file or directory"), (".", "Is a directory")):
        error, hint = refused(1, *command.split(), "runs", "-o", place, cwd=recorded)
        assert error == f"{place}: {why}"
        assert "bug" not in hint
    if Path("/dev/full").exists():
        error, hint = refused(1, *command.split(), "runs", "-o", "/dev/full", cwd=recorded)
        assert error == "/dev/full: No space left on device"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is full")
def test_a_full_disk_behind_stdout_is_no_bug(recorded):
    for command in (*TO_STDOUT, "--help", "completion bash"):
        done = with_stdout(command, "> /dev/full", recorded)
        error, hint = done.stderr.splitlines()[-2:]
        assert (done.returncode, error) == (1, FULL), command
        assert "bug" not in hint


def test_a_stdout_that_is_closed_gets_nothing(recorded):
    for command in (*TO_STDOUT, "link"):
        done = with_stdout(command, ">&-", recorded)
        assert (done.returncode, [line for line in done.stderr.splitlines() if not line.startswith("note: ")]) == (
            0,
            [],
        )


def test_no_moment_of_a_run_is_called_nan_or_inf(recorded):
    for option, moment in (("--to", "nan"), ("--to", "inf"), ("--from", "nan")):
        error, _ = refused(2, "draw", "sequence", "runs", option, moment, cwd=recorded)
        assert moment in error
    (recorded / "pass.py").write_text("")
    for grace in ("nan", "inf"):
        assert grace in refused(2, "run", "--grace", grace, "pass.py", cwd=recorded)[0]
    assert ok("draw", "matrix", "runs", "--to", "0.5", "-o", "-", cwd=recorded).endswith("</svg>\n")


def test_a_claim_that_cannot_be_meant_is_wrong_usage_before_anything_is_printed(recorded):
    for words in (
        ("--unless", "nonsense"),
        ("--unless", "derived"),
        ("--never-saw", "me=julie", "--unless", "nonsense"),
        ("--never-saw", "me=julie", "--unless", "aggregate:x"),
        ("--never-saw", "me"),
        ("--never-saw", "me="),
        ("--never-saw", "=julie"),
    ):
        done = farptr("ledger", "runs", *words, cwd=recorded)
        assert (done.returncode, done.stdout) == (2, ""), words
        error, hint = done.stderr.splitlines()
        assert (error[:7], hint[:6]) == ("error: ", "hint: ")


def test_a_claim_about_what_never_was_is_wrong_usage(recorded):
    for claim in ("nobody=julie", "me=nobody", "me=julie/nothing", "me=julie:x"):
        done = farptr("ledger", "runs", "--never-saw", claim, cwd=recorded)
        assert done.returncode == 2, claim


def test_an_address_where_a_name_is_wanted(base):
    for command in (
        ("ps",), ("down",), ("logs",), ("monitor",), ("add", "bob"), ("rm", "bob"), ("restart", "bob"), ("kill", "bob")
    ):  # fmt: skip
        error, hint = refused(2, *command, "-c", "tcp://192.0.2.7:7600")
        assert error == "'tcp://192.0.2.7:7600' is an address, and this takes the name of a run on this machine"
        assert "objects" in hint


def test_nobody_is_told_to_lock_or_remove_what_others_use(base, monkeypatch):
    shared = base / "shared"
    shared.mkdir()
    shared.chmod(0o1777)  # as /tmp is
    file = base / "file"
    file.write_text("")
    for path in (shared, file):
        _, hint = refused(5, "up", "a", "-d", FARPTR_RUNTIME_DIR=str(path))
        assert hint.startswith("set FARPTR_RUNTIME_DIR to a directory of your own")


def test_nothing_answers_on_the_network(base):
    assert ok("keys", "new", "ana", "--client", "-o", base / "ana.key", FARPTR_KEYS=str(base / "keys"))
    error, hint = refused(3, "objects", "-c", "tcp://127.0.0.1:1", "--key", base / "ana.key")
    assert "nothing answers at tcp://127.0.0.1:1" in error
    assert "--bind" in hint


@pytest.mark.parametrize("columns", ["0", "-1", "wide", ""])
def test_a_width_that_is_none_hides_nothing(base, columns):
    """Some terminals and containers set COLUMNS=0."""
    with fp.up("julie", name="default"):
        assert "julie" in ok("ps", COLUMNS=columns)


def test_a_runtime_directory_on_a_full_disk(base):
    """No file may grow, as on a full disk: the supervisor cannot even log why the run does not start."""
    words = ["sh", "-c", 'ulimit -f 0; exec "$@"', "sh", *FARPTR, "up", "julie", "-d"]
    done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 5, done.stderr
    error, hint = done.stderr.splitlines()
    assert "File too large" in error
    assert "FARPTR_RUNTIME_DIR" in hint
    assert list(base.iterdir()) == []


def test_a_network_or_costs_in_a_file_that_is_not_there(base):
    (base / "pass.py").write_text("")
    for words in (("--net", "none.toml"), ("--clock", "virtual", "--costs", "none.toml")):
        error, hint = refused(2, "run", *words, "pass.py", cwd=base)
        assert error == "none.toml: No such file or directory"
        assert hint == "name a TOML file that you can read"
