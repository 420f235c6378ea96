"""Fast steps of small parameters: the checks of one step are reused while the tensors are the same."""

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
from ..storage import STORAGES
from .distributed import PLAIN

# Narrow types take the ordinary way.
WIDE = {getattr(torch, each.name): each.name for each in STORAGES.values() if not each.is_narrow}


class Operands(NamedTuple):
    """The tensors of one prepared step.

    Attributes:
        tensors: the parameter and its states.
        plain: their memory, followed by the gradient's.
    """

    tensors: list[Tensor]
    plain: Plain


class PreparedStep(NamedTuple):
    """A dense step of a parameter that can run again while its tensors are the same. It keeps none of them alive.

    Attributes:
        operator: the operator that checked the tensors.
        tensors: the parameter and its states by name; the parameter's name is empty.
        functions: the operator's span functions for them.
        size: the number of elements of each.
        dtype: the dtype of all of them and of the gradient.
    """

    operator: Operator
    tensors: dict[str, ref[Tensor]]
    functions: Any
    size: int
    dtype: torch.dtype

    def operands(self, operator: Operator, param: Tensor, state: dict[str, Any], grad: Tensor) -> Operands | None:
        """Return the operands if nothing has changed and the gradient's layout allows a fast step; else None."""
        if operator is not self.operator or type(grad) is not Tensor or grad.requires_grad:
            return None
        tensors = []
        for key, reference in self.tensors.items():
            tensor = reference()
            if tensor is None or (state.get(key) if key else param) is not tensor:
                return None
            tensors.append(tensor)
        plain = of_torch([*tensors, grad], param.shape, self.dtype, WIDE[self.dtype])
        if plain is None or param.numel() != self.size:
            return None
        return Operands(tensors, plain)

    def run(self, operands: Operands, scalars: Sequence[float]) -> bool:
        """Take the step; return False, with nothing changed, if the gradient shares memory with a state."""
        # The optimizer bumps the versions of all tensors at once.
        launch = dense_call(self.functions, self.size, operands.plain, scalars, nothing)
        if launch is None:
            return False
        launch()
        return True


def prepare(operator: Operator, keys: Sequence[str], states: Sequence[Tensor | None]) -> PreparedStep | None:
    """Prepare fast steps with tensors that an operator has checked; None where the overhead of a call is negligible."""
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
        or dtype not in WIDE
        or not is_for_one_thread(size)
        or operator.options.stochastic
        or operator.spec.reduction_scope != ReductionScope.ELEMENT
    ):
        return None
    functions = operator.span_functions((WIDE[dtype],) * len(tensors), WIDE[dtype])
    named = dict(zip(("", *keys), map(ref, tensors), strict=True))
    return PreparedStep(operator, named, functions, size, dtype)
