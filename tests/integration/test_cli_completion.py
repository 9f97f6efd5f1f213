"""Completion through each shell's own machinery, as after a Tab."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys

import pytest

from tests.integration.commands import ok, refused

HEAVY = ("numpy", "zmq", "rich", "psutil", "cloudpickle", "farptr.client", "farptr.broker", "farptr.worker")


@pytest.fixture
def program(base, monkeypatch):
    """A ``farptr`` on the path, as an installation puts it there."""
    path = base / "bin"
    path.mkdir()
    (path / "farptr").write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m farptr "$@"\n')
    (path / "farptr").chmod(0o755)
    monkeypatch.setenv("PATH", f"{path}{os.pathsep}{os.environ['PATH']}")


def shell(name, text):
    found = shutil.which(name)
    if found is None:
        pytest.skip(f"{name} is not installed")
    done = subprocess.run([found, "-c", text], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.split()


def bash(*words):
    """What bash offers for the last word."""
    line = " ".join(map(shlex.quote, words))
    call = f"COMP_WORDS=({line}); COMP_CWORD={len(words) - 1}; _farptr_completion farptr"
    # compopt works only within a real completion
    script = f"source <(farptr completion bash); complete -p farptr >/dev/null; compopt() {{ :; }}; {call}"
    return shell("bash", script + '; echo "${COMPREPLY[@]}"')


def test_bash_completes_commands_and_options(program):
    assert bash("farptr", "d") == ["down", "draw", "demo", "doctor"]
    assert set(bash("farptr", "")) >= {"up", "down", "ps", "objects", "logs", "add", "rm", "run", "shell", "completion"}
    assert set(bash("farptr", "up", "--")) >= {"--detach", "--run", "--json"}
    assert bash("farptr", "demo", "t") == ["tour"]
    assert bash("farptr", "completion", "") == ["bash", "zsh", "fish"]


def test_bash_completes_names_of_runs_and_live_workers(program):
    ok("up", "julie", "toby", "-d")
    ok("up", "bob", "-d", "-c", "team")
    assert bash("farptr", "down", "-c", "") == ["default", "team"]
    assert bash("farptr", "worker", "x", "--connect", "t") == ["team"]
    assert bash("farptr", "objects", "") == ["julie", "toby"]
    assert bash("farptr", "objects", "-c", "team", "") == ["bob"]
    assert bash("farptr", "rm", "julie", "") == ["toby"]
    assert bash("farptr", "logs", "") == ["broker", "julie", "supervisor", "toby"]
    ok("rm", "toby")
    assert bash("farptr", "objects", "") == ["julie"]
    ok("down")
    assert bash("farptr", "objects", "") == []
    ok("down", "-c", "team")
    assert bash("farptr", "down", "-c", "") == []


def test_the_run_of_the_environment_counts(program, monkeypatch):
    ok("up", "bob", "-d", "-c", "team")
    monkeypatch.setenv("FARPTR_RUN", "team")
    assert bash("farptr", "rm", "") == ["bob"]


def test_a_runtime_directory_that_will_not_do_is_no_noise(program, base):
    base.chmod(0o755)
    assert bash("farptr", "objects", "") == []
    base.chmod(0o700)


def test_bash_leaves_files_to_bash(program):
    done = subprocess.run(
        [sys.executable, "-m", "farptr"],
        env=os.environ | {"_FARPTR_COMPLETE": "bash_complete", "COMP_WORDS": "farptr run x", "COMP_CWORD": "2"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout == "file,x\n"


def test_completion_imports_nothing_heavy(program):
    ok("up", "julie", "-d")
    code = (
        "import sys\nfrom farptr.cli import main\n"
        "try: main()\nexcept SystemExit: pass\n"
        f"print('heavy', *(name for name in {HEAVY!r} if name in sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | {"_FARPTR_COMPLETE": "bash_complete", "COMP_WORDS": "farptr rm ", "COMP_CWORD": "2"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout == "plain,julie\nheavy\n"


def test_zsh_completes_a_worker(program):
    ok("up", "julie", "-d")
    stub = "compdef() { :; }; _describe() { print -l ${(P)${@[-1]}}; }; compadd() { :; }"
    call = "words=(farptr rm ''); CURRENT=3; _farptr_completion"
    offered = shell("zsh", f'{stub}; eval "$(farptr completion zsh)"; {call}')
    assert any(word.startswith("julie") for word in offered)


def test_fish_completes_a_worker(program):
    ok("up", "julie", "-d")
    offered = shell("fish", 'farptr completion fish | source; complete -C "farptr rm "')
    assert "julie" in offered


@pytest.mark.parametrize("name", ["bash", "zsh", "fish"])
def test_the_script_says_how_to_install_it(base, name):
    text = ok("completion", name)
    assert text.startswith("# ")
    assert f"farptr completion {name}" in text.splitlines()[0]
    assert f"{name}_complete" in text
    assert ok("completion", SHELL=f"/usr/bin/{name}") == text


def test_bad_input(base):
    assert "which shell?" in refused(2, "completion", SHELL="/bin/tcsh")[0]
    assert "'tcsh' is not one of" in refused(2, "completion", "tcsh")[0]
