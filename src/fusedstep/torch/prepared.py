"""Steps with small parameters: what was found out about their memory once is only compared the next time."""

from collections.abc import Sequence
from typing import Any, NamedTuple
from weakref import ref

import torch
from torch import Tensor

from ..arrays.device_tensors import on_device
from ..codegen.program import ELEMENTWISE
from ..operators.at_once import dense_step
from ..operators.launch import threads_for
from ..operators.operator import Operator
from .layouts import PLAIN

STORAGES = {torch.float32: "float32", torch.float64: "float64"}


class Memory(NamedTuple):
    """Where a tensor lay when it was checked.

    Attributes:
        key: the state's name; empty for the parameter.
        tensor: the tensor, which is not kept alive.
        start, stop: where its elements begin and end.
    """

    key: str
    tensor: ref[Tensor]
    start: int
    stop: int


class Ready(NamedTuple):
    """What a prepared step fits.

    Attributes:
        tensors: the parameter and its states.
        gradient_at: where the gradient's elements begin.
        storages: those of all, which nobody can free while the step runs.
    """

    tensors: list[Tensor]
    gradient_at: int
    storages: list[torch.UntypedStorage]


class Prepared(NamedTuple):
    """A dense step with a parameter, ready to run again while all memory is the same. It keeps none of it alive.

    Attributes:
        operator: the operator that checked the memory.
        memory: that of the parameter and of its states.
        functions: the operator's span functions for them.
        size: how many elements each has.
        dtype: of all of them and of the gradient.
    """

    operator: Operator
    memory: list[Memory]
    functions: Any
    size: int
    dtype: torch.dtype

    def fits(self, operator: Operator, param: Tensor, state: dict[str, Any], grad: Tensor) -> Ready | None:
        """What to run with, if nothing has changed, and the gradient is as plain as the rest."""
        if (
            operator is not self.operator
            or grad.layout is not torch.strided
            or grad.dtype is not self.dtype
            or type(grad) is not Tensor
            or not grad.is_contiguous()
            or grad.requires_grad
            or grad.is_neg()
            or grad.shape != param.shape
        ):
            return None
        # Before addresses are compared: another thread may give a tensor other memory at any time.
        tensors, storages = [], [grad.untyped_storage()]
        begin = grad.data_ptr()
        if not begin or begin % grad.itemsize:
            return None
        end = begin + self.size * grad.itemsize
        for key, reference, start, stop in self.memory:
            tensor = reference()
            if (state.get(key) if key else param) is not tensor or tensor is None:
                return None
            storages.append(tensor.untyped_storage())
            tensors.append(tensor)
            if (
                tensor.data_ptr() != start
                or tensor.dtype is not self.dtype
                or tensor.numel() != self.size
                or not tensor.is_contiguous()
                or (begin < stop and start < end)
            ):
                return None
        return Ready(tensors, begin, storages)

    def run(self, ready: Ready, scalars: Sequence[float]) -> None:
        """Takes the step."""
        addresses = [each.start for each in self.memory]
        if not dense_step(self.functions, self.size, addresses, ready.gradient_at, scalars, announced):
            raise RuntimeError(f"{self.operator.name}: memory that was apart is found to overlap")


def announced() -> None:
    """The optimizer tells autograd of all its steps at once."""


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
        or operator.stochastic
        or operator.layout.reach != ELEMENTWISE
    ):
        return None
    memory = [
        Memory(key, ref(each), each.data_ptr(), each.data_ptr() + size * each.itemsize)
        for key, each in zip(("", *keys), tensors, strict=True)
    ]
    functions = operator.span_functions((STORAGES[dtype],) * len(tensors), STORAGES[dtype])
    return Prepared(operator, memory, functions, size, dtype)
