"""Clip the norm of dense and sparse gradients."""

import warnings
from collections.abc import Iterable
from types import GeneratorType
from typing import Any

import torch
from torch import Tensor

from ..arrays.devices import on_device
from .distributed import is_distributed, norm_of_shards, to_local
from .embedding_gradient import EmbeddingGradient
from .embedding_gradient.lookup import Lookup
from .embedding_gradient.norms import numbers_for_norm
from .embedding_gradient.sums import padded_sums
from .gradients import parts_of

NAME = "clip_grad_norm_"


def sum_duplicates(grad: Tensor) -> Tensor:
    """The values of a gradient, with the duplicates of a sparse one summed; on a device with zeros behind them."""
    found = parts_of(NAME, grad)
    values = found.values
    if found.places is None or grad.is_coalesced():
        return values
    rows = found.flat_places(grad.shape)
    if on_device(rows):
        # How many rows there are is known there only.
        return padded_sums([Lookup(values, rows)], values.dtype).values
    unique_rows, inverse = rows.unique(return_inverse=True)
    return values.new_zeros((len(unique_rows), *values.shape[1:])).index_add_(0, inverse, values)


def values_for_norm(grad: Tensor, norm_type: float) -> Tensor:
    """The values whose norm is taken. With a negative order the other rows of a sparse gradient count as zeros."""
    if isinstance(grad, EmbeddingGradient):
        return numbers_for_norm(grad._content, norm_type)
    values = sum_duplicates(grad)
    return grad.to_dense() if norm_type < 0 and grad.layout is not torch.strided else values


def total_norm(grads: list[Tensor], norm_type: float, foreach: bool | None) -> Tensor:
    """The norm of all gradients together; for DTensors on one mesh it is a DTensor, as torch's."""
    # An empty gradient contributes nothing, but some norms are undefined for it.
    full = [grad for grad in grads if grad.numel()]
    if not full:
        return grads[0].new_zeros(())
    total = torch.nn.utils.get_total_norm
    # These are undefined for an empty shard, too.
    if norm_type < 0 or norm_type == float("inf"):
        full = [norm_of_shards(grad, norm_type) if is_distributed(grad) else grad for grad in full]
    if len({getattr(grad, "device_mesh", None) for grad in full}) > 1:
        norms: list[Any] = [total([grad], norm_type, foreach=foreach) for grad in full]
        full = [norm.full_tensor() if is_distributed(norm) else norm for norm in norms]
    return total(full, norm_type, foreach=foreach)


def number(name: str, value: Any) -> float:
    """Convert an argument to a float.

    Raises:
        TypeError, ValueError: it is not a number.
    """
    try:
        return float(value)
    except (TypeError, ValueError) as error:
        raise type(error)(f"{NAME}: {name} is {value!r}, expected a number") from None


def gradients(parameters: Any) -> list[Tensor]:
    """The gradients of the parameters that have one.

    Raises:
        TypeError: a parameter is not a tensor.
    """
    listed = [parameters] if isinstance(parameters, Tensor) else list(parameters)
    if not listed and isinstance(parameters, GeneratorType):
        # It may have been consumed before. The level is the caller's, below no_grad's wrapper.
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
    """Clip the norm of all gradients together: ``torch.nn.utils.clip_grad_norm_`` for dense and sparse gradients.

    Scale the gradients in place; sparse ones stay uncoalesced, and those of ``fs.torch.Embedding`` are not expanded.
    The norm is that of whole DTensors; plain gradients beside them must be the same in all processes.

    Args:
        parameters: one parameter, or several.
        max_norm: the largest norm allowed, 0 or more.
        norm_type: the order of the norm; ``inf`` or ``"inf"`` is the largest magnitude.
        error_if_nonfinite: raise if the norm is infinite or NaN.
        foreach: how torch computes the norms.

    Returns:
        The norm before clipping.

    Raises:
        TypeError: a parameter is not a tensor, or a gradient is neither dense nor sparse COO.
        ValueError: ``max_norm`` is negative, or an argument is not a number.
        RuntimeError: the norm is not finite, and ``error_if_nonfinite`` is True.

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
    norm = total_norm([values_for_norm(grad, order) for grad in grads], order, foreach)
    if error_if_nonfinite and not to_local(norm).isfinite():
        raise RuntimeError(f"{NAME}: the norm of the gradients is {to_local(norm)}, expected a finite number")
    # torch's divisor, for the same results.
    scale = (largest / (to_local(norm) + 1e-6)).clamp(max=1.0)
    for grad in grads:
        whole = isinstance(grad, EmbeddingGradient) or grad.layout is torch.strided
        values = to_local(grad) if whole else grad._values()
        values.mul_(scale.to(values.device))
    return norm
