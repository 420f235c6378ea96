"""Operators of MindSpore's module ``auto_generate``."""

from .operations.nn_ops import AdamW, ApplyAdamW

__all__ = ["AdamW", "ApplyAdamW"]
