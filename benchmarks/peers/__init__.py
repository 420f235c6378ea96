"""Libraries that only a checkout compares with, one file each.

A file runs in its library's environment, where fusedstep need not be installed. It imports the library, NumPy and
what ``fusedstep.bench.libraries`` shares, under the name ``libraries``.
"""
