"""MindSpore's ``nn``: cells and learning rates."""

from . import dynamic_lr, learning_rate_schedule
from .cell import Cell
from .containers import CellList, SequentialCell
from .dynamic_lr import *  # noqa: F403
from .learning_rate_schedule import *  # noqa: F403

__all__ = ["Cell", "CellList", "SequentialCell", *dynamic_lr.__all__, *learning_rate_schedule.__all__]
