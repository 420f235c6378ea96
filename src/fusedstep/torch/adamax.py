"""Adamax."""

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
class Adamax(FusedOptimizer, torch.optim.Adamax):
    """AdaMax: ``torch.optim.Adamax`` on dense and sparse gradients. Runs the rule ``torch_adamax``.

    State keys: ``step``, ``exp_avg``, ``exp_inf``.

    Args:
        betas: decay rates of the mean of the gradients and of their largest magnitude.
        eps: added to the magnitude of the gradient.

    >>> import torch, fusedstep as fs
    >>> weight = torch.nn.Parameter(torch.ones(2))
    >>> weight.grad = torch.tensor([0.5, 0.0])
    >>> _ = fs.torch.Adamax([weight], lr=0.125).step()
    >>> weight.tolist()
    [0.875, 1.0]
    """

    _state_keys = ("exp_avg", "exp_inf")

    def __init__(
        self,
        params: Any,
        lr: Any = 2e-3,
        betas: Betas = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        foreach: bool | None = None,
        *,
        maximize: bool = False,
        differentiable: bool = False,
        capturable: bool = False,
        rows: str = "touched",
        state_dtype: StateDtype = None,
    ) -> None:
        super().__init__(params, from_locals(locals()))

    def _rule(self, group: ParamGroup) -> tuple[Rule, dict[str, bool]]:
        return rules.torch_adamax, {}

    def _scalars(self, group: ParamGroup, progress: Any) -> dict[str, Any]:
        power = group["betas"][0] ** progress
        return mean_scalars(group) | {"weight_decay": group["weight_decay"], "beta1_power": power}
