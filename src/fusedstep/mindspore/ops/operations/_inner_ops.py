"""Operators of MindSpore's private module ``_inner_ops``."""

from .nn_ops import Lamb

__all__ = ["Lamb"]
