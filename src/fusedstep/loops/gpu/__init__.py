"""Loops for devices that Triton compiles for: real Python, which the weaver copies unchanged and gives the span words
of one rule.

Each loop is one program of many. ``states`` is a tuple of addresses, one a state, and ``row_strides`` the number of
elements from one row of each to its next. Arguments in capitals, the row strides and the width are known when a kernel
is compiled. A program goes through tiles of ``ROWS`` rows and ``COLUMNS`` columns: ``row`` is a column of row numbers,
and ``present`` says which of them exist.
"""
