"""The errors for children that do not come up, with the end of their logs."""

from __future__ import annotations

import contextlib
import signal
import traceback
from pathlib import Path
from typing import Any

from farptr.launch import logs
from farptr.launch.spec import error_from_json
from farptr.protocol.errors import ERRORS, FarptrError, StartFailed

_LOG_LINES = 5


def how(code: int) -> str:
    """How a process ended; a negative code is a signal."""
    return f"exit code {code}" if code >= 0 else f"killed by {signal.Signals(-code).name}"


def supervisor(failure: Exception, base: Path) -> StartFailed:
    """The supervisor itself has failed, amid the handling of this; its log gets all of it, if the disk takes it."""
    with contextlib.suppress(OSError):
        traceback.print_exc()
    hint = f"is there room in {base}? FARPTR_RUNTIME_DIR names another place" if isinstance(failure, OSError) else ""
    return StartFailed(f"the supervisor failed: {type(failure).__name__}: {failure}", hint=hint)


def died(run: Path, name: str, code: int) -> StartFailed:
    """It ended before it had joined."""
    return StartFailed(f"{name} died while the run was starting ({how(code)}){_log_tail(run, name)}")


def told(run: Path, name: str, fields: dict[str, Any]) -> FarptrError:
    """It, or the broker, has said why: an error of ours is that error."""
    error = error_from_json(fields)
    if fields.get("kind") in ERRORS:
        return error
    return StartFailed(f"{name} did not start: {error.message}{_log_tail(run, name)}")


def too_late(run: Path, names: list[str], timeout_s: float) -> StartFailed:
    """They were not up in time."""
    return StartFailed(f"not up within {timeout_s:g} s: {', '.join(names)}{_log_tail(run, names[0])}")


def _log_tail(run: Path, name: str) -> str:
    lines = logs.tail(run, [name], _LOG_LINES)
    return "".join(f"\n  {name} | {line}" for _, line in lines)
