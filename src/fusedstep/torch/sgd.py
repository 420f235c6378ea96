"""Gradient descent: SGD and ProximalSGD."""

from collections.abc import Sequence
from typing import Any, ClassVar

import torch

from .. import rules
from ..arrays.devices import on_device
from .arguments import documented
from .optimizer import FusedOptimizer, Rule
from .param_groups import ParamGroup
from .settings import enabled, from_locals
from .state_dtype import StateDtype


@documented
class SGD(FusedOptimizer, torch.optim.SGD):
    """Gradient descent: ``torch.optim.SGD`` on dense and sparse gradients. Runs the rule ``torch_sgd``.

    State keys: with ``momentum`` ``momentum_buffer``.

    Args:
        momentum: the decay rate of the sum of the gradients.
        dampening: the share of a gradient that the sum leaves out; a parameter's first gradient counts whole.
        nesterov: step from one step ahead along the sum; requires a momentum and no dampening.

    >>> import torch, fusedstep as fs
    >>> weight = torch.nn.Parameter(torch.ones(2))
    >>> weight.grad = torch.tensor([0.5, 0.0])
    >>> _ = fs.torch.SGD([weight], lr=0.125, momentum=0.9).step()
    >>> weight.tolist()
    [0.9375, 1.0]
    """

    _state_keys = ("momentum_buffer",)
    _counters: ClassVar[dict[str, int]] = {}

    def __init__(
        self,
        params: Any,
        lr: Any = 1e-3,
        momentum: float = 0,
        dampening: float = 0,
        weight_decay: float = 0,
        nesterov: bool = False,
        *,
        maximize: bool = False,
        foreach: bool | None = None,
        differentiable: bool = False,
        fused: bool | None = None,
        rows: str = "touched",
        state_dtype: StateDtype = None,
        defer: Sequence[Any] = (),
    ) -> None:
        # Tensors on a device are not read back.
        if nesterov and not any(map(on_device, (momentum, dampening))) and (momentum <= 0 or dampening != 0):
            raise ValueError(
                f"SGD: nesterov is True with momentum {momentum} and dampening {dampening}, "
                "expected a positive momentum and no dampening"
            )
        super().__init__(params, from_locals(locals()))

    def _rule(self, group: ParamGroup) -> tuple[Rule, dict[str, bool]]:
        return rules.torch_sgd, {"nesterov": group["nesterov"], "use_momentum": enabled(group["momentum"])}

    def _scalars(self, group: ParamGroup, progress: Any) -> dict[str, Any]:
        scalars = {name: group[name] for name in ("lr", "momentum", "weight_decay")}
        return scalars | {"dampening": group["dampening"] if progress else 0.0}


@documented
class ProximalSGD(FusedOptimizer, torch.optim.Optimizer):
    """Gradient descent followed by L1 and L2 shrinkage, not in torch.

    Runs the rule ``proximal_gradient_descent``.

    State keys: none.

    >>> import torch, fusedstep as fs
    >>> weight = torch.nn.Parameter(torch.tensor([1.0, 0.01]))
    >>> weight.grad = torch.zeros(2)
    >>> _ = fs.torch.ProximalSGD([weight], lr=0.125, l1=1.0).step()
    >>> weight.tolist()
    [0.875, 0.0]
    """

    _counters: ClassVar[dict[str, int]] = {}

    def __init__(
        self,
        params: Any,
        lr: Any = 1e-3,
        l1: float = 0,
        l2: float = 0,
        *,
        maximize: bool = False,
        rows: str = "touched",
        state_dtype: StateDtype = None,
        defer: Sequence[Any] = (),
    ) -> None:
        super().__init__(params, from_locals(locals()))

    def _rule(self, group: ParamGroup) -> tuple[Rule, dict[str, bool]]:
        return rules.proximal_gradient_descent, {}

    def _scalars(self, group: ParamGroup, progress: Any) -> dict[str, Any]:
        return {name: group[name] for name in ("lr", "l1", "l2")}
