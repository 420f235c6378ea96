"""MindSpore's experiments, of which there are none here."""

from .unavailable import attribute_finder

__getattr__ = attribute_finder(__name__, ("MapParameter",))
