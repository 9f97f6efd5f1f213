"""ZeroMQ for the shells: the one place that a client and a worker share to reach the broker."""
