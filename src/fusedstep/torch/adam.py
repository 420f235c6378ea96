"""Adam and its relatives."""

from collections.abc import Sequence
from typing import Any

from torch import Tensor

from .. import rules
from .groups import Group
from .optimizer import FusedOptimizer, Rule
from .settings import given

Betas = tuple[Any, Any]


def means(group: Group) -> dict[str, Any]:
    """The scalars of a rule with two decaying means."""
    beta1, beta2 = group["betas"]
    return {"lr": group["lr"], "beta1": beta1, "beta2": beta2, "epsilon": group["eps"]}


def powers(group: Group, step: float) -> dict[str, Any]:
    """Those of a rule that corrects both for their start."""
    beta1, beta2 = group["betas"]
    return means(group) | {"beta1_power": beta1**step, "beta2_power": beta2**step}


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
