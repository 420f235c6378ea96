"""SparseAdam."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from .. import rules
from .arguments import documented
from .betas import Betas, bias_corrected_scalars
from .optimizer import FusedOptimizer, Rule
from .param_groups import ParamGroup
from .settings import from_locals


@documented
class SparseAdam(FusedOptimizer, torch.optim.SparseAdam):
    """Adam for tables: ``torch.optim.SparseAdam`` on sparse and dense gradients. Runs the rule ``adam``.

    State keys: ``step``, ``exp_avg``, ``exp_avg_sq``.

    Args:
        eps: added to the square root without its bias correction ("epsilon hat").

    >>> import torch, fusedstep as fs
    >>> table = torch.nn.Embedding(1000, 16, sparse=True)
    >>> optimizer = fs.torch.SparseAdam(table.parameters(), lr=0.01)
    >>> table(torch.tensor([3, 7, 3])).sum().backward()
    >>> _ = optimizer.step()
    >>> sorted(optimizer.state[table.weight])
    ['exp_avg', 'exp_avg_sq', 'step']
    """

    _state_keys = ("exp_avg", "exp_avg_sq")

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
        super().__init__(params, from_locals(locals()))

    def _rule(self, group: ParamGroup) -> tuple[Rule, dict[str, bool]]:
        return rules.adam, {}

    def _scalars(self, group: ParamGroup, progress: Any) -> dict[str, Any]:
        return bias_corrected_scalars(group, progress)

    def _new_counter(self, group: ParamGroup, param: Tensor, value: float) -> float:
        # torch's class counts in a plain number.
        return value
