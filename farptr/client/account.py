"""What a run tells of the bytes that passed: the broker's tally, and the account from its journal."""

from __future__ import annotations

import os
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from farptr.journal import IN_MEMORY
from farptr.protocol.errors import BrokerLost, NoJournal, SessionClosed

if TYPE_CHECKING:
    from farptr.client.session import Session
    from farptr.ledger.account import Ledger
    from farptr.ledger.view import View


WRITTEN_S = 10.0
"""After the end of its run a journal may still be written for so long."""


class JournalStopped(UserWarning):
    """A run goes on, and its journal does not."""


class Traffic(NamedTuple):
    """What passed from one party to another, as the broker counted it."""

    source: str
    destination: str
    what: str
    """``sent`` by a client with commands, ``pushed`` from worker to worker, or ``fetched`` by a client."""
    envelopes: int
    value_bytes: int
    """Bytes of array data."""
    wire_bytes: int
    """Bytes of all frames, the transport's own framing excluded."""


class Account:
    """The questions of a ``Run`` about what passed."""

    if TYPE_CHECKING:
        _session: Session

    _journal_at: Path | None = None
    _journal_checked = False

    def keep_journal(self) -> None:
        """Remember where the journal is: it can be read, and its last word is looked at, when the run has ended."""
        self._journal_at = self.journal

    def check_journal(self) -> None:
        """The run has ended: warn if its account does not balance, or its journal was not finished."""
        path = self._journal_at
        if path is None or self._journal_checked:
            return
        self._journal_checked = True
        from farptr.journal.folder import read_manifest, wait_written

        try:
            wait_written(path, WRITTEN_S)
            balance = read_manifest(path).get("balance")
        except (NoJournal, OSError):
            return  # somebody has removed it
        if balance is None:
            warnings.warn(f"the journal in {path} was not finished", JournalStopped, stacklevel=3)
        elif balance["faults"]:
            warnings.warn(
                f"the account in {path} does not balance: {balance['faults'][0]}", JournalStopped, stacklevel=3
            )

    def traffic(self) -> list[Traffic]:
        """Who sent whom how much since the run began, once everything issued is done."""
        return [Traffic(*row) for row in self._session.ask_broker("traffic", settled=True)]

    @property
    def journal(self) -> Path:
        """The directory of this run's journal, with all that passed so far in it; raises NoJournal.

        Of a run that this program has started, also when it is over.
        """
        try:
            found: dict[str, Any] | None = self._session.ask_broker("journal", settled=True)
        except (SessionClosed, BrokerLost):
            if self._journal_at is None:
                raise
            return self._journal_at
        if found is None:
            raise NoJournal("this run writes no journal", hint="fp.up(…, journal=True), or `farptr up --journal DIR`")
        return Path(found["path"])

    @property
    def ledger(self) -> Ledger:
        """The account of everything that passed so far, once everything issued is done; made anew by each access.

        Raises NoJournal, and what ``fp.open_journal`` does.
        """
        from farptr.ledger.account import open_journal

        return open_journal(self.journal)

    def view(self, party: str) -> View:
        """Exactly what a party was handed so far, a worker or ``"me"``; raises as ``ledger``, and UnknownWorker."""
        return self.ledger.view(party)

    @staticmethod
    def warn_of_journal(trouble: str) -> None:
        """Tell the user that the journal has stopped."""
        warnings.warn(f"{trouble}; the run goes on", JournalStopped, stacklevel=2)


def folder_of(journal: bool | str | os.PathLike[str]) -> str | None:
    """Where a journal is wanted, as an absolute path; None for none."""
    if journal is False or journal is None:
        return None
    if journal == IN_MEMORY:
        return IN_MEMORY
    return str(Path("runs" if journal is True else journal).absolute())
