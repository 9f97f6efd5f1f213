"""The command line as a person uses it: started as a process, its output in pipes."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pexpect

FARPTR = [sys.executable, "-m", "farptr"]
ROOT = Path(__file__).parents[2]
PATIENCE_S = 15.0


def pids_of(info):
    return [info.supervisor_pid, info.broker_pid, *info.workers.values()]


def farptr(*arguments, stdin=None, cwd=None, **variables):
    """Run a command with its output in pipes."""
    how = {"stdin": subprocess.DEVNULL} if stdin is None else {"input": stdin}
    return subprocess.run(
        [*FARPTR, *map(str, arguments)],
        env=os.environ | variables,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        cwd=cwd,
        **how,
    )


def ok(*arguments, **how):
    done = farptr(*arguments, **how)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def refused(code, *arguments, **how):
    """A command that fails as it should: the error in one line, the hint in another, no traceback."""
    done = farptr(*arguments, **how)
    assert done.returncode == code, done.stderr
    error, hint = done.stderr.splitlines()
    assert error.startswith("error: ")
    assert hint.startswith("hint: ")
    return error.removeprefix("error: "), hint.removeprefix("hint: ")


def ended(child):
    """What a command on a terminal still says, and its exit code."""
    child.expect(pexpect.EOF)
    child.wait()
    return child.before, child.exitstatus


def last_line(said):
    """Of what a command said; a terminal shows a Ctrl-C before it."""
    return said.strip().splitlines()[-1].removeprefix("^C")


def rows(table):
    """The cells of a table that was printed into a pipe, by the name in its second column."""
    lines = [re.split(r" {2,}", line.strip()) for line in table.splitlines()[1:]]
    return {cells[1]: cells for cells in lines if len(cells) > 1}
