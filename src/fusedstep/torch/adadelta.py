"""Adadelta."""

from typing import Any

import torch

from .. import rules
from .arguments import documented
from .optimizer import FusedOptimizer, Rule
from .param_groups import ParamGroup
from .settings import from_locals
from .state_dtype import StateDtype


@documented
class Adadelta(FusedOptimizer, torch.optim.Adadelta):
    """Adadelta: ``torch.optim.Adadelta`` on dense and sparse gradients. Runs the rule ``torch_adadelta``.

    State keys: ``step``, ``square_avg``, ``acc_delta``.

    Args:
        lr: a factor on the update.
        rho: the decay rate of the means of the squared gradients and of the squared updates.
        eps: added under both square roots.

    >>> import torch, fusedstep as fs
    >>> weight = torch.nn.Parameter(torch.ones(2))
    >>> weight.grad = torch.tensor([0.5, 0.0])
    >>> _ = fs.torch.Adadelta([weight], eps=0.25).step()
    >>> print(weight.detach())
    tensor([0.5233, 1.0000])
    """

    _state_keys = ("square_avg", "acc_delta")

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
        state_dtype: StateDtype = None,
    ) -> None:
        super().__init__(params, from_locals(locals()))

    def _rule(self, group: ParamGroup) -> tuple[Rule, dict[str, bool]]:
        return rules.torch_adadelta, {}

    def _scalars(self, group: ParamGroup, progress: Any) -> dict[str, Any]:
        return {name: group[name] for name in ("lr", "rho", "weight_decay")} | {"epsilon": group["eps"]}
