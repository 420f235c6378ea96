"""Launching on the CPU: grouping, segment sums, parts of a call, the worker threads."""
