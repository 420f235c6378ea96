"""The operators that MindSpore documents: one entry per operator, one file per family.

This module collects the ``ENTRIES`` of every file in its folder.
"""

import importlib
import pkgutil

from ..entry import Entry, call, constructor
from ..named import NamedOperator, bind, operator_class

__all__ = ["ENTRIES", "OPERATORS", "Entry", "NamedOperator", "bind", "call", "constructor"]

ENTRIES: list[Entry] = [
    entry
    for family in pkgutil.iter_modules(__path__)
    for entry in importlib.import_module(f"{__name__}.{family.name}").ENTRIES
]
OPERATORS: dict[str, type[NamedOperator]] = {entry.name: operator_class(entry) for entry in ENTRIES}
