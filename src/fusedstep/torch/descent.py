"""Gradient descent: plain, with momentum, with shrinkage."""

from collections.abc import Sequence
from typing import Any, ClassVar

from .. import rules
from ..arrays.devices import on_device
from .groups import Group
from .optimizer import FusedOptimizer, Rule
from .settings import given, in_use


class SGD(FusedOptimizer):
    """Gradient descent, ``torch.optim.SGD`` on dense and sparse gradients. It runs the rule ``torch_sgd``.

    State keys: with ``momentum`` ``momentum_buffer``.

    Args:
        params: parameters, pairs of names and parameters, or groups of them.
        lr: the step size.
        momentum: how much of the sum of the gradients a step keeps.
        dampening: how much of a gradient is left out of the sum, but for a parameter's first.
        weight_decay: the strength of the l2 penalty.
        nesterov: look one step ahead along the sum; this takes a momentum, and no dampening.
        maximize: go uphill.
        foreach, fused: taken as torch takes them; they change nothing.
        differentiable: must be False.
        rows: of a sparse gradient, the ``"touched"`` rows decay and move, or ``"every"`` one.
        defer: embeddings whose rows take their steps, all of them, when they are looked up; see ``up_to_date``.

    >>> import torch, fusedstep as fs
    >>> weight = torch.nn.Parameter(torch.ones(2))
    >>> weight.grad = torch.tensor([0.5, 0.0])
    >>> _ = fs.torch.SGD([weight], lr=0.125, momentum=0.9).step()
    >>> weight.tolist()
    [0.9375, 1.0]
    """

    keys = ("momentum_buffer",)
    counts: ClassVar[dict[str, int]] = {}

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
        defer: Sequence[Any] = (),
    ) -> None:
        # Tensors on a device are not read back.
        if nesterov and not any(map(on_device, (momentum, dampening))) and (momentum <= 0 or dampening != 0):
            raise ValueError(
                f"SGD: nesterov is True with momentum {momentum} and dampening {dampening}, "
                "expected a positive momentum and no dampening"
            )
        super().__init__(params, given(locals()))

    def rule(self, group: Group) -> tuple[Rule, dict[str, bool]]:
        return rules.torch_sgd, {"nesterov": group["nesterov"], "use_momentum": in_use(group["momentum"])}

    def progress(self, state: dict[str, Any]) -> bool:
        """Whether gradients came before."""
        return state.get("momentum_buffer") is not None

    def scalars(self, group: Group, progress: Any) -> dict[str, Any]:
        scalars = {name: group[name] for name in ("lr", "momentum", "weight_decay")}
        return scalars | {"dampening": group["dampening"] if progress else 0.0}


class ProximalSGD(FusedOptimizer):
    """Gradient descent that shrinks by l1 and l2 after the step, not in torch.

    It runs the rule ``proximal_gradient_descent``. It keeps no states.

    Args:
        params: parameters, pairs of names and parameters, or groups of them.
        lr: the step size.
        l1: the strength of the l1 penalty; it makes weights exactly 0.
        l2: the strength of the l2 penalty.
        maximize: go uphill.
        rows: of a sparse gradient, the ``"touched"`` rows take the step and shrink, or ``"every"`` one.
        defer: embeddings whose rows take their steps, all of them, when they are looked up; see ``up_to_date``.

    >>> import torch, fusedstep as fs
    >>> weight = torch.nn.Parameter(torch.tensor([1.0, 0.01]))
    >>> weight.grad = torch.zeros(2)
    >>> _ = fs.torch.ProximalSGD([weight], lr=0.125, l1=1.0).step()
    >>> weight.tolist()
    [0.875, 0.0]
    """

    counts: ClassVar[dict[str, int]] = {}

    def __init__(
        self,
        params: Any,
        lr: Any = 1e-3,
        l1: float = 0,
        l2: float = 0,
        *,
        maximize: bool = False,
        rows: str = "touched",
        defer: Sequence[Any] = (),
    ) -> None:
        super().__init__(params, given(locals()))

    def rule(self, group: Group) -> tuple[Rule, dict[str, bool]]:
        return rules.proximal_gradient_descent, {}

    def scalars(self, group: Group, progress: Any) -> dict[str, Any]:
        return {name: group[name] for name in ("lr", "l1", "l2")}
