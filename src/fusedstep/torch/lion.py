"""Lion."""

from typing import Any

from .. import rules
from .betas import Betas
from .groups import Group
from .optimizer import FusedOptimizer, Rule
from .settings import given


class Lion(FusedOptimizer):
    """Lion (Chen et al., 2023), not in torch. It runs the rule ``lion``.

    State keys: ``step``, ``exp_avg``.

    Args:
        params: parameters, pairs of names and parameters, or groups of them.
        lr: the step size.
        betas: the weight of the mean beside the gradient in the step, and how much of the mean a step keeps.
        weight_decay: how much of itself a weight loses, times ``lr``.
        maximize: go uphill.
        rows: of a sparse gradient, the ``"touched"`` rows take the step and shrink, or ``"every"`` one.

    >>> import torch, fusedstep as fs
    >>> weight = torch.nn.Parameter(torch.ones(2))
    >>> weight.grad = torch.tensor([0.5, 0.0])
    >>> _ = fs.torch.Lion([weight], lr=0.125).step()
    >>> weight.tolist()
    [0.875, 1.0]
    """

    keys = ("exp_avg",)

    def __init__(
        self,
        params: Any,
        lr: Any = 1e-4,
        betas: Betas = (0.9, 0.99),
        weight_decay: float = 0,
        *,
        maximize: bool = False,
        rows: str = "touched",
    ) -> None:
        super().__init__(params, given(locals()))

    def rule(self, group: Group) -> tuple[Rule, dict[str, bool]]:
        return rules.lion, {}

    def scalars(self, group: Group, progress: Any) -> dict[str, Any]:
        beta1, beta2 = group["betas"]
        return {"lr": group["lr"], "beta1": beta1, "beta2": beta2, "weight_decay": group["weight_decay"]}
