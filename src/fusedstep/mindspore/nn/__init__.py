"""MindSpore's ``nn``: cells."""

from .cell import Cell
from .containers import CellList, SequentialCell

__all__ = ["Cell", "CellList", "SequentialCell"]
