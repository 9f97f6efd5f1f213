"""Virtual time: a run whose clock is modelled, so that nothing sleeps and the same program passes the same way again.

``timeline`` says what happens next, ``costs`` what work takes. Both are sans-I/O; ``broker/timed`` applies them.
"""
