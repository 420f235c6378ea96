"""MindSpore's optimizer operators on tensors and parameters."""

from . import operations
from .operations.nn_ops import *  # noqa: F403
from .operations.nn_ops import __getattr__ as __getattr__
from .primitive import Primitive

__all__ = ["Primitive", "operations", *operations.nn_ops.__all__]
