"""SparseAdam."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from .. import rules
from ..operators.checks.scalars import check_range, parse_scalar
from .arguments import documented
from .betas import Betas, bias_corrected_scalars
from .optimizer import FusedOptimizer, Rule
from .param_groups import ParamGroup
from .settings import from_locals
from .state_dtype import StateDtype


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
        state_dtype: StateDtype = None,
        defer: Sequence[Any] = (),
    ) -> None:
        super().__init__(params, check_positive(from_locals(locals())))

    def _check_parameter(self, group: ParamGroup, param: Tensor) -> None:
        # The errors of torch's class.
        if param.is_complex():
            raise ValueError("SparseAdam: a parameter holds complex numbers, expected real ones; use Adam")
        try:
            super()._check_parameter(group, param)
        except TypeError as error:
            raise ValueError(str(error)) from None

    def _rule(self, group: ParamGroup) -> tuple[Rule, dict[str, bool]]:
        return rules.adam, {}

    def _scalars(self, group: ParamGroup, progress: Any) -> dict[str, Any]:
        return bias_corrected_scalars(group, progress)

    def _new_counter(self, group: ParamGroup, param: Tensor, value: float) -> float:
        # torch's class counts in a plain number.
        return value


def check_positive(settings: ParamGroup) -> ParamGroup:
    """Check the settings of a constructor that torch's class wants positive. Later, a schedule may set ``lr`` to 0.

    Raises:
        TypeError: one is not a number.
        ValueError: one is 0 or negative.
    """
    for name in ("lr", "eps"):
        check_range("SparseAdam", name, parse_scalar("SparseAdam", name, settings[name]), "more than 0")
    return settings
