"""Loops for the CPU: plain Python over addresses, independent of rules and types.

A loop takes the address of a block (``block.py``) and calls span functions by their addresses. Numba compiles each loop
to its own object file. Plain Python runs the same loop, slowly. Code generation reads loops through ``loop_named`` and
``source`` only.
"""

import importlib
import types
from functools import cache

from ...source_text import source_files, source_text

# The file of each loop that is compiled.
FILES = {
    "advance_counts": "advance_counts",
    "bag_sources": "gradient_rows",
    "bag_sum": "segment_sum",
    "catch_up": "catch_up",
    "dense_rows": "dense_rows",
    "deferred_rows": "deferred_rows",
    "every_row": "every_row",
    "flush": "flush",
    "pending_rows": "catch_up",
    "read_tensors": "read_tensors",
    "segment_sum": "segment_sum",
    "step_tensors": "step_tensors",
    **dict.fromkeys(("summed_pending_rows", "summed_rows"), "summed_rows"),
    "table_steps": "table_step",
    "touched_rows": "touched_rows",
    **dict.fromkeys(("cut_into_parts", "group_rows", "sort_rows"), "grouping"),
    **dict.fromkeys(("column_states", "reduce_partials", "whole_tensor"), "whole_tensor"),
    **dict.fromkeys(("whole_step", "workspace_items"), "whole_step"),
}


def loop_named(name: str) -> types.FunctionType:
    """A loop as a Python function."""
    loop: types.FunctionType = getattr(importlib.import_module(f"{__name__}.{FILES[name]}"), name)
    return loop


@cache
def source() -> str:
    """The text of all loops."""
    return "\n".join(source_text(__name__, file) for file in source_files(__path__))
