"""A network to be modelled between the parties of a run: links, and what they do to envelopes.

Everything here is sans-I/O: times are handed in, and so is the source of randomness.
"""
