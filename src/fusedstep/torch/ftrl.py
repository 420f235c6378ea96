"""Follow the regularized leader."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from .. import rules
from ..operators.operator import Operator
from .groups import Group
from .optimizer import FusedOptimizer, Rule
from .settings import given


class FTRL(FusedOptimizer):
    """FTRL-Proximal (McMahan et al., 2013), not in torch. It runs the rule ``ftrl_proximal``.

    Weights follow from sums over all gradients, and are exactly 0 where these are small. Trained weights may be given:
    at the first step with a positive ``lr``, ``linear`` starts so that it leads to them. With ``lr`` 0 no weight moves.

    State keys: ``step``; ``accum`` and ``linear``, in float32 beside 16-bit weights.

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

    keys = ("accum", "linear")
    # Weights follow from these: what is lost here is lost there.
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
        return rules.ftrl_proximal, {}

    def scalars(self, group: Group, progress: Any) -> dict[str, Any]:
        return {name: group[name] for name in ("lr", "l1", "l2", "beta", "lr_power")}

    def start(self, group: Group, key: str) -> float:
        return float(group["initial_accumulator_value"]) if key == "accum" else 0.0

    def update(self, group: Group, operator: Operator, param: Tensor, grad: Tensor, state: Any, known: Any) -> None:
        if self.progress(state) == 1 and group["lr"] != 0:
            self.initialise(group, param, state)
            numbers = {name: float(value) for name, value in self.scalars(group, None).items()}
            weight, root = param.detach(), state["accum"] ** -numbers["lr_power"]
            pull = (numbers["beta"] + root) / numbers["lr"] + numbers["l2"]
            torch.mul(weight, -pull, out=state["linear"]).sub_(weight.sign(), alpha=numbers["l1"])
        super().update(group, operator, param, grad, state, known)
        if self.progress(state) == 1:
            # It has not begun: the next step must come this way too.
            self.ready.pop(param, None)

    def advance(self, group: Group, state: dict[str, Any]) -> None:
        # Steps are counted to know the first one, which needs a step size.
        if group["lr"] != 0:
            super().advance(group, state)
