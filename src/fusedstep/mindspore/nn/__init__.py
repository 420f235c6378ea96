"""Cells."""

from .cell import Cell

__all__ = ["Cell"]
