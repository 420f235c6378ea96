"""Steps that kernels cannot take: in PyTorch's own operations, or without numbers.

Tensors that keep their history, and subclasses that intercept operations, take the rule's operations one by one. Fake
and meta tensors have no numbers: their states are created, and nothing else is done, since a kernel needs no memory.
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from ..arrays.torch_tensors import type_name
from ..codegen.recipe import Recipe
from ..codegen.rule.program import ReductionScope
from ..operators.checks.indices import check_no_indices
from ..operators.operator import Operator
from .deferred_optimizer import RECORDED
from .gradients import Gradient, check_places, without_outside
from .kernel_views import as_real, flat_shape
from .layouts import compute_dtype, has_numbers

LEAF = (
    "differentiable is True and {} is a leaf that requires a gradient, which autograd does not let change; expected "
    "the result of an operation, such as clone()"
)


def check_shape(name: str, param: Tensor, gradient: Gradient) -> None:
    """Check the shape of a dense gradient.

    Raises:
        ValueError: it is not the parameter's.
    """
    if gradient.places is None and gradient.values.shape != param.shape:
        raise ValueError(
            f"{name}: grad has shape {tuple(gradient.values.shape)}, expected {tuple(param.shape)}, as its parameter"
        )


def take_step(
    operator: Operator, states: Sequence[Tensor | None], gradient: Gradient, rows: Any, scalars: Sequence[Any]
) -> None:
    """Step a parameter and its states by PyTorch's operations, which autograd records where gradients are enabled.

    Args:
        operator: the operator.
        states: the parameter, then its states in the order of the rule.
        gradient: the gradient, by row unless each element is stepped by itself.
        rows: which rows a sparse gradient steps, "touched" or "every".
        scalars: the rule's scalars, numbers or tensors.

    Raises:
        IndexError: on the CPU, an index is out of range.
        RuntimeError: autograd records the step, and a state is a leaf that requires a gradient.
        ValueError: the gradient is sparse, and the rule reduces over more than a row.
    """
    used = [states[k] for k in operator.spec.used]
    present = [each for each in used if each is not None]
    assert len(present) == len(used)
    check_places(operator.name, gradient, present[0].shape)
    if operator.spec.reduction_scope == ReductionScope.TENSOR:
        check_no_indices(operator.name, gradient.places)
    written = [present[k] for k in operator.spec.written]
    if torch.is_grad_enabled() and any(each.is_leaf and each.requires_grad for each in written):
        raise RuntimeError(f"{operator.name}: {LEAF.format('a state')}")
    functions = functions_of(operator, present)
    # What is changed below must not be what autograd has recorded.
    before = [as_real(each.clone()) for each in present]
    dense, touched = dense_gradient(gradient, present[0])
    after = functions.step(before, as_real(dense), functions.numbers(scalars))
    if touched is not None and rows == "touched":
        after = [where_touched(touched, new, old) for new, old in zip(after, before, strict=True)]
    for tensor, k in zip(written, operator.spec.written, strict=True):
        tensor.copy_(torch.view_as_complex(after[k].contiguous()) if tensor.is_complex() else after[k])


def check_numbers(name: str, param: Tensor, grad: Tensor) -> None:
    """Check that a gradient has numbers if its parameter has.

    Raises:
        TypeError: only one of the two is a fake or meta tensor.
    """
    if has_numbers(param) != has_numbers(grad):
        fake, real = ("a gradient", "its parameter") if has_numbers(param) else ("a parameter", "its gradient")
        raise TypeError(f"{name}: {fake} is a fake or meta tensor and {real} is not; expected both or neither")


def check_recordable(name: str, param: Tensor, deferred: bool) -> None:
    """Check that autograd can record the steps of a parameter.

    Raises:
        NotImplementedError: its rows are deferred.
        RuntimeError: it is a leaf that requires a gradient.
    """
    if deferred:
        raise NotImplementedError(f"{name}: {RECORDED}")
    if param.is_leaf and param.requires_grad:
        raise RuntimeError(f"{name}: {LEAF.format('a parameter')}")


def functions_of(operator: Operator, states: Sequence[Tensor]) -> Any:
    """The rule's functions for the types of some tensors, built once an operator."""
    storages = tuple(type_name(each.dtype.to_real()) for each in states)

    def build() -> Any:
        from ..codegen.torch.build import build

        return build(Recipe(operator.spec, storages, storages[0]))

    return operator.build_once(("torch", *storages), build)


def dense_gradient(gradient: Gradient, param: Tensor) -> tuple[Tensor, Tensor | None]:
    """A gradient as a dense one; and of a sparse one, which entries it names, with the dimensions of the parameter."""
    if gradient.places is None:
        return gradient.values, None
    shape = flat_shape(param, gradient) or param.shape
    values = gradient.values.to(compute_dtype(param))
    places, values, inside = without_outside(gradient.flat_places(param.shape), values, shape[0])
    dense = values.new_zeros(shape).index_put((places,), values, accumulate=True)
    touched = torch.zeros(shape[0], dtype=torch.int64, device=param.device).index_add(0, places, inside.long()) > 0
    leading = param.shape[: gradient.dimensions]
    return dense.reshape(param.shape), touched.reshape(*leading, *[1] * (param.dim() - len(leading)))


def where_touched(touched: Tensor, new: Tensor, old: Tensor) -> Tensor:
    """New values where a gradient has named them, and the old ones elsewhere."""
    # A state by row has fewer dimensions than its parameter, and one of complex numbers has one more.
    mask = touched.reshape(-1) if old.dim() < touched.dim() else touched
    return torch.where(mask.reshape(*mask.shape, *[1] * (old.dim() - mask.dim())), new, old)
