"""Adadelta."""

from typing import Any

from .. import rules
from .groups import Group
from .optimizer import FusedOptimizer, Rule
from .settings import given


class Adadelta(FusedOptimizer):
    """Adadelta, ``torch.optim.Adadelta`` on dense and sparse gradients. It runs the rule ``torch_adadelta``.

    State keys: ``step``, ``square_avg``, ``acc_delta``.

    Args:
        params: parameters, pairs of names and parameters, or groups of them.
        lr: what the update is multiplied by.
        rho: how much of the means of the squared gradients and updates a step keeps.
        eps: added under both roots.
        weight_decay: the strength of the l2 penalty.
        foreach: taken as torch takes it; it changes nothing.
        capturable: whether a CUDA graph can capture a step; of parameters on a device.
        maximize: go uphill.
        differentiable: must be False.
        rows: of a sparse gradient, the ``"touched"`` rows take the step, or ``"every"`` one.

    >>> import torch, fusedstep as fs
    >>> weight = torch.nn.Parameter(torch.ones(2))
    >>> weight.grad = torch.tensor([0.5, 0.0])
    >>> _ = fs.torch.Adadelta([weight], eps=0.25).step()
    >>> print(weight.detach())
    tensor([0.5233, 1.0000])
    """

    keys = ("square_avg", "acc_delta")

    def __init__(
        self,
        params: Any,
        lr: Any = 1.0,
        rho: float = 0.9,
        eps: float = 1e-6,
        weight_decay: float = 0,
        foreach: bool | None = None,
        *,
        capturable: bool = False,
        maximize: bool = False,
        differentiable: bool = False,
        rows: str = "touched",
    ) -> None:
        super().__init__(params, given(locals()))

    def rule(self, group: Group) -> tuple[Rule, dict[str, bool]]:
        return rules.torch_adadelta, {}

    def scalars(self, group: Group, progress: Any) -> dict[str, Any]:
        return {name: group[name] for name in ("lr", "rho", "weight_decay")} | {"epsilon": group["eps"]}
