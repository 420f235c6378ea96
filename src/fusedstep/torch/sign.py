"""AddSign and PowerSign."""

from typing import Any

import torch

from .. import rules
from .arguments import documented
from .optimizer import FusedOptimizer, Rule
from .param_groups import ParamGroup
from .settings import LIMITS, from_locals
from .state_dtype import StateDtype


@documented
class AddSign(FusedOptimizer, torch.optim.Optimizer):
    """AddSign (Bello et al., 2017), not in torch. Runs the rule ``add_sign``.

    State keys: ``step``, ``exp_avg``.

    Args:
        alpha: the factor on a step where either sign is 0.
        sign_decay: added to the factor where the signs of the gradient and of its mean agree; subtracted where they
            differ.
        beta: the decay rate of the mean.

    >>> import torch, fusedstep as fs
    >>> weight = torch.nn.Parameter(torch.ones(2))
    >>> weight.grad = torch.tensor([0.5, 0.0])
    >>> _ = fs.torch.AddSign([weight], lr=0.125).step()
    >>> weight.tolist()
    [0.875, 1.0]
    """

    _state_keys = ("exp_avg",)
    _limits = LIMITS | {"beta": "in [0, 1)"}

    def __init__(
        self,
        params: Any,
        lr: Any = 0.1,
        alpha: float = 1.0,
        sign_decay: float = 1.0,
        beta: float = 0.9,
        *,
        maximize: bool = False,
        rows: str = "touched",
        state_dtype: StateDtype = None,
    ) -> None:
        super().__init__(params, from_locals(locals()))

    def _rule(self, group: ParamGroup) -> tuple[Rule, dict[str, bool]]:
        return rules.add_sign, {}

    def _scalars(self, group: ParamGroup, progress: Any) -> dict[str, Any]:
        return {name: group[name] for name in ("lr", "alpha", "sign_decay", "beta")}


@documented
class PowerSign(FusedOptimizer, torch.optim.Optimizer):
    """PowerSign (Bello et al., 2017), not in torch. Runs the rule ``power_sign``.

    State keys: ``step``, ``exp_avg``.

    Args:
        logbase: the logarithm of the factor by which steps are multiplied where the signs of the gradient and of its
            mean agree, and divided where they differ.
        sign_decay: a factor on that logarithm.
        beta: the decay rate of the mean.

    >>> import torch, fusedstep as fs
    >>> weight = torch.nn.Parameter(torch.ones(2))
    >>> weight.grad = torch.tensor([0.5, 0.0])
    >>> _ = fs.torch.PowerSign([weight], lr=0.125, logbase=0.0).step()
    >>> weight.tolist()
    [0.9375, 1.0]
    """

    _state_keys = ("exp_avg",)
    _limits = LIMITS | {"beta": "in [0, 1)"}

    def __init__(
        self,
        params: Any,
        lr: Any = 0.1,
        logbase: float = 1.0,
        sign_decay: float = 1.0,
        beta: float = 0.9,
        *,
        maximize: bool = False,
        rows: str = "touched",
        state_dtype: StateDtype = None,
    ) -> None:
        super().__init__(params, from_locals(locals()))

    def _rule(self, group: ParamGroup) -> tuple[Rule, dict[str, bool]]:
        return rules.power_sign, {}

    def _scalars(self, group: ParamGroup, progress: Any) -> dict[str, Any]:
        return {name: group[name] for name in ("lr", "logbase", "sign_decay", "beta")}
