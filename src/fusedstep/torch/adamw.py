"""AdamW."""

from collections.abc import Sequence
from typing import Any

from .adam import Adam
from .betas import Betas
from .settings import given


class AdamW(Adam):
    """AdamW, ``torch.optim.AdamW`` on dense and sparse gradients. It runs the rule ``adamw``.

    State keys: ``step``, ``exp_avg``, ``exp_avg_sq``, with ``amsgrad`` ``max_exp_avg_sq``.

    Args:
        params: parameters, pairs of names and parameters, or groups of them.
        lr: the step size.
        betas: how much of the means of the gradients and of their squares a step keeps.
        eps: added to the corrected root.
        weight_decay: how much of itself a weight loses, times ``lr``.
        amsgrad: divide by the root of the largest mean square so far.
        maximize: go uphill.
        foreach, fused: taken as torch takes them; they change nothing.
        capturable: whether a CUDA graph can capture a step; of parameters on a device.
        differentiable: must be False.
        rows: of a sparse gradient, the ``"touched"`` rows take the step and shrink, or ``"every"`` one.
        defer: embeddings whose rows take their steps, all of them, when they are looked up; see ``up_to_date``.

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
        defer: Sequence[Any] = (),
    ) -> None:
        super().__init__(params, **given(locals()), decoupled_weight_decay=True)

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        for group in self.param_groups:
            # A checkpoint of Adam may say otherwise.
            group["decoupled_weight_decay"] = True
