"""The supervisor's two pipes to the process that owns the run."""

from __future__ import annotations

import contextlib
import os
from typing import Any

from farptr.launch.spec import MAX_LINE_BYTES, Spec, decode, encode
from farptr.protocol.errors import FarptrError, StartFailed


class Owner:
    """Takes over this process's stdin and stdout: a spec comes in, one answer goes out.

    ``fd`` is then the lifeline: it ends when the owner closes it or dies, however that happens. Stdin becomes empty
    and stdout becomes stderr, so that nothing else can write into the answer.
    """

    def __init__(self) -> None:
        self.fd = os.dup(0)
        self._answer_fd = os.dup(1)
        null_fd = os.open(os.devnull, os.O_RDONLY)
        os.dup2(null_fd, 0)
        os.close(null_fd)
        os.dup2(2, 1)

    def read_spec(self) -> Spec:
        """The spec, one JSON line; waits for it. Raises StartFailed when it is none, BadName for its names."""
        line = b""
        while not line.endswith(b"\n") and len(line) < MAX_LINE_BYTES:
            chunk = os.read(self.fd, MAX_LINE_BYTES)
            if not chunk:
                break
            line += chunk
        try:
            return Spec.from_json(decode(line))
        except (ValueError, KeyError, TypeError) as error:
            if isinstance(error, FarptrError):
                raise
            raise StartFailed(f"the supervisor was given no spec that it can read: {error}") from error

    def tell(self, answer: dict[str, Any]) -> None:
        """Write the one answer and close its pipe. An owner that is gone is no error; a second answer is dropped."""
        if self._answer_fd < 0:
            return
        line = encode(answer)
        with contextlib.suppress(OSError):
            while line:
                line = line[os.write(self._answer_fd, line) :]
        os.close(self._answer_fd)
        self._answer_fd = -1

    def is_gone(self) -> bool:
        """Whether the pipe has ended. Only when ``fd`` is readable, else it waits."""
        return not os.read(self.fd, 4096)
