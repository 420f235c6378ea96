"""The memory of tensors and parameters, ours and MindSpore's own."""

from typing import Any

import numpy as np

from ....arrays import mindspore_tensors
from ...common.tensor import Tensor


def memory(tensor: Any) -> Any:
    """The memory of a tensor or parameter as a NumPy array; anything else as it is."""
    if isinstance(tensor, Tensor):
        return tensor.asnumpy()
    return mindspore_array(tensor) if mindspore_tensors.is_tensor(tensor) else tensor


def mindspore_array(tensor: Any) -> np.ndarray:
    """The memory of MindSpore's own tensor as an array of its type.

    Raises:
        ImportError: the type is bfloat16, and ml_dtypes is not installed.
    """
    array = mindspore_tensors.borrow(tensor)
    if mindspore_tensors.not_in_numpy(tensor.dtype) is None:
        return array
    try:
        import ml_dtypes
    except ImportError as error:
        raise ImportError(f"parameters of {tensor.dtype} need ml_dtypes: pip install ml_dtypes") from error
    return array.view(ml_dtypes.bfloat16)


class TensorMemory:
    """The memory of one tensor, borrowed again only after it has moved: a step asks for it each time.

    Args:
        tensor: the tensor.
    """

    def __init__(self, tensor: Any) -> None:
        self.tensor = tensor
        self.foreign = mindspore_tensors.is_tensor(tensor)
        self.place: Any = None
        self.found: Any = None

    def array(self) -> Any:
        """The memory as an array.

        Raises:
            TypeError: NumPy cannot use the memory.
        """
        if not self.foreign:
            return memory(self.tensor)
        place = mindspore_tensors.place_of(self.tensor)
        if place != self.place:
            try:
                self.found, self.place = mindspore_array(self.tensor), place
            except TypeError as error:
                raise TypeError(f"the parameter {self.tensor.name} is {error}") from None
        return self.found


def number(value: Any) -> float:
    """A setting as a number: of a tensor of one element, or of a number.

    Raises:
        TypeError, ValueError: it is not one number.
    """
    if isinstance(value, float | int):
        return float(value)
    array = np.asarray(memory(value))
    if array.size != 1:
        raise ValueError(f"a setting of an optimizer has shape {array.shape}, expected one number")
    return float(array.reshape(-1)[0])


def numbers(value: Any, count: int) -> list[float]:
    """A setting for each of the parameters, as numbers: of one value for all, or of a sequence of them."""
    if not isinstance(value, list | tuple):
        return [number(value)] * count
    # Parameters of one group share a setting.
    known = {id(each): number(each) for each in {id(each): each for each in value}.values()}
    return [known[id(each)] for each in value]
