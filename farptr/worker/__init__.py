"""The worker: an object store, the operations on it, and turns."""
