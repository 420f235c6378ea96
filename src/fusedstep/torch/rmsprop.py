"""RMSprop."""

from typing import Any

from .. import rules
from .groups import Group
from .optimizer import FusedOptimizer, Rule
from .settings import given, in_use


class RMSprop(FusedOptimizer):
    """RMSProp, ``torch.optim.RMSprop`` on dense and sparse gradients. It runs the rule ``torch_rmsprop``.

    State keys: ``step``, ``square_avg``, with ``centered`` ``grad_avg``, with ``momentum`` ``momentum_buffer``.

    Args:
        params: parameters, pairs of names and parameters, or groups of them.
        lr: the step size.
        alpha: how much of the mean of the squared gradients a step keeps.
        eps: added to the root.
        weight_decay: the strength of the l2 penalty.
        momentum: how much of the sum of the steps a step keeps.
        centered: divide by the root of the variance.
        capturable: whether a CUDA graph can capture a step; of parameters on a device.
        foreach: taken as torch takes it; it changes nothing.
        maximize: go uphill.
        differentiable: must be False.
        rows: of a sparse gradient, the ``"touched"`` rows take the step, or ``"every"`` one.

    >>> import torch, fusedstep as fs
    >>> weight = torch.nn.Parameter(torch.ones(2))
    >>> weight.grad = torch.tensor([0.5, 0.0])
    >>> _ = fs.torch.RMSprop([weight], lr=0.125, alpha=0.75).step()
    >>> weight.tolist()
    [0.75, 1.0]
    """

    keys = ("square_avg", "grad_avg", "momentum_buffer")

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
    ) -> None:
        super().__init__(params, given(locals()))

    def rule(self, group: Group) -> tuple[Rule, dict[str, bool]]:
        return rules.torch_rmsprop, {"centered": group["centered"], "use_momentum": in_use(group["momentum"])}

    def scalars(self, group: Group, progress: Any) -> dict[str, Any]:
        return {name: group[name] for name in ("lr", "alpha", "momentum", "weight_decay")} | {"epsilon": group["eps"]}
