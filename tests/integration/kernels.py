"""A real kernel to run cells in, as a notebook's front end would, and to interrupt."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
import time
from pathlib import Path
from queue import Empty

from jupyter_client.manager import KernelManager

PATIENCE_S = 30.0


class Shown:
    """What one cell has shown."""

    def __init__(self):
        self.text = ""
        self.data = {}
        self.error = None
        """(type, message) of what it raised."""

    def take_in(self, message):
        kind, content = message["msg_type"], message["content"]
        if kind == "stream":
            self.text += content["text"]
        elif kind in ("execute_result", "display_data"):
            self.data = content["data"]
        elif kind == "error":
            self.error = (content["ename"], content["evalue"], "\n".join(content["traceback"]))


class Kernel:
    """One IPython kernel in a process of its own."""

    def __init__(self, manager, client):
        self._manager, self._client = manager, client
        self._pending = None

    def begin(self, code):
        """Have a cell run; what it shows comes with ``until_shown`` and ``end``."""
        self._pending = (self._client.execute(code), Shown())

    def end(self, patience_s=PATIENCE_S):
        """Wait until the cell is done; what it has shown."""
        return self._follow(lambda shown: False, patience_s)

    def until_shown(self, text):
        """Wait until the cell has printed that."""
        return self._follow(lambda shown: text in shown.text, PATIENCE_S)

    def _follow(self, enough, patience_s):
        request, shown = self._pending
        deadline_s = time.monotonic() + patience_s
        while not enough(shown):
            try:
                message = self._client.get_iopub_msg(timeout=max(0.01, deadline_s - time.monotonic()))
            except Empty:
                raise AssertionError(f"the cell goes on for {patience_s} s; it has shown {shown.text!r}") from None
            if message["parent_header"].get("msg_id") != request:
                continue
            if message["msg_type"] == "status" and message["content"]["execution_state"] == "idle":
                break
            shown.take_in(message)
        return shown

    def run(self, code, patience_s=PATIENCE_S):
        """Run a cell that raises nothing; what it shows."""
        shown = self.tried(code, patience_s)
        assert shown.error is None, shown.error[2]
        return shown

    def tried(self, code, patience_s=PATIENCE_S):
        """Run a cell; what it shows."""
        self.begin(code)
        return self.end(patience_s)

    def interrupt(self):
        """What the stop button does."""
        self._manager.interrupt_kernel()


@contextlib.contextmanager
def kernel():
    """A kernel for the block; its files and sockets lie in a short directory of its own."""
    folder = Path(tempfile.mkdtemp(prefix="nb-", dir="/tmp"))
    manager = KernelManager(kernel_name="python3", transport="ipc", connection_file=str(folder / "kernel.json"))
    try:
        manager.start_kernel(cwd=str(folder), env={**os.environ, "IPYTHONDIR": str(folder)})
        client = manager.client()
        client.start_channels()
        try:
            client.wait_for_ready(timeout=PATIENCE_S)
            yield Kernel(manager, client)
        finally:
            client.stop_channels()
            manager.shutdown_kernel(now=False)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
