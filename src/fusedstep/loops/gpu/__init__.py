"""Loops for devices that Triton compiles for: real Python, which is copied unchanged and given one rule's span words.

A loop is the work of one Triton program. ``states`` is a tuple of addresses, one a state, and ``row_strides`` holds for
each state the elements from one row to the next. Arguments in capitals, the row strides and the width are known when a
kernel is compiled. A program handles tiles of ``ROWS`` rows and ``COLUMNS`` columns: ``row`` is a column of row
numbers, and ``present`` says which of them exist.

Code generation reads loops as text, through ``source_of`` alone.
"""

from ...source_text import source_text


def source_of(name: str) -> str:
    """The text of a loop's file."""
    return source_text(__name__, f"{name}.py")
