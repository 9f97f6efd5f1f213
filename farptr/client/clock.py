"""The clock of a run, as a client reads it."""

from __future__ import annotations

import contextlib
import time
import warnings
from typing import TYPE_CHECKING, Any

from farptr.protocol.errors import BadClock, FarptrError

if TYPE_CHECKING:
    from farptr.client.session import Session

LONGEST_S = 1e9


class CostsNotKept(UserWarning):
    """Costs were to be measured, and there is no file of them."""


class Clock:
    """What a ``Run`` says of time."""

    if TYPE_CHECKING:
        _session: Session

    _began_s = 0.0
    _modelled: dict[str, Any] | None = None
    """The clock of a run that was started here."""

    def keep_clock(self, modelled: dict[str, Any] | None) -> None:
        """Remember what was asked for: whether measured costs were kept is looked at when the run has ended."""
        self._modelled = modelled

    def check_clock(self) -> None:
        """The run has ended: warn if costs that were measured are not in their file."""
        modelled, self._modelled = self._modelled, None
        if modelled is None:
            return
        from farptr.clock.settings import unkept

        if said := unkept(modelled):
            warnings.warn(said, CostsNotKept, stacklevel=3)

    @property
    def clock(self) -> str:
        """``wall`` or ``virtual``."""
        return "virtual" if self._session.link.turns else "wall"

    @property
    def now(self) -> float:
        """Seconds since the run began; by the wall's clock, since this client joined. Takes no modelled time."""
        if self._session.link.turns is None:
            return time.monotonic() - self._began_s
        return float(self._session.ask_broker("clock"))

    def end_clock(self) -> None:
        """This client is about to leave: the journal ends here, so that how fast the run ends makes no difference."""
        if self._session.link.turns is not None and self._session.usable:
            with contextlib.suppress(FarptrError):  # then it ends anyhow
                self._session.ask_broker("end")

    def sleep(self, seconds: float) -> None:
        """Let time pass: what was issued goes on meanwhile, and futures complete. Raises BadClock for no time.

        Under the virtual clock nothing sleeps: the run's time goes on by so much.
        """
        if isinstance(seconds, bool) or not isinstance(seconds, int | float) or not 0 <= seconds <= LONGEST_S:
            raise BadClock(f"{seconds!r} is no time to sleep", hint="seconds, as a number that is not negative")
        session = self._session
        session.flush()
        if session.link.turns is None:
            until_s = time.monotonic() + seconds
            while (left_s := until_s - time.monotonic()) > 0:
                if session.pending is not None:
                    session.pending.serve(session, lambda: False, until_s)
                else:
                    time.sleep(left_s)
            return
        with session.link.mutex:
            session.admit()
            key = session.core.out.ask_broker({"what": "sleep", "s": float(seconds)})
            session.link.send_ready()
        session.wait(key, None, doing=lambda: f"for {seconds:g} s to pass")
        if session.pending is not None:
            session.pending.serve(session, lambda: True)
