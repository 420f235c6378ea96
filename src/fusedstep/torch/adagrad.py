"""Adagrad and its relatives."""

from collections.abc import Sequence
from typing import Any

from torch import Tensor

from .. import rules
from .groups import Group
from .optimizer import FusedOptimizer, Rule
from .settings import given, plain


class Accumulating(FusedOptimizer):
    """What has one state, ``sum``, that is there from the start, as in torch's Adagrad."""

    keys = ("sum",)

    def __init__(self, params: Any, defaults: Group) -> None:
        super().__init__(params, defaults)
        for group in self.param_groups:
            for param in group["params"]:
                self.initialise(group, self.as_stepped(param), self.state[param])

    def start(self, group: Group, key: str) -> float:
        return float(group["initial_accumulator_value"])

    def share_memory(self) -> None:
        """Puts the states into memory that processes share: the sums, and the counts of steps."""
        self.flush()
        for group in self.param_groups:
            for param in group["params"]:
                state = self.state[param]
                self.initialise(group, param, state)
                for value in state.values():
                    if isinstance(value, Tensor):
                        value.share_memory_()


class Adagrad(Accumulating):
    """Adagrad, ``torch.optim.Adagrad`` on dense and sparse gradients. It runs the rule ``torch_adagrad``.

    State keys: ``step``, ``sum``.

    Args:
        params: parameters, pairs of names and parameters, or groups of them.
        lr: the step size.
        lr_decay: how fast the step size falls: step t takes ``lr / (1 + (t - 1) * lr_decay)``.
        weight_decay: the strength of the l2 penalty.
        initial_accumulator_value: what ``sum`` starts at.
        eps: added to the root.
        foreach, fused: taken as torch takes them; they change nothing.
        maximize: go uphill.
        differentiable: must be False.
        rows: of a sparse gradient, the ``"touched"`` rows take the step, or ``"every"`` one.

    >>> import torch, fusedstep as fs
    >>> weight = torch.nn.Parameter(torch.ones(2))
    >>> weight.grad = torch.tensor([0.5, 0.0])
    >>> _ = fs.torch.Adagrad([weight], lr=0.125).step()
    >>> weight.tolist()
    [0.875, 1.0]
    """

    def __init__(
        self,
        params: Any,
        lr: Any = 1e-2,
        lr_decay: float = 0,
        weight_decay: float = 0,
        initial_accumulator_value: float = 0,
        eps: float = 1e-10,
        foreach: bool | None = None,
        *,
        maximize: bool = False,
        differentiable: bool = False,
        fused: bool | None = None,
        rows: str = "touched",
    ) -> None:
        super().__init__(params, given(locals()))

    def rule(self, group: Group) -> tuple[Rule, dict[str, bool]]:
        return rules.torch_adagrad, {}

    def scalars(self, group: Group, progress: Any) -> dict[str, Any]:
        rate = plain(group["lr"]) / (1 + (progress - 1) * group["lr_decay"])
        return {"lr": rate, "epsilon": group["eps"], "weight_decay": group["weight_decay"]}


class RowwiseAdagrad(Accumulating):
    """Adagrad with one accumulator a row, not in torch. It runs the rule ``rowwise_adagrad``.

    State keys: ``step``; ``sum``, of shape ``param.shape[:1]``.

    Args:
        params: parameters of one dimension or more, pairs of names and parameters, or groups of them.
        lr: the step size.
        weight_decay: the strength of the l2 penalty.
        initial_accumulator_value: what ``sum`` starts at.
        eps: added to the root.
        maximize: go uphill.
        rows: of a sparse gradient, the ``"touched"`` rows take the step, or ``"every"`` one.

    >>> import torch, fusedstep as fs
    >>> table = torch.nn.Embedding(1000, 64, sparse=True)
    >>> optimizer = fs.torch.RowwiseAdagrad(table.parameters(), lr=0.1)
    >>> optimizer.state[table.weight]["sum"].shape
    torch.Size([1000])
    """

    def __init__(
        self,
        params: Any,
        lr: Any = 1e-2,
        weight_decay: float = 0,
        initial_accumulator_value: float = 0,
        eps: float = 1e-10,
        *,
        maximize: bool = False,
        rows: str = "touched",
    ) -> None:
        super().__init__(params, given(locals()))

    def rule(self, group: Group) -> tuple[Rule, dict[str, bool]]:
        return rules.rowwise_adagrad, {}

    def scalars(self, group: Group, progress: Any) -> dict[str, Any]:
        return {"lr": group["lr"], "epsilon": group["eps"], "weight_decay": group["weight_decay"]}


class ProximalAdagrad(Accumulating):
    """Adagrad that shrinks by l1 and l2 after the step, not in torch. It runs the rule ``proximal_adagrad``.

    Trained weights may be given: they are shrunk from where they are.

    State keys: ``step``, ``sum``.

    Args:
        params: parameters, pairs of names and parameters, or groups of them.
        lr: the step size.
        l1: the strength of the l1 penalty; it makes weights exactly 0.
        l2: the strength of the l2 penalty.
        initial_accumulator_value: what ``sum`` starts at.
        shrink_by_rate: shrink by each element's own rate, ``lr / sqrt(sum)``, as TensorFlow's kernels do.
        maximize: go uphill.
        rows: of a sparse gradient, the ``"touched"`` rows take the step and shrink, or ``"every"`` one.
        defer: embeddings whose rows take their steps, all of them, when they are looked up; see ``up_to_date``.

    >>> import torch, fusedstep as fs
    >>> weight = torch.nn.Parameter(torch.tensor([1.0, 0.01]))
    >>> weight.grad = torch.zeros(2)
    >>> _ = fs.torch.ProximalAdagrad([weight], lr=0.125, l1=1.0).step()
    >>> weight.tolist()
    [0.875, 0.0]
    """

    def __init__(
        self,
        params: Any,
        lr: Any = 1e-2,
        l1: float = 0,
        l2: float = 0,
        initial_accumulator_value: float = 0.1,
        *,
        shrink_by_rate: bool = False,
        maximize: bool = False,
        rows: str = "touched",
        defer: Sequence[Any] = (),
    ) -> None:
        super().__init__(params, given(locals()))

    def rule(self, group: Group) -> tuple[Rule, dict[str, bool]]:
        return rules.proximal_adagrad, {"shrink_by_rate": group["shrink_by_rate"]}

    def scalars(self, group: Group, progress: Any) -> dict[str, Any]:
        return {name: group[name] for name in ("lr", "l1", "l2")}
