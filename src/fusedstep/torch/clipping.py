"""Clips gradients by their norm, sparse ones by that of their merged values."""

import warnings
from collections.abc import Iterable
from types import GeneratorType
from typing import Any

import torch
from torch import Tensor

from .layouts import rows_of
from .spread import here, is_spread, norm_of_parts

NAME = "clip_grad_norm_"


def merged(grad: Tensor) -> Tensor:
    """The values of a gradient, of a sparse one each row's sum once."""
    values, rows = rows_of(NAME, grad)
    if rows is None or grad.is_coalesced():
        return values
    named, places = rows.unique(return_inverse=True)
    return values.new_zeros((len(named), *values.shape[1:])).index_add_(0, places, values)


def seen(grad: Tensor, norm_type: float) -> Tensor:
    """What the norm of a gradient is taken of: with an order below 0, rows that are not named count as zeros."""
    values = merged(grad)
    return grad.to_dense() if norm_type < 0 and grad.layout is not torch.strided else values


def norm_of(grads: list[Tensor], norm_type: float, foreach: bool | None) -> Tensor:
    """The norm of all gradients together. Of DTensors on one mesh it is one, too, as torch's."""
    # An empty gradient adds nothing to any norm, but some norms have no value for it.
    full = [grad for grad in grads if grad.numel()]
    if not full:
        return grads[0].new_zeros(())
    total = torch.nn.utils.get_total_norm
    # Nor have these for a part that is empty, which others would wait for.
    if norm_type < 0 or norm_type == float("inf"):
        full = [norm_of_parts(grad, norm_type) if is_spread(grad) else grad for grad in full]
    if len({getattr(grad, "device_mesh", None) for grad in full}) > 1:
        norms: list[Any] = [total([grad], norm_type, foreach=foreach) for grad in full]
        full = [norm.full_tensor() if is_spread(norm) else norm for norm in norms]
    return total(full, norm_type, foreach=foreach)


def number(name: str, value: Any) -> float:
    """A number, or what ``float`` makes one of.

    Raises:
        TypeError, ValueError: it makes none of it.
    """
    try:
        return float(value)
    except (TypeError, ValueError) as error:
        raise type(error)(f"{NAME}: {name} is {value!r}, expected a number") from None


def gradients(parameters: Any) -> list[Tensor]:
    """The gradients that there are.

    Raises:
        TypeError: one of the parameters is no tensor.
    """
    listed = [parameters] if isinstance(parameters, Tensor) else list(parameters)
    if not listed and isinstance(parameters, GeneratorType):
        # It may have been used up before: the caller's line is told, below no_grad's.
        warnings.warn(f"{NAME}: parameters is an empty generator, nothing is clipped; pass a list", stacklevel=4)
    for parameter in listed:
        if not isinstance(parameter, Tensor):
            kind = type(parameter).__name__
            raise TypeError(f"{NAME}: parameters has a {kind}, expected tensors, as those of model.parameters()")
    return [parameter.grad for parameter in listed if parameter.grad is not None]


@torch.no_grad()
def clip_grad_norm_(
    parameters: Tensor | Iterable[Tensor],
    max_norm: float,
    norm_type: float | str = 2.0,
    error_if_nonfinite: bool = False,
    foreach: bool | None = None,
) -> Tensor:
    """Clips the norm of all gradients together, ``torch.nn.utils.clip_grad_norm_`` on dense and sparse ones.

    The gradients are scaled in place; sparse ones stay as they are, uncoalesced. Gradients that are spread over
    processes (DTensors) count whole, and each beside them as the same in all processes.

    Args:
        parameters: the parameters, or one.
        max_norm: what the norm may be, 0 or more.
        norm_type: which norm, ``inf`` or ``"inf"`` for the largest magnitude.
        error_if_nonfinite: whether a norm that is no number, or infinite, is refused.
        foreach: taken as torch takes it: how the norms are computed.

    Returns:
        The norm before.

    Raises:
        TypeError: a parameter is no tensor, or a gradient sparse in another way than by rows.
        ValueError: ``max_norm`` is negative, or an argument no number.
        RuntimeError: the norm is not finite, and that is refused.

    >>> import torch, fusedstep as fs
    >>> table = torch.nn.Embedding(3, 1, sparse=True)
    >>> (table(torch.tensor([2, 2])) * 2).sum().backward()
    >>> fs.torch.clip_grad_norm_(table.parameters(), 1.0)
    tensor(4.)
    >>> table.weight.grad._values().flatten().tolist()
    [0.49999988079071045, 0.49999988079071045]
    """
    largest, order = number("max_norm", max_norm), number("norm_type", norm_type)
    if not largest >= 0:
        raise ValueError(f"{NAME}: max_norm is {largest}, expected 0 or more")
    grads = gradients(parameters)
    if not grads:
        return torch.tensor(0.0)
    norm = norm_of([seen(grad, order) for grad in grads], order, foreach)
    if error_if_nonfinite and not here(norm).isfinite():
        raise RuntimeError(f"{NAME}: the norm of the gradients is {here(norm)}, expected a finite number")
    # torch's own divisor, so that results are the same.
    scale = (largest / (here(norm) + 1e-6)).clamp(max=1.0)
    for grad in grads:
        values = here(grad) if grad.layout is torch.strided else grad._values()
        values.mul_(scale.to(values.device))
    return norm
