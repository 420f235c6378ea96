"""SparseAdam."""

from collections.abc import Sequence
from typing import Any

from torch import Tensor

from .. import rules
from .betas import Betas, powers
from .groups import Group
from .optimizer import FusedOptimizer, Rule
from .settings import given


class SparseAdam(FusedOptimizer):
    """Adam for tables, ``torch.optim.SparseAdam`` on sparse and dense gradients. It runs the rule ``adam``.

    State keys: ``step``, ``exp_avg``, ``exp_avg_sq``.

    Args:
        params: parameters, pairs of names and parameters, or groups of them.
        lr: the step size.
        betas: how much of the means of the gradients and of their squares a step keeps.
        eps: added to the root, which is not corrected ("epsilon hat").
        maximize: go uphill.
        rows: of a sparse gradient, the ``"touched"`` rows take the step, or ``"every"`` one.
        defer: embeddings whose rows take their steps, all of them, when they are looked up; see ``up_to_date``.

    >>> import torch, fusedstep as fs
    >>> table = torch.nn.Embedding(1000, 16, sparse=True)
    >>> optimizer = fs.torch.SparseAdam(table.parameters(), lr=0.01)
    >>> table(torch.tensor([3, 7, 3])).sum().backward()
    >>> _ = optimizer.step()
    >>> sorted(optimizer.state[table.weight])
    ['exp_avg', 'exp_avg_sq', 'step']
    """

    keys = ("exp_avg", "exp_avg_sq")

    def __init__(
        self,
        params: Any,
        lr: Any = 1e-3,
        betas: Betas = (0.9, 0.999),
        eps: float = 1e-8,
        maximize: bool = False,
        *,
        rows: str = "touched",
        defer: Sequence[Any] = (),
    ) -> None:
        super().__init__(params, given(locals()))

    def rule(self, group: Group) -> tuple[Rule, dict[str, bool]]:
        return rules.adam, {}

    def scalars(self, group: Group, progress: Any) -> dict[str, Any]:
        return powers(group, progress)

    def count(self, group: Group, param: Tensor, value: float) -> float:
        # torch's class counts with a plain number.
        return value
