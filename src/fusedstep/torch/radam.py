"""RAdam."""

from typing import Any

import torch

from .. import rules
from .arguments import documented
from .betas import Betas, mean_scalars
from .optimizer import FusedOptimizer, Rule
from .param_groups import ParamGroup
from .settings import from_locals
from .state_dtype import StateDtype


@documented
class RAdam(FusedOptimizer, torch.optim.RAdam):
    """RAdam: ``torch.optim.RAdam`` on dense and sparse gradients. Runs the rule ``radam``.

    State keys: ``step``, ``exp_avg``, ``exp_avg_sq``.

    >>> import torch, fusedstep as fs
    >>> weight = torch.nn.Parameter(torch.ones(2))
    >>> weight.grad = torch.tensor([0.5, 0.0])
    >>> _ = fs.torch.RAdam([weight], lr=0.125).step()
    >>> weight.tolist()
    [0.9375, 1.0]
    """

    _state_keys = ("exp_avg", "exp_avg_sq")

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
        state_dtype: StateDtype = None,
    ) -> None:
        super().__init__(params, from_locals(locals()))

    def _rule(self, group: ParamGroup) -> tuple[Rule, dict[str, bool]]:
        return rules.radam, {"decoupled": group["decoupled_weight_decay"]}

    def _scalars(self, group: ParamGroup, progress: Any) -> dict[str, Any]:
        return mean_scalars(group) | {"weight_decay": group["weight_decay"], "step": progress}
