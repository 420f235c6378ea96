"""RAdam."""

from typing import Any

from .. import rules
from .betas import Betas, means
from .groups import Group
from .optimizer import FusedOptimizer, Rule
from .settings import given


class RAdam(FusedOptimizer):
    """RAdam, ``torch.optim.RAdam`` on dense and sparse gradients. It runs the rule ``radam``.

    State keys: ``step``, ``exp_avg``, ``exp_avg_sq``.

    Args:
        params: parameters, pairs of names and parameters, or groups of them.
        lr: the step size.
        betas: how much of the means of the gradients and of their squares a step keeps.
        eps: added to the root.
        weight_decay: the strength of the penalty.
        decoupled_weight_decay: shrink the weights instead of adding to the gradient.
        foreach: taken as torch takes it; it changes nothing.
        maximize: go uphill.
        capturable: whether a CUDA graph can capture a step; of parameters on a device.
        differentiable: must be False.
        rows: of a sparse gradient, the ``"touched"`` rows take the step, or ``"every"`` one.

    >>> import torch, fusedstep as fs
    >>> weight = torch.nn.Parameter(torch.ones(2))
    >>> weight.grad = torch.tensor([0.5, 0.0])
    >>> _ = fs.torch.RAdam([weight], lr=0.125).step()
    >>> weight.tolist()
    [0.9375, 1.0]
    """

    keys = ("exp_avg", "exp_avg_sq")

    def __init__(
        self,
        params: Any,
        lr: Any = 1e-3,
        betas: Betas = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        decoupled_weight_decay: bool = False,
        *,
        foreach: bool | None = None,
        maximize: bool = False,
        capturable: bool = False,
        differentiable: bool = False,
        rows: str = "touched",
    ) -> None:
        super().__init__(params, given(locals()))

    def rule(self, group: Group) -> tuple[Rule, dict[str, bool]]:
        return rules.radam, {"decoupled": group["decoupled_weight_decay"]}

    def scalars(self, group: Group, progress: Any) -> dict[str, Any]:
        return means(group) | {"weight_decay": group["weight_decay"], "step": progress}
