"""RMSprop."""

from typing import Any

import torch

from .. import rules
from .arguments import documented
from .optimizer import FusedOptimizer, Rule
from .param_groups import ParamGroup
from .settings import enabled, from_locals
from .state_dtype import StateDtype


@documented
class RMSprop(FusedOptimizer, torch.optim.RMSprop):
    """RMSProp: ``torch.optim.RMSprop`` on dense and sparse gradients. Runs the rule ``torch_rmsprop``.

    State keys: ``step``, ``square_avg``, with ``centered`` ``grad_avg``, with ``momentum`` ``momentum_buffer``.

    Args:
        alpha: the decay rate of the mean of the squared gradients.
        momentum: the decay rate of the sum of the steps.
        centered: divide by the root of the variance.

    >>> import torch, fusedstep as fs
    >>> weight = torch.nn.Parameter(torch.ones(2))
    >>> weight.grad = torch.tensor([0.5, 0.0])
    >>> _ = fs.torch.RMSprop([weight], lr=0.125, alpha=0.75).step()
    >>> weight.tolist()
    [0.75, 1.0]
    """

    _state_keys = ("square_avg", "grad_avg", "momentum_buffer")

    def __init__(
        self,
        params: Any,
        lr: Any = 1e-2,
        alpha: float = 0.99,
        eps: float = 1e-8,
        weight_decay: float = 0,
        momentum: float = 0,
        centered: bool = False,
        capturable: bool = False,
        foreach: bool | None = None,
        maximize: bool = False,
        differentiable: bool = False,
        *,
        rows: str = "touched",
        state_dtype: StateDtype = None,
    ) -> None:
        super().__init__(params, from_locals(locals()))

    def _rule(self, group: ParamGroup) -> tuple[Rule, dict[str, bool]]:
        return rules.torch_rmsprop, {"centered": group["centered"], "use_momentum": enabled(group["momentum"])}

    def _scalars(self, group: ParamGroup, progress: Any) -> dict[str, Any]:
        return {name: group[name] for name in ("lr", "alpha", "momentum", "weight_decay")} | {"epsilon": group["eps"]}
