"""MindSpore's tensors on the CPU. MindSpore is imported by the caller, never here."""

import sys
from typing import Any

import numpy as np


def is_tensor(value: Any) -> bool:
    """Whether a value is a MindSpore tensor or parameter."""
    mindspore = sys.modules.get("mindspore")
    return mindspore is not None and isinstance(value, getattr(mindspore, "Tensor", ()))


def borrow(tensor: Any) -> np.ndarray:
    """A NumPy view of a tensor's memory, shared with MindSpore's operators; read-only if it is a copy."""
    array = np.asarray(tensor.asnumpy())
    if array.size and not np.may_share_memory(array, tensor.asnumpy()):
        # A view of another tensor, or a tensor on a device: each asnumpy() is a copy, and writing to it would be lost.
        array.flags.writeable = False
    return array
