"""Loops for the CPU: real Python over addresses, which knows of no rule and of no type.

A loop gets the address of a block of numbers (``block``), and calls span functions by their addresses. Each is
compiled by Numba as an object of its own; run by Python it does the same, slowly.
"""
