"""The operators with their documented names."""

from ...unavailable import attribute_finder
from ..reduction_primitives import CLASSES as REDUCTIONS
from ..tensor_primitives import CLASSES as TENSOR_PRIMITIVES
from . import nn_ops
from .nn_ops import *  # noqa: F403

__all__ = ["nn_ops", *nn_ops.__all__, *TENSOR_PRIMITIVES, *REDUCTIONS]

globals().update(TENSOR_PRIMITIVES | REDUCTIONS)

__getattr__ = attribute_finder(__name__)
