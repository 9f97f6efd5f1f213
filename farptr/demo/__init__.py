"""The two demonstrations behind ``farptr demo``."""
