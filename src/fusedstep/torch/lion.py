"""Lion."""

from typing import Any

import torch

from .. import rules
from .arguments import documented
from .betas import Betas
from .optimizer import FusedOptimizer, Rule
from .param_groups import ParamGroup
from .settings import from_locals
from .state_dtype import StateDtype


@documented
class Lion(FusedOptimizer, torch.optim.Optimizer):
    """Lion (Chen et al., 2023), not in torch. Runs the rule ``lion``.

    State keys: ``step``, ``exp_avg``.

    Args:
        betas: the weight of the mean against the gradient in a step, and the decay rate of the mean.
        weight_decay: each step shrinks a weight by this share of itself, times ``lr``.

    >>> import torch, fusedstep as fs
    >>> weight = torch.nn.Parameter(torch.ones(2))
    >>> weight.grad = torch.tensor([0.5, 0.0])
    >>> _ = fs.torch.Lion([weight], lr=0.125).step()
    >>> weight.tolist()
    [0.875, 1.0]
    """

    _state_keys = ("exp_avg",)

    def __init__(
        self,
        params: Any,
        lr: Any = 1e-4,
        betas: Betas = (0.9, 0.99),
        weight_decay: float = 0,
        *,
        maximize: bool = False,
        rows: str = "touched",
        state_dtype: StateDtype = None,
    ) -> None:
        super().__init__(params, from_locals(locals()))

    def _rule(self, group: ParamGroup) -> tuple[Rule, dict[str, bool]]:
        return rules.lion, {}

    def _scalars(self, group: ParamGroup, progress: Any) -> dict[str, Any]:
        beta1, beta2 = group["betas"]
        return {"lr": group["lr"], "beta1": beta1, "beta2": beta2, "weight_decay": group["weight_decay"]}
