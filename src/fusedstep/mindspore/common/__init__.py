"""MindSpore's element types, tensors and parameters."""

from . import dtype
from .parameter import Parameter
from .tensor import Tensor

__all__ = ["Parameter", "Tensor", "dtype"]
