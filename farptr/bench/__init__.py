"""Measuring: farptr beside the floor and beside other libraries, on the same work in the same run.

``works`` says what is measured, ``peers`` how each library does it, ``host`` is the process that holds one of them,
``rounds`` lets them take turns, ``report`` and ``plots`` show what was found. Nothing of farptr imports this but the
command line.
"""
