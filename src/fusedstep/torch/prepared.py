"""Steps with small parameters: what an operator has found out about them once serves again while they are alike."""

from collections.abc import Sequence
from typing import Any, NamedTuple
from weakref import ref

import torch
from torch import Tensor

from ..arrays.devices import on_device
from ..arrays.plain import Plain, of_torch
from ..codegen.rule.program import ReductionScope
from ..operators.operator import Operator
from ..runtime.call import nothing
from ..runtime.cpu.parts import is_for_one_thread
from ..runtime.cpu.plain_step import dense_call
from .layouts import PLAIN

STORAGES = {torch.float32: "float32", torch.float64: "float64"}


class Ready(NamedTuple):
    """What a prepared step fits.

    Attributes:
        tensors: the parameter and its states.
        plain: their memory, and behind it that of the gradient.
    """

    tensors: list[Tensor]
    plain: Plain


class Prepared(NamedTuple):
    """A dense step with a parameter, ready to run again while its tensors are the same. It keeps none of them alive.

    Attributes:
        operator: the operator that checked them.
        tensors: the parameter and its states, by their names; that of the parameter is empty.
        functions: the operator's span functions for them.
        size: how many elements each has.
        dtype: of all of them and of the gradient.
    """

    operator: Operator
    tensors: dict[str, ref[Tensor]]
    functions: Any
    size: int
    dtype: torch.dtype

    def fits(self, operator: Operator, param: Tensor, state: dict[str, Any], grad: Tensor) -> Ready | None:
        """What to run with, if nothing has changed, and the gradient is as plain as the rest."""
        if operator is not self.operator or type(grad) is not Tensor or grad.requires_grad:
            return None
        tensors = []
        for key, reference in self.tensors.items():
            tensor = reference()
            if tensor is None or (state.get(key) if key else param) is not tensor:
                return None
            tensors.append(tensor)
        plain = of_torch([*tensors, grad], param.shape, self.dtype, STORAGES[self.dtype])
        if plain is None or param.numel() != self.size:
            return None
        return Ready(tensors, plain)

    def run(self, ready: Ready, scalars: Sequence[float]) -> bool:
        """Takes the step; False, and nothing done, where the gradient shares memory with a state."""
        # The optimizer tells autograd of all its steps at once.
        launch = dense_call(self.functions, self.size, ready.plain, scalars, nothing)
        if launch is None:
            return False
        launch()
        return True


def prepare(operator: Operator, keys: Sequence[str], states: Sequence[Tensor | None]) -> Prepared | None:
    """Prepares steps with tensors that an operator has checked; None where the overhead of a call does not matter."""
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
        or not is_for_one_thread(size)
        or operator.options.stochastic
        or operator.spec.reduction_scope != ReductionScope.ELEMENT
    ):
        return None
    functions = operator.span_functions((STORAGES[dtype],) * len(tensors), STORAGES[dtype])
    named = dict(zip(("", *keys), map(ref, tensors), strict=True))
    return Prepared(operator, named, functions, size, dtype)
