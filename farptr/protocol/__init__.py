"""What two roles must agree on. Pure: no sockets, clocks, threads or randomness."""
