"""MindSpore's ``nn.Cell`` and learning rates."""

from . import dynamic_lr, learning_rate_schedule
from .cell import Cell
from .dynamic_lr import *  # noqa: F403
from .learning_rate_schedule import *  # noqa: F403

__all__ = ["Cell", *dynamic_lr.__all__, *learning_rate_schedule.__all__]
