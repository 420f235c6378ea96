"""The operators with their documented names."""

from ...unavailable import attribute_finder
from ..primitive import CLASSES

__all__ = list(CLASSES)

globals().update(CLASSES)

__getattr__ = attribute_finder(__name__)
