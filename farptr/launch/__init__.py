"""How processes get started, watched and ended on this machine.

``start`` is for the process that wants a run; ``python -m farptr.launch`` is the supervisor that it starts.
No module here imports the roles at its top: the process that wants a run must not pay for them, the supervisor
imports them once and its forked children have them.
"""
