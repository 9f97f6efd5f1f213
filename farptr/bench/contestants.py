"""A contestant as the one who measures sees it: a process that is asked with a deadline, and ended whatever happens."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import select
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from farptr.bench.ending import TOKEN_VARIABLE, end_marked, left_after
from farptr.bench.host import FOLDER_VARIABLE, LEAVE_S
from farptr.bench.steps import Sizes
from farptr.launch.base import VARIABLE as RUNS_VARIABLE
from farptr.protocol.errors import FarptrError

QUIET = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_AUTH_MODE": "disabled",
    "RAY_DEDUP_LOGS": "0",
    "DASK_LOGGING__DISTRIBUTED": "critical",
    "PYTHONWARNINGS": "ignore",
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
}
"""No reports to anybody, nothing written to the home directory, and one thread for arithmetic, for all."""
LOG_CHARACTERS = 300
ORPHANS_S = 2.0
"""How long what a contestant has started may take to notice that it is gone, and to clean up."""


class Failed(FarptrError):
    """A contestant did not do what it was asked to; the message says what happened."""


class Contestant:
    """The process that holds one library; what it starts has a token and a directory for temporary files of its own."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._token = secrets.token_hex(8)
        self._folder = Path(tempfile.mkdtemp(prefix="fpb-", dir="/tmp"))  # a short path, for sockets
        self._log = self._folder / "log"
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "farptr.bench.host", name],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                start_new_session=True,  # a Ctrl-C is for the one who measures
                env=os.environ | QUIET | self._own(),
            )
        self._rest = b""

    def _own(self) -> dict[str, str]:
        folder = str(self._folder)
        places = {
            "TMPDIR": folder,
            "IPYTHONDIR": f"{folder}/ipython",
            RUNS_VARIABLE: f"{folder}/r",
            FOLDER_VARIABLE: folder,
        }
        return {TOKEN_VARIABLE: self._token} | places

    def ask(self, work: str, sizes: Sizes, timeout_s: float) -> dict[str, Any]:
        """One round of a work, or ``start``; raises Failed when it fails, ends or takes longer."""
        request = {"work": work, "sizes": sizes._asdict()}
        assert self._process.stdin is not None
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.write((json.dumps(request) + "\n").encode())
            self._process.stdin.flush()
        answer = json.loads(self._line(time.monotonic() + timeout_s, timeout_s))
        if "error" in answer:
            raise Failed(answer["error"])
        return dict(answer["found"])

    def _line(self, deadline_s: float, timeout_s: float) -> bytes:
        assert self._process.stdout is not None
        pipe = self._process.stdout.fileno()
        while b"\n" not in self._rest:
            ready, _, _ = select.select([pipe], [], [], max(0.0, deadline_s - time.monotonic()))
            if not ready:
                raise Failed(f"no answer within {timeout_s:.0f} s")
            data = os.read(pipe, 1 << 16)
            if not data:
                raise Failed(f"its process has ended: {self._last_words()}")
            self._rest += data
        line, self._rest = self._rest.split(b"\n", 1)
        return line

    def _last_words(self) -> str:
        lines = self._log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
        return lines[-1][-LOG_CHARACTERS:] if lines else "without a word"

    def end(self, *, patient: bool = True) -> None:
        """End it and everything it has started; patiently: it may do so itself, for some seconds."""
        for pipe in (self._process.stdin, self._process.stdout):
            with contextlib.suppress(OSError):
                assert pipe is not None
                pipe.close()
        try:
            if patient:
                with contextlib.suppress(subprocess.TimeoutExpired):
                    self._process.wait(LEAVE_S)
            self._process.kill()
            left_after(self._token, ORPHANS_S)
        finally:
            end_marked(self._token)
            self._process.wait()
            shutil.rmtree(self._folder, ignore_errors=True)
