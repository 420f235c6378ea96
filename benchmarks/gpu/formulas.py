"""The same steps as functions of PyTorch, in place, for ``torch.compile``."""

import torch

from fusedstep.bench.libraries.settings import BETAS, EPSILON, L1, L2, LR

# The scalars of the first step, like those of the operators.
RATE = LR * (1 - BETAS[1]) ** 0.5 / (1 - BETAS[0])


def adam(var: torch.Tensor, m: torch.Tensor, v: torch.Tensor, grad: torch.Tensor) -> None:
    """Adam on a dense gradient."""
    m.copy_(BETAS[0] * m + (1 - BETAS[0]) * grad)
    v.copy_(BETAS[1] * v + (1 - BETAS[1]) * grad * grad)
    var.sub_(RATE * m / (v.sqrt() + EPSILON))


def proximal_adagrad(var: torch.Tensor, accum: torch.Tensor, grad: torch.Tensor) -> None:
    """Proximal Adagrad on a dense gradient."""
    accum.add_(grad * grad)
    ahead = var - torch.where(accum == 0, 0.0, LR / accum.sqrt()) * grad
    var.copy_(ahead.sign() / (1 + LR * L2) * (ahead.abs() - LR * L1).clamp(min=0.0))


def adam_of_every_row(
    var: torch.Tensor, m: torch.Tensor, v: torch.Tensor, grad: torch.Tensor, indices: torch.Tensor
) -> None:
    """Adam of every row, on the sparse gradient made dense."""
    adam(var, m, v, torch.zeros_like(var).index_add_(0, indices, grad))


def adam_of_touched_rows(
    var: torch.Tensor, m: torch.Tensor, v: torch.Tensor, grad: torch.Tensor, indices: torch.Tensor
) -> None:
    """Adam of the touched rows: gathered, stepped and scattered."""
    rows, sums = summed(grad, indices)
    new_var, new_m, new_v = var[rows], m[rows], v[rows]
    adam(new_var, new_m, new_v, sums)
    for state, new in ((var, new_var), (m, new_m), (v, new_v)):
        state.index_copy_(0, rows, new)


def rowwise_adagrad(var: torch.Tensor, accum: torch.Tensor, grad: torch.Tensor, indices: torch.Tensor) -> None:
    """Row-wise Adagrad of the touched rows."""
    rows, sums = summed(grad, indices)
    seen = accum[rows] + sums.square().mean(dim=1)
    divisor = seen.sqrt() + EPSILON
    accum.index_copy_(0, rows, seen)
    var.index_add_(0, rows, sums * torch.where(divisor == 0, 0.0, LR / divisor)[:, None], alpha=-1)


def summed(grad: torch.Tensor, indices: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """The touched rows, each once, and the sums of their gradients."""
    rows, inverse = torch.unique(indices, return_inverse=True)
    return rows, grad.new_zeros((rows.numel(), grad.shape[1])).index_add_(0, inverse, grad)
