"""AdamW."""

from collections.abc import Sequence
from typing import Any

import torch

from .adam import AdamFamily
from .arguments import documented
from .betas import Betas
from .settings import from_locals
from .state_dtype import StateDtype


@documented
class AdamW(AdamFamily, torch.optim.AdamW):
    """AdamW: ``torch.optim.AdamW`` on dense and sparse gradients. Runs the rule ``adamw``.

    State keys: ``step``, ``exp_avg``, ``exp_avg_sq``, with ``amsgrad`` ``max_exp_avg_sq``.

    Args:
        eps: added to the square root after its bias correction.
        weight_decay: each step shrinks a weight by this share of itself, times ``lr``.
        amsgrad: divide by the root of the largest mean square so far.

    >>> import torch, fusedstep as fs
    >>> weight = torch.nn.Parameter(torch.ones(2))
    >>> weight.grad = torch.tensor([0.5, 0.0])
    >>> _ = fs.torch.AdamW([weight], lr=0.125, weight_decay=0.5).step()
    >>> weight.tolist()
    [0.8125, 0.9375]
    """

    def __init__(
        self,
        params: Any,
        lr: Any = 1e-3,
        betas: Betas = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 1e-2,
        amsgrad: bool = False,
        *,
        maximize: bool = False,
        foreach: bool | None = None,
        capturable: bool = False,
        differentiable: bool = False,
        fused: bool | None = None,
        rows: str = "touched",
        state_dtype: StateDtype = None,
        defer: Sequence[Any] = (),
    ) -> None:
        super().__init__(params, from_locals(locals()) | {"decoupled_weight_decay": True})

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        for group in self.param_groups:
            # A checkpoint of Adam may have another value.
            group["decoupled_weight_decay"] = True
