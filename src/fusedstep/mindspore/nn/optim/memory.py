"""The memory of tensors and parameters, ours and MindSpore's own."""

from typing import Any

import numpy as np

from ....arrays import mindspore_tensors
from ...common.tensor import Tensor


def memory(tensor: Any) -> Any:
    """The memory of a tensor or parameter as a NumPy array; NumPy arrays as they are."""
    if isinstance(tensor, Tensor):
        return tensor.asnumpy()
    return mindspore_tensors.borrow(tensor) if mindspore_tensors.is_tensor(tensor) else tensor


def number(value: Any) -> float:
    """A setting as a number: of a tensor of one element, or of a number."""
    return float(value) if isinstance(value, float | int) else float(np.asarray(memory(value)).reshape(-1)[0])
