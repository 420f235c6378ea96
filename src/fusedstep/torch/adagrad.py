"""Adagrad and ProximalAdagrad."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from .. import rules
from .arguments import documented
from .optimizer import FusedOptimizer, Rule
from .param_groups import ParamGroup
from .settings import from_locals, to_number
from .state_dtype import StateDtype


class AccumulatorOptimizer(FusedOptimizer):
    """An optimizer whose state ``sum`` is created with it, as in torch's Adagrad."""

    _state_keys = ("sum",)

    def __init__(self, params: Any, defaults: ParamGroup) -> None:
        super().__init__(params, defaults)
        for group in self.param_groups:
            for param in group["params"]:
                settings = self._settings_of(group, param)
                if settings is not None:
                    self._initialise(settings, self._memory_of(param), self.state[param])

    def _settings_of(self, group: ParamGroup, param: Tensor) -> ParamGroup | None:
        """The settings that the states of a parameter follow from; None before a first gradient that they need."""
        return group

    def _initial_value(self, group: ParamGroup, key: str) -> float:
        return float(group["initial_accumulator_value"])

    def share_memory(self) -> None:
        """Move the states, sums and step counts, to shared memory.

        Raises:
            RuntimeError: the states of a parameter follow from its first gradient, and it has none yet.
        """
        self.flush()
        params = [(self._settings_of(group, param), param) for group in self.param_groups for param in group["params"]]
        if any(settings is None and not self.state.get(param) for settings, param in params):
            raise RuntimeError(
                f"{type(self).__name__}: share_memory() came before a first gradient, by which elementwise_dense "
                "chooses states, expected one for each parameter; call it after the first backward()"
            )
        for settings, param in params:
            state = self.state[param]
            if settings is not None:
                self._initialise(settings, param, state)
            for value in state.values():
                if isinstance(value, Tensor):
                    value.share_memory_()


def decayed_rate(group: ParamGroup, progress: Any) -> Any:
    """The step size of a step, by ``lr_decay``."""
    return to_number(group["lr"]) / (1 + (progress - 1) * group["lr_decay"])


@documented
class Adagrad(AccumulatorOptimizer, torch.optim.Adagrad):
    """Adagrad: ``torch.optim.Adagrad`` on dense and sparse gradients. Runs the rule ``torch_adagrad``.

    State keys: ``step``, ``sum``.

    Args:
        lr_decay: how fast the step size falls: step t takes ``lr / (1 + (t - 1) * lr_decay)``.

    >>> import torch, fusedstep as fs
    >>> weight = torch.nn.Parameter(torch.ones(2))
    >>> weight.grad = torch.tensor([0.5, 0.0])
    >>> _ = fs.torch.Adagrad([weight], lr=0.125).step()
    >>> weight.tolist()
    [0.875, 1.0]
    """

    def __init__(
        self,
        params: Any,
        lr: Any = 1e-2,
        lr_decay: float = 0,
        weight_decay: float = 0,
        initial_accumulator_value: float = 0,
        eps: float = 1e-10,
        foreach: bool | None = None,
        *,
        maximize: bool = False,
        differentiable: bool = False,
        fused: bool | None = None,
        rows: str = "touched",
        state_dtype: StateDtype = None,
    ) -> None:
        super().__init__(params, from_locals(locals()))

    def _rule(self, group: ParamGroup) -> tuple[Rule, dict[str, bool]]:
        return rules.torch_adagrad, {}

    def _scalars(self, group: ParamGroup, progress: Any) -> dict[str, Any]:
        return {"lr": decayed_rate(group, progress), "epsilon": group["eps"], "weight_decay": group["weight_decay"]}


@documented
class ProximalAdagrad(AccumulatorOptimizer, torch.optim.Optimizer):
    """Adagrad followed by L1 and L2 shrinkage, not in torch. Runs the rule ``proximal_adagrad``.

    Each step starts from the current weights, trained ones too.

    State keys: ``step``, ``sum``.

    Args:
        shrink_by_rate: shrink by each element's step size, ``lr / sqrt(sum)``, as TensorFlow's kernels do.

    >>> import torch, fusedstep as fs
    >>> weight = torch.nn.Parameter(torch.tensor([1.0, 0.01]))
    >>> weight.grad = torch.zeros(2)
    >>> _ = fs.torch.ProximalAdagrad([weight], lr=0.125, l1=1.0).step()
    >>> weight.tolist()
    [0.875, 0.0]
    """

    def __init__(
        self,
        params: Any,
        lr: Any = 1e-2,
        l1: float = 0,
        l2: float = 0,
        initial_accumulator_value: float = 0.1,
        *,
        shrink_by_rate: bool = False,
        maximize: bool = False,
        rows: str = "touched",
        state_dtype: StateDtype = None,
        defer: Sequence[Any] = (),
    ) -> None:
        super().__init__(params, from_locals(locals()))

    def _rule(self, group: ParamGroup) -> tuple[Rule, dict[str, bool]]:
        return rules.proximal_adagrad, {"shrink_by_rate": group["shrink_by_rate"]}

    def _scalars(self, group: ParamGroup, progress: Any) -> dict[str, Any]:
        return {name: group[name] for name in ("lr", "l1", "l2")}
