"""Operators that MindSpore generates, under their names."""

from .operations.nn_ops import AdamW, ApplyAdamW

__all__ = ["AdamW", "ApplyAdamW"]
