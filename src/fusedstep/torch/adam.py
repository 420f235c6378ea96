"""Adam."""

from collections.abc import Sequence
from typing import Any

from .. import rules
from .betas import Betas, powers
from .groups import Group
from .optimizer import FusedOptimizer, Rule
from .settings import given


class Adam(FusedOptimizer):
    """Adam, ``torch.optim.Adam`` on dense and sparse gradients. It runs the rule ``torch_adam``, or ``adamw``.

    State keys: ``step``, ``exp_avg``, ``exp_avg_sq``, with ``amsgrad`` ``max_exp_avg_sq``.

    Args:
        params: parameters, pairs of names and parameters, or groups of them.
        lr: the step size.
        betas: how much of the means of the gradients and of their squares a step keeps.
        eps: added to the corrected root.
        weight_decay: the strength of the l2 penalty.
        amsgrad: divide by the root of the largest mean square so far.
        foreach, fused: taken as torch takes them; they change nothing.
        maximize: go uphill.
        capturable: whether a CUDA graph can capture a step; of parameters on a device.
        differentiable: must be False.
        decoupled_weight_decay: shrink the weights, as ``AdamW`` does.
        rows: of a sparse gradient, the ``"touched"`` rows take the step, or ``"every"`` one.
        defer: embeddings whose rows take their steps, all of them, when they are looked up; see ``up_to_date``.

    >>> import torch, fusedstep as fs
    >>> table = torch.nn.Embedding(3, 1, sparse=True)
    >>> _ = torch.nn.init.ones_(table.weight)
    >>> optimizer = fs.torch.Adam(table.parameters(), lr=0.125)
    >>> table(torch.tensor([2, 2])).sum().backward()
    >>> _ = optimizer.step()
    >>> table.weight.flatten().tolist()
    [1.0, 1.0, 0.875]
    """

    keys = ("exp_avg", "exp_avg_sq", "max_exp_avg_sq")

    def __init__(
        self,
        params: Any,
        lr: Any = 1e-3,
        betas: Betas = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        amsgrad: bool = False,
        *,
        foreach: bool | None = None,
        maximize: bool = False,
        capturable: bool = False,
        differentiable: bool = False,
        fused: bool | None = None,
        decoupled_weight_decay: bool = False,
        rows: str = "touched",
        defer: Sequence[Any] = (),
    ) -> None:
        super().__init__(params, given(locals()))

    def rule(self, group: Group) -> tuple[Rule, dict[str, bool]]:
        rule = rules.adamw if group["decoupled_weight_decay"] else rules.torch_adam
        return rule, {"amsgrad": group["amsgrad"]}

    def scalars(self, group: Group, progress: Any) -> dict[str, Any]:
        return powers(group, progress) | {"weight_decay": group["weight_decay"]}
