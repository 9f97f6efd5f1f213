"""The process that holds one contestant: ``python -m farptr.bench.host NAME``; a line of JSON in, a line out.

What the library prints goes to standard error. When standard input ends, so does everything that was started here,
also if the library hangs.

Between requests what was started here is stopped: workers of torch RPC, for one, use a quarter of a processor each
while they wait, and whoever is measured meanwhile would pay for it.
"""

from __future__ import annotations

import json
import os
import queue
import shutil
import signal
import sys
import threading
from typing import Any, NoReturn

from farptr.bench.ending import TOKEN_VARIABLE, end_marked, pause_others, tell
from farptr.bench.steps import Sizes
from farptr.bench.works import WORKS, do, said

FOLDER_VARIABLE = "FARPTR_BENCH_FOLDER"
"""A directory to remove in the end."""
LEAVE_S = 10.0
"""How long the library may take to end by itself."""


def main(name: str) -> None:
    """Answer requests until there are no more."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    asked: queue.SimpleQueue[str] = queue.SimpleQueue()
    threading.Thread(target=_listen, args=(asked,), daemon=True).start()
    holder = Holder(name)
    paused: list[int] = []
    try:
        while line := asked.get():
            tell(paused, signal.SIGCONT)
            answer = holder.answer(json.loads(line))
            paused = pause_others(os.environ.get(TOKEN_VARIABLE, ""))
            answers.write(json.dumps(answer) + "\n")
            answers.flush()
    except BrokenPipeError:
        pass  # nobody wants to know any more
    tell(paused, signal.SIGCONT)
    try:
        holder.stop()
    finally:
        _leave(0)


def _leave(code: int) -> NoReturn:
    """End everything that was started here, then this process: threads of some libraries never end."""
    token, folder = os.environ.get(TOKEN_VARIABLE, ""), os.environ.get(FOLDER_VARIABLE)
    end_marked(token, from_inside=True)
    if folder:
        shutil.rmtree(folder, ignore_errors=True)
    os._exit(code)


def _listen(asked: queue.SimpleQueue[str]) -> None:
    for line in sys.stdin:
        asked.put(line)
    asked.put("")
    timer = threading.Timer(LEAVE_S, _leave, (1,))
    timer.daemon = True
    timer.start()


class Holder:
    """One adapter; it starts its workers when a work needs them to be there."""

    def __init__(self, name: str) -> None:
        from farptr.bench.peers import adapter

        self._adapter = adapter(name)
        self._started = False

    def answer(self, request: dict[str, Any]) -> dict[str, Any]:
        """What was found, or the error."""
        fields: dict[str, Any] = {
            name: tuple(value) if isinstance(value, list) else value for name, value in request["sizes"].items()
        }
        try:
            return {"found": self._do(request["work"], Sizes(**fields))}
        except Exception as error:
            return {"error": said(error)}

    def _do(self, work: str, sizes: Sizes) -> dict[str, float | str]:
        if work == "start":
            self._adapter.start(sizes.workers)
            self._started = True
            self._adapter.prepare()
            return {}
        assert work in WORKS, work
        return do(work, self._adapter, sizes)

    def stop(self) -> None:
        """End the workers, if there are any."""
        if self._started:
            self._adapter.stop()


if __name__ == "__main__":
    main(sys.argv[1])
