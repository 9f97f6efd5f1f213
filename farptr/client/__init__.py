"""The client: sessions, pointers, and their NumPy face."""
