"""MindSpore's own tensors on the CPU, for callers who have imported mindspore; it is never imported here."""

import sys
from typing import Any

import numpy as np


def is_tensor(value: Any) -> bool:
    """Whether a value is a tensor or parameter of MindSpore."""
    mindspore = sys.modules.get("mindspore")
    return mindspore is not None and isinstance(value, getattr(mindspore, "Tensor", ()))


def borrow(tensor: Any) -> np.ndarray:
    """A NumPy view of a tensor's memory, which MindSpore's operators see change; read-only if it can be but a copy."""
    array = np.asarray(tensor.asnumpy())
    if array.size and not np.may_share_memory(array, tensor.asnumpy()):
        # A view of another tensor, or one on a device: each asnumpy() is a copy, and what is written there is lost.
        array.flags.writeable = False
    return array
