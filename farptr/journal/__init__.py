"""The journal of a run: what the broker saw pass, append-only and chained; every account is a fold over it."""

IN_MEMORY = ":memory:"
"""In place of a journal's folder: no journal, but a tally of what passes (``tally``)."""
BESIDE = "journal"
"""The file beside a run's socket that says where its journal is: who reads that need not join the run."""
