"""Follow the regularized leader."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from ..operators.operator import Operator
from ..rules.master_weights import ftrl_proximal_with_master
from .groups import Group
from .optimizer import FusedOptimizer, Rule
from .settings import given


class FTRL(FusedOptimizer):
    """FTRL-Proximal (McMahan et al., 2013), not in torch. It runs the rule ``ftrl_proximal`` with ``keep_weights``.

    Weights are exactly 0 where the sum of all gradients is small. A step starts from the weights that are there,
    trained ones too: neither a schedule nor another change of a setting moves them, and one that is set stays so. Only
    what l1 has collected where a weight is 0 is read from ``linear``. With ``lr`` 0 no weight moves.

    State keys: ``step``, ``accum``, ``linear``; beside 16-bit weights these are float32, and there is ``master``, the
    weights that are not rounded.

    Args:
        params: parameters, pairs of names and parameters, or groups of them.
        lr: the step size; the paper's alpha.
        lr_power: how the step size falls with ``accum``, 0 or less; -0.5 is the root.
        l1: the strength of the l1 penalty; it makes weights exactly 0.
        l2: the strength of the l2 penalty.
        beta: added to the root of ``accum``; the paper's beta, there mostly 1.
        initial_accumulator_value: what ``accum`` starts at.
        maximize: go uphill.
        rows: of a sparse gradient, the ``"touched"`` rows take the step, or ``"every"`` one.
        defer: embeddings whose rows take their steps, all of them, when they are looked up; see ``up_to_date``.

    >>> import torch, fusedstep as fs
    >>> weight = torch.nn.Parameter(torch.tensor([1.0, 0.0]))
    >>> optimizer = fs.torch.FTRL([weight], lr=0.5, l1=0.25)
    >>> weight.grad = torch.tensor([0.0, 0.125])  # less than l1: too little to be told from 0
    >>> _ = optimizer.step()
    >>> print(weight.detach())
    tensor([1., 0.])
    """

    keys = ("accum", "linear", "master")
    # What l1 has collected grows by small gradients, which 16 bits would lose.
    wide = True

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
        defer: Sequence[Any] = (),
    ) -> None:
        super().__init__(params, given(locals()))

    def rule(self, group: Group) -> tuple[Rule, dict[str, bool]]:
        return ftrl_proximal_with_master, {"rounded": "stored_as" in group}

    def scalars(self, group: Group, progress: Any) -> dict[str, Any]:
        found = {name: group[name] for name in ("lr", "l1", "l2", "beta", "lr_power")}
        if "stored_as" in group:
            kind = torch.finfo(group["stored_as"])
            found["splitter"] = 1 + kind.eps / torch.finfo(torch.float32).eps
            found["least"] = kind.tiny * kind.eps / 2
        return found

    def start(self, group: Group, key: str) -> float:
        return float(group["initial_accumulator_value"]) if key == "accum" else 0.0

    def align(self, operator: Operator, param: Tensor, state: dict[str, Any]) -> list[int] | None:
        return super().align(operator.switched(rounded=narrow(param)), param, state)

    def initialise(self, group: Group, param: Tensor, state: dict[str, Any]) -> None:
        super().initialise(seen_by(group, param), param, state)

    def update(self, group: Group, operator: Operator, param: Tensor, grad: Tensor, state: Any, known: Any) -> None:
        if narrow(param):
            # What is known are scalars of a group whose weights are not rounded.
            group, known = seen_by(group, param), {}
            operator = self.operator(group)
        super().update(group, operator, param, grad, state, known)


def narrow(param: Tensor) -> bool:
    """Whether a parameter's type is narrower than float32."""
    return bool(param.dtype.itemsize < torch.float32.itemsize)


def seen_by(group: Group, param: Tensor) -> Group:
    """A parameter's group, which tells how the parameter is stored where its type is narrow."""
    return {**group, "stored_as": param.dtype} if narrow(param) else group
