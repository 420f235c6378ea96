"""Operators: their names and arguments, and all checks before a call runs."""
