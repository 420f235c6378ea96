"""Operations on lists of tensors, where some are gradients of embeddings."""

from typing import Any

import torch
from torch import Tensor

from .answers import answers, aten
from .content import Content, take
from .dispatch import run

# Of each operation on lists, the one on a tensor.
SINGLE = {
    aten._foreach_mul_.Scalar: aten.mul_.Tensor,
    aten._foreach_mul_.Tensor: aten.mul_.Tensor,
    aten._foreach_mul_.List: aten.mul_.Tensor,
    aten._foreach_mul_.ScalarList: aten.mul_.Tensor,
    aten._foreach_div_.Scalar: aten.div_.Tensor,
    aten._foreach_div_.Tensor: aten.div_.Tensor,
    aten._foreach_div_.List: aten.div_.Tensor,
    aten._foreach_div_.ScalarList: aten.div_.Tensor,
    aten._foreach_neg_.default: aten.neg_.default,
    aten._foreach_zero_.default: aten.zero_.default,
    aten._foreach_add_.List: aten.add_.Tensor,
    aten._foreach_sub_.List: aten.sub_.Tensor,
}
NORM = aten.linalg_vector_norm.default


def run_each(function: Any, tensors: list[Any], *others: Any, **named: Any) -> None:
    """Run an operation in place: on tensors and plain others at once, on each of the rest by itself."""
    along = [other if isinstance(other, list | tuple) else [other] * len(tensors) for other in others]
    rows = list(zip(tensors, *along, strict=True))
    plain = [row for row in rows if not any(isinstance(each, Content) for each in row)]
    for row in rows:
        if any(isinstance(each, Content) for each in row):
            run(SINGLE[function], row, named)
    if plain:
        columns = [list(column) for column in zip(*plain, strict=True)]
        rest = [
            column if isinstance(other, list | tuple) else other
            for column, other in zip(columns[1:], others, strict=True)
        ]
        function(columns[0], *rest, **named)


def answer_each(function: Any) -> None:
    answers(function)(lambda *args, **named: run_each(function, *args, **named))


for each in SINGLE:
    answer_each(each)


@answers(aten._foreach_norm.Scalar)
def foreach_norm(tensors: list[Any], order: Any = 2, dtype: Any = None) -> list[Tensor]:
    others = [each for each in tensors if isinstance(each, Tensor)]
    plain = iter(aten._foreach_norm.Scalar(others, order, dtype) if others else [])
    return [
        run(NORM, (each, order), {"dtype": dtype}) if isinstance(each, Content) else next(plain) for each in tensors
    ]


@answers(aten._amp_foreach_non_finite_check_and_unscale_.default)
def unscale_(tensors: list[Any], found_inf: Tensor, inv_scale: Tensor) -> None:
    unscale, one = aten._amp_foreach_non_finite_check_and_unscale_.default, torch.ones_like(inv_scale)
    unscale([each for each in tensors if isinstance(each, Tensor)], found_inf, inv_scale)
    for content in tensors:
        if isinstance(content, Content):
            with content.lock:
                lookups = [each._replace(values=each.values.clone()) for each in content.lookups]
                unscale([each.values for each in lookups], found_inf, inv_scale)
                # Values of the gradient are products with these.
                unscale([each.weights.clone() for each in lookups if each.weights is not None], found_inf, one)
                beside = content.beside
                if beside is not None:
                    unscale([beside if beside.layout is torch.strided else beside._values()], found_inf, inv_scale)
                content.set([take(each) for each in lookups], beside)
