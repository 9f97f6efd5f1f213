"""The journal of a run: what the broker saw pass, append-only and chained; every account is a fold over it."""
