"""Operators of MindSpore's private module ``_inner_ops``."""

from ...unavailable import attribute_finder
from .nn_ops import Lamb

__all__ = ["Lamb"]

__getattr__ = attribute_finder(__name__)
