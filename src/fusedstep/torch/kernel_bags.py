"""Gradients of embeddings as gradients of bags, which kernels take as they are."""

import torch
from torch import Tensor

from ..codegen.rule.program import ReductionScope
from ..operators.bags import BagGradient, Bags
from .embedding_gradient import EmbeddingGradient
from .gradients import as_type_for
from .layouts import has_numbers, has_rows


def has_bags(grad: Tensor, param: Tensor, scope: ReductionScope) -> bool:
    """Return whether kernels take a gradient as bags.

    Args:
        grad: the gradient.
        param: the memory of its parameter.
        scope: how far the rule's reductions extend.
    """
    return (
        isinstance(grad, EmbeddingGradient)
        # Beside a tensor that was added, it is a gradient of every row.
        and grad._beside is None
        and scope != ReductionScope.TENSOR
        and grad._form.shape == param.shape
        and not param.is_complex()
        and has_numbers(param)
        and has_rows(param)
    )


def bags_of(name: str, grad: EmbeddingGradient, param: Tensor) -> BagGradient:
    """The gradient of a parameter as one of bags, in types that kernels take beside it."""
    lookups = [
        Bags(as_type_for(name, each.values, param), each.indices, each.offsets, each.weights) for each in grad._lookups
    ]
    if not lookups:
        lookups = [Bags(param.new_empty((0, *param.shape[1:])), param.new_empty(0, dtype=torch.int64))]
    return BagGradient(tuple(lookups), private=True)


def rows_of_bags(grad: Tensor, rows: str) -> str:
    """The rows that take the step: of what stands for a dense gradient all, else those that the optimizer chooses."""
    return "every" if isinstance(grad, EmbeddingGradient) and not grad._sparse else rows


def plain_gradient(grad: Tensor) -> Tensor:
    """A gradient in the form that torch's own embeddings give."""
    if not isinstance(grad, EmbeddingGradient):
        return grad
    # Beside a tensor, the gradients of lookups are added to it: no second one is made.
    return grad._plain() if grad._beside is None else grad._adopt()
