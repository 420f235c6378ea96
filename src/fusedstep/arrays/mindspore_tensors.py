"""MindSpore's own tensors on the CPU, for callers who have imported mindspore; it is never imported here."""

import sys
from typing import Any

import numpy as np


def is_tensor(value: Any) -> bool:
    """Whether a value is a tensor or parameter of MindSpore."""
    mindspore = sys.modules.get("mindspore")
    return mindspore is not None and isinstance(value, getattr(mindspore, "Tensor", ()))


def borrow(tensor: Any) -> np.ndarray:
    """A NumPy view of a tensor's memory, which MindSpore's operators see change."""
    return np.asarray(tensor.asnumpy())
