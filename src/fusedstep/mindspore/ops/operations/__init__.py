"""The operators with their documented names."""

from . import nn_ops
from .nn_ops import *  # noqa: F403
from .nn_ops import __getattr__ as __getattr__

__all__ = ["nn_ops", *nn_ops.__all__]
