"""Loops for the CPU: plain Python over addresses, independent of rules and types.

A loop takes the address of a block (``block.py``) and calls span functions by their addresses. Numba compiles each loop
to its own object file. Plain Python runs the same loop, slowly.
"""
