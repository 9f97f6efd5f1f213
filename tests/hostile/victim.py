"""Imported by nobody: who imports it has resolved a name out of a pickle."""

touched = print
