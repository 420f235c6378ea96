"""Tensors as kernels can step them: real numbers, in rows that are contiguous."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from ..codegen.rule.program import ReductionScope
from .gradients import Gradient
from .layouts import contiguous_order, has_rows, permuted


class KernelViews(NamedTuple):
    """The tensors of one step.

    Attributes:
        states: the parameter and its states, each a view or a copy; None for a state that is not used.
        values: the values of the gradient.
        rows: the rows of a sparse gradient; None for a dense one.
        copied: the tensors that are copied, and their copies.
    """

    states: list[Tensor | None]
    values: Tensor
    rows: Tensor | None
    copied: list[tuple[Tensor, Tensor]]

    def write_back(self) -> None:
        """Write the copies back, after the step."""
        for tensor, copy in self.copied:
            tensor.copy_(copy)


def kernel_views(
    states: list[Tensor | None], kinds: Sequence[str], gradient: Gradient, scope: ReductionScope
) -> KernelViews:
    """View a parameter, its states and its gradient as a kernel can step them; copy what has gaps inside its rows.

    Args:
        states: the parameter, then its states in the order of the rule; of DTensors, this process's parts.
        kinds: what each has one number for: an element, a row or a column.
        gradient: the gradient, by row unless each element is stepped by itself.
        scope: how far the rule's reductions extend.
    """
    if all(state is None or (state.is_contiguous() and not state.is_complex()) for state in states):
        # The usual tensors, for which a step is short.
        if gradient.places is None:
            return KernelViews(states, gradient.values, None, [])
        if len(gradient.places) == 1:
            return KernelViews(states, gradient.values, gradient.places[0], [])
    real = [state if state is None else as_real(state) for state in states]
    param = real[0]
    assert param is not None
    order = usable_order(param, gradient, scope)
    values = permuted(as_real(gradient.values), order)
    shape = flat_shape(param, gradient)
    found, copied = [], []
    for state, kind in zip(real, kinds, strict=True):
        view = state
        if state is not None and kind == "element":
            own = view = permuted(state, order)
            if not (own.is_contiguous() if shape else has_rows(own)):
                view = own.contiguous()
                copied.append((own, view))
            view = view.view(shape) if shape else view
        found.append(view)
    rows = None if gradient.places is None else gradient.flat_places(param.shape)
    return KernelViews(found, values, rows, copied)


def as_real(tensor: Tensor) -> Tensor:
    """A complex tensor as real numbers, with one more dimension for the two parts; any other as it is."""
    return torch.view_as_real(tensor) if tensor.is_complex() else tensor


def usable_order(param: Tensor, gradient: Gradient, scope: ReductionScope) -> list[int] | None:
    """The order of dimensions in which a parameter is contiguous, if the step may take them so; else None."""
    order = contiguous_order(param)
    if order is None or flat_shape(param, gradient):
        return None
    elements_alone = scope == ReductionScope.ELEMENT and gradient.places is None
    return order if elements_alone or order[0] == 0 else None


def flat_shape(param: Tensor, gradient: Gradient) -> tuple[int, ...] | None:
    """The parameter's shape where a gradient has places along several dimensions, made one; None where it has not."""
    if gradient.places is None or gradient.dimensions == 1:
        return None
    remaining = param.shape[gradient.dimensions :]
    return (param.shape[: gradient.dimensions].numel(), *remaining)
