"""Loops for the CPU: real Python, which the weaver copies unchanged and gives the span words of one rule.

In every loop ``states`` is a tuple of flat arrays, one a state, and ``pitches`` the number of elements from one row
of each to its next; row r of a state is the ``width`` elements from ``r * pitch``. ``sums`` and everything that a
rule sees are of the compute type.
"""
