"""Loops that are woven with a rule: those of rules that add up, of deferred rows and of stochastic rounding.

In every loop ``states`` is a tuple of flat arrays, one a state, and ``pitches`` the number of elements from one row
of each to its next; row r of a state is the ``width`` elements from ``r * pitch``. ``sums`` and everything that a
rule sees are of the compute type. ``groups`` and ``named`` are what ``loops/cpu/grouping.py`` finds.
"""
