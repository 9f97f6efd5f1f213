"""Worker processes for libraries that bring none: one that serves for each, asked for its address with a deadline."""

from __future__ import annotations

import multiprocessing
import tempfile
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

START_S = 30.0

Serve = Callable[[str, "Connection[Any, Any]"], None]
"""Serve at that path of a socket; say one word through the connection when that has begun."""


class Served:
    """So many processes that each serve at a socket of their own."""

    def __init__(self, serve: Serve, workers: int) -> None:
        self._folder = tempfile.TemporaryDirectory()
        self.paths = [str(Path(self._folder.name) / f"w{i}") for i in range(workers)]
        self.words: list[Any] = []
        spawn = multiprocessing.get_context("spawn")
        self._processes = []
        ears = []
        for path in self.paths:
            ear, mouth = spawn.Pipe(duplex=False)
            process = spawn.Process(target=serve, args=(path, mouth), daemon=True)
            process.start()
            mouth.close()
            ears.append(ear)
            self._processes.append(process)
        for ear in ears:
            if not ear.poll(START_S):
                raise TimeoutError("a worker did not begin to serve")
            self.words.append(ear.recv())
            ear.close()

    def pids(self) -> list[int]:
        """The processes, in order."""
        return [process.pid or 0 for process in self._processes]

    def end(self) -> None:
        """End them."""
        for process in self._processes:
            process.terminate()
        for process in self._processes:
            process.join(5)
        self._folder.cleanup()
