"""Code of clients may fork. The child is no worker: it has its parent's sockets, and must not get to use them."""

from __future__ import annotations

import contextlib
import os
import sys
import traceback
from collections.abc import Iterator


@contextlib.contextmanager
def ended_here() -> Iterator[None]:
    """A child that was forked inside ends where this ends, with 0, or with 1 and a traceback in the worker's log."""
    own = os.getpid()
    code = 1
    try:
        yield
        code = 0
    except BaseException:
        if os.getpid() != own:
            with contextlib.suppress(Exception):
                traceback.print_exc(file=sys.__stderr__)
        raise
    finally:
        if os.getpid() != own:
            os._exit(code)
