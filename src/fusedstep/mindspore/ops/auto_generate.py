"""Operators of MindSpore's module ``auto_generate``."""

from ..unavailable import attribute_finder
from .operations.nn_ops import AdamW, ApplyAdamW

__all__ = ["AdamW", "ApplyAdamW"]

__getattr__ = attribute_finder(__name__)
