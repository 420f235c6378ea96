"""Steps with small parameters: what was found out about their memory once is only compared the next time."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

from ..arrays.device_tensors import on_device
from ..codegen.program import ELEMENTWISE
from ..operators.launch import threads_for
from ..operators.operator import Operator
from .layouts import PLAIN

STORAGES = {torch.float32: "float32", torch.float64: "float64"}


class Prepared(NamedTuple):
    """A dense step with a parameter, ready to run again while all memory is the same.

    Attributes:
        operator: the operator that checked the memory.
        memory: the parameter and its states, with their keys and where they start and end.
        kernel: the operator's kernel for them.
        tensors: the parameter and its states alone.
        arrays: their elements, and after them their pitches.
        size: how many elements each has.
        dtype: of all of them and of the gradient.
    """

    operator: Operator
    memory: list[tuple[str, Tensor, int, int]]
    kernel: Any
    tensors: list[Tensor]
    arrays: list[Any]
    size: int
    dtype: torch.dtype

    def fits(self, operator: Operator, state: dict[str, Any], grad: Tensor) -> bool:
        """Whether nothing has changed, and the gradient is as plain as the rest."""
        if (
            operator is not self.operator
            or grad.layout is not torch.strided
            or grad.dtype is not self.dtype
            or type(grad) is not Tensor
            or not grad.is_contiguous()
            or grad.requires_grad
            or grad.is_neg()
            or grad.shape != self.memory[0][1].shape
        ):
            return False
        begin = grad.data_ptr()
        end = begin + self.size * grad.itemsize
        for key, tensor, start, stop in self.memory:
            if (
                (key and state.get(key) is not tensor)
                or tensor.data_ptr() != start
                or tensor.dtype is not self.dtype
                or tensor.numel() != self.size
                or not tensor.is_contiguous()
                or (begin < stop and start < end)
            ):
                return False
        return True

    def run(self, grad: Tensor, scalars: Sequence[float]) -> None:
        """Takes the step."""
        self.kernel(*self.arrays, grad.numpy().reshape(-1), 0, self.size, 1, *scalars)


def prepare(operator: Operator, keys: Sequence[str], states: Sequence[Tensor | None]) -> Prepared | None:
    """Prepares steps with tensors that an operator has checked; none where its own overhead is of no matter."""
    tensors = [each for each in states if each is not None]
    size, dtype = tensors[0].numel(), tensors[0].dtype
    plain = all(
        type(each) in PLAIN and each.dtype is dtype and each.is_contiguous() and not each.is_inference()
        for each in tensors
    )
    if (
        on_device(tensors[0])
        or not plain
        or not size
        or dtype not in STORAGES
        or threads_for(size) > 1
        or operator.layout.reach != ELEMENTWISE
    ):
        return None
    memory = [
        (key, each, each.data_ptr(), each.data_ptr() + size * each.itemsize)
        for key, each in zip(("", *keys), tensors, strict=True)
    ]
    flats = [each.detach().numpy().reshape(-1) for each in tensors]
    kernel = operator.kernel("dense", (STORAGES[dtype],) * len(tensors), STORAGES[dtype]).run
    return Prepared(operator, memory, kernel, tensors, [*flats, *[1] * len(flats)], size, dtype)
