"""FTRL: follow the regularized leader."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from ..operators.operator import Operator
from ..rules.master_weights import ftrl_proximal_with_master
from .arguments import documented
from .optimizer import FusedOptimizer, Rule
from .param_groups import ParamGroup
from .settings import from_locals
from .state_dtype import StateDtype


@documented
class FTRL(FusedOptimizer, torch.optim.Optimizer):
    """FTRL-Proximal (McMahan et al., 2013), not in torch. Runs the rule ``ftrl_proximal`` with ``keep_weights``.

    A weight is exactly 0 while the sum of its gradients is small. Each step starts from the current weights, trained or
    set by hand: a schedule or another change of a setting does not move them. ``linear`` is read only where a weight is
    0, for what L1 has collected there. With ``lr`` 0 no weight moves.

    State keys: ``step``, ``accum``, ``linear``; beside 16-bit weights these are float32, and ``master`` holds the
    weights before rounding.

    Args:
        lr: the step size; the paper's alpha.
        lr_power: the power of ``accum`` by which the step size falls, 0 or less; -0.5 is the square root.
        beta: added to the root of ``accum``; the paper's beta, which is mostly 1 there.
        initial_accumulator_value: the initial value of ``accum``.

    >>> import torch, fusedstep as fs
    >>> weight = torch.nn.Parameter(torch.tensor([1.0, 0.0]))
    >>> optimizer = fs.torch.FTRL([weight], lr=0.5, l1=0.25)
    >>> weight.grad = torch.tensor([0.0, 0.125])  # less than l1: the weight stays 0
    >>> _ = optimizer.step()
    >>> print(weight.detach())
    tensor([1., 0.])
    """

    _state_keys = ("accum", "linear", "master")

    def __init__(
        self,
        params: Any,
        lr: Any,
        lr_power: float = -0.5,
        l1: float = 0,
        l2: float = 0,
        beta: float = 0,
        initial_accumulator_value: float = 0.1,
        *,
        maximize: bool = False,
        rows: str = "touched",
        state_dtype: StateDtype = None,
        defer: Sequence[Any] = (),
    ) -> None:
        super().__init__(params, from_locals(locals()))

    def _rule(self, group: ParamGroup) -> tuple[Rule, dict[str, bool]]:
        return ftrl_proximal_with_master, {"rounded": "stored_as" in group}

    def _scalars(self, group: ParamGroup, progress: Any) -> dict[str, Any]:
        found = {name: group[name] for name in ("lr", "l1", "l2", "beta", "lr_power")}
        if "stored_as" in group:
            kind = torch.finfo(group["stored_as"])
            found["splitter"] = 1 + kind.eps / torch.finfo(torch.float32).eps
            found["least"] = kind.tiny * kind.eps / 2
        return found

    def _initial_value(self, group: ParamGroup, key: str) -> float:
        return float(group["initial_accumulator_value"]) if key == "accum" else 0.0

    def _chosen_dtype(self, group: ParamGroup, key: str) -> Any:
        # A narrow master would lose what it is there for.
        return None if key == "master" else super()._chosen_dtype(group, key)

    def _align(self, operator: Operator, param: Tensor, state: dict[str, Any]) -> None:
        super()._align(operator.switched(rounded=is_narrow(param)), param, state)

    def _initialise(self, group: ParamGroup, param: Tensor, state: dict[str, Any]) -> None:
        super()._initialise(with_storage(group, param), param, state)

    def _settings_for(self, group: ParamGroup, param: Tensor, grad: Tensor) -> ParamGroup:
        return with_storage(group, param)


def is_narrow(param: Tensor) -> bool:
    """Return whether a parameter's dtype is narrower than float32."""
    return bool(param.dtype.to_real().itemsize < torch.float32.itemsize)


def with_storage(group: ParamGroup, param: Tensor) -> ParamGroup:
    """Add a narrow parameter's dtype to its group."""
    return {**group, "stored_as": param.dtype.to_real()} if is_narrow(param) else group
