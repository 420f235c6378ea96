"""MindSpore's operators: those of optimizers, and what their programs use beside them."""

from ..unavailable import attribute_finder
from . import composite, functional, operations
from .composite import HyperMap, Map, MultitypeFuncGraph
from .functional import *  # noqa: F403
from .operations import *  # noqa: F403
from .primitive import Primitive

__all__ = [
    "HyperMap",
    "Map",
    "MultitypeFuncGraph",
    "Primitive",
    "composite",
    "functional",
    "operations",
    *functional.__all__,
    *(name for name in operations.__all__ if name != "nn_ops"),
]

__getattr__ = attribute_finder(__name__, functional.GRADIENTS)
