"""MindSpore's ``nn``: cells, optimizers and learning rates."""

from . import dynamic_lr, learning_rate_schedule, optim
from .cell import Cell
from .containers import CellList, SequentialCell
from .dynamic_lr import *  # noqa: F403
from .learning_rate_schedule import *  # noqa: F403
from .optim import *  # noqa: F403

__all__ = ["Cell", "CellList", "SequentialCell"]
__all__ += [*dynamic_lr.__all__, *learning_rate_schedule.__all__, *optim.__all__]
