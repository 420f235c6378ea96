"""Operators that MindSpore keeps to itself, under their names."""

from .nn_ops import Lamb

__all__ = ["Lamb"]
