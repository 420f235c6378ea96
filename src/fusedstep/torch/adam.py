"""Adam."""

from collections.abc import Sequence
from typing import Any

import torch

from .. import rules
from .arguments import documented
from .betas import Betas, bias_corrected_scalars
from .optimizer import FusedOptimizer, Rule
from .param_groups import ParamGroup
from .settings import from_locals
from .state_dtype import StateDtype


class AdamFamily(FusedOptimizer):
    """What Adam and AdamW share."""

    _state_keys = ("exp_avg", "exp_avg_sq", "max_exp_avg_sq")

    def _rule(self, group: ParamGroup) -> tuple[Rule, dict[str, bool]]:
        rule = rules.adamw if group["decoupled_weight_decay"] else rules.torch_adam
        return rule, {"amsgrad": group["amsgrad"]}

    def _scalars(self, group: ParamGroup, progress: Any) -> dict[str, Any]:
        return bias_corrected_scalars(group, progress) | {"weight_decay": group["weight_decay"]}


@documented
class Adam(AdamFamily, torch.optim.Adam):
    """Adam: ``torch.optim.Adam`` on dense and sparse gradients. Runs the rule ``torch_adam``, or ``adamw``.

    State keys: ``step``, ``exp_avg``, ``exp_avg_sq``, with ``amsgrad`` ``max_exp_avg_sq``.

    Args:
        eps: added to the square root after its bias correction.
        amsgrad: divide by the root of the largest mean square so far.

    >>> import torch, fusedstep as fs
    >>> table = torch.nn.Embedding(3, 1, sparse=True)
    >>> _ = torch.nn.init.ones_(table.weight)
    >>> optimizer = fs.torch.Adam(table.parameters(), lr=0.125)
    >>> table(torch.tensor([2, 2])).sum().backward()
    >>> _ = optimizer.step()
    >>> table.weight.flatten().tolist()
    [1.0, 1.0, 0.875]
    """

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
        state_dtype: StateDtype = None,
        defer: Sequence[Any] = (),
    ) -> None:
        super().__init__(params, from_locals(locals()))
