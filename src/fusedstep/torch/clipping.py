"""Clips gradients by their norm, sparse ones by that of their merged values."""

from collections.abc import Iterable

import torch
from torch import Tensor

from .layouts import rows_of


def merged(grad: Tensor) -> Tensor:
    """The values of a gradient, of a sparse one each row's sum once."""
    values, rows = rows_of("clip_grad_norm_", grad)
    if rows is None or grad.is_coalesced():
        return values
    named, places = rows.unique(return_inverse=True)
    return values.new_zeros((len(named), *values.shape[1:])).index_add_(0, places, values)


@torch.no_grad()
def clip_grad_norm_(
    parameters: Tensor | Iterable[Tensor],
    max_norm: float,
    norm_type: float = 2.0,
    error_if_nonfinite: bool = False,
) -> Tensor:
    """Clips the norm of all gradients together, ``torch.nn.utils.clip_grad_norm_`` on dense and sparse ones.

    The gradients are scaled in place; sparse ones stay as they are, uncoalesced.

    Args:
        parameters: the parameters, or one.
        max_norm: what the norm may be.
        norm_type: which norm, ``inf`` for the largest magnitude.
        error_if_nonfinite: whether a norm that is no number, or infinite, is refused.

    Returns:
        The norm before.

    Raises:
        RuntimeError: the norm is not finite, and that is refused.

    >>> import torch, fusedstep as fs
    >>> table = torch.nn.Embedding(3, 1, sparse=True)
    >>> (table(torch.tensor([2, 2])) * 2).sum().backward()
    >>> fs.torch.clip_grad_norm_(table.parameters(), 1.0)
    tensor(4.)
    >>> table.weight.grad._values().flatten().tolist()
    [0.49999988079071045, 0.49999988079071045]
    """
    parameters = [parameters] if isinstance(parameters, Tensor) else parameters
    grads = [parameter.grad for parameter in parameters if parameter.grad is not None]
    if not grads:
        return torch.tensor(0.0)
    norms = [torch.linalg.vector_norm(merged(grad), norm_type) for grad in grads]
    norm = torch.linalg.vector_norm(torch.stack(norms), norm_type)
    if error_if_nonfinite and not norm.isfinite():
        raise RuntimeError(f"clip_grad_norm_: the norm of the gradients is {norm}, expected a finite number")
    # torch's own divisor, so that results are the same.
    scale = (max_norm / (norm + 1e-6)).clamp(max=1.0)
    for grad in grads:
        values = grad if grad.layout is torch.strided else grad._values()
        values.mul_(scale.to(values.dtype))
    return norm
