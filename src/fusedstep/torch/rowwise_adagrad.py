"""RowwiseAdagrad: one accumulator a row, and for dense gradients one an element if asked."""

from typing import Any

import torch
from torch import Tensor

from .. import rules
from ..operators.operator import Operator
from .adagrad import AccumulatorOptimizer, decayed_rate
from .arguments import documented
from .checkpoints import ExpectedStates, fits
from .embedding_gradient import EmbeddingGradient
from .optimizer import Rule
from .param_groups import ParamGroup
from .settings import as_flag, from_locals
from .state_dtype import StateDtype


@documented
class RowwiseAdagrad(AccumulatorOptimizer, torch.optim.Optimizer):
    """Adagrad with one accumulator a row, not in torch. Runs the rule ``rowwise_adagrad``.

    With ``elementwise_dense`` it is DLRM's: parameters with dense gradients take the steps of ``Adagrad``, by the rule
    ``torch_adagrad``. Then the first gradient decides for its parameter, and the others must be of its kind.

    State keys: ``step``; ``sum``, of shape ``param.shape[:1]``, or of the parameter's where its gradients are dense and
    ``elementwise_dense`` is on.

    Args:
        params: parameters of one dimension or more, pairs of names and parameters, or parameter groups.
        lr_decay: how fast the step size falls: step t takes ``lr / (1 + (t - 1) * lr_decay)``.
        elementwise_dense: accumulate each element of a parameter whose gradients are dense; its states are created once
            it has a gradient.

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
        lr_decay: float = 0,
        elementwise_dense: bool = False,
        maximize: bool = False,
        rows: str = "touched",
        state_dtype: StateDtype = None,
    ) -> None:
        super().__init__(params, from_locals(locals()))

    def _rule(self, group: ParamGroup) -> tuple[Rule, dict[str, bool]]:
        # The rule of a group is that of dense gradients, of which there may be many small ones.
        elementwise = is_elementwise(group) and "by_row" not in group
        return rules.torch_adagrad if elementwise else rules.rowwise_adagrad, {}

    def _scalars(self, group: ParamGroup, progress: Any) -> dict[str, Any]:
        return {"lr": decayed_rate(group, progress), "epsilon": group["eps"], "weight_decay": group["weight_decay"]}

    def _settings_of(self, group: ParamGroup, param: Tensor) -> ParamGroup | None:
        if is_elementwise(group) and param.dim() > 1 and param.grad is None:
            return None
        return settings_for(group, param, param.grad)

    def _settings_for(self, group: ParamGroup, param: Tensor, grad: Tensor) -> ParamGroup:
        return settings_for(group, param, grad)

    def _align(self, operator: Operator, param: Tensor, state: dict[str, Any]) -> None:
        kind = operator.spec.kinds[1]
        if not fits(state["sum"], param, kind):
            raise ValueError(
                f"{operator.name}: the state sum has shape {tuple(state['sum'].shape)} beside a parameter of shape "
                f"{tuple(param.shape)}, expected one number for each {kind}: with elementwise_dense, the gradients of "
                "a parameter are all dense or all sparse; remove its state, or set elementwise_dense=False for all rows"
            )
        super()._align(operator, param, state)

    def _expected_states(self, group: ParamGroup) -> ExpectedStates:
        expected = super()._expected_states(group)
        if is_elementwise(group):
            # The shape tells which gradients it has seen.
            expected.kinds["sum"] = ""
        return expected


def is_elementwise(group: ParamGroup) -> bool:
    """Return whether dense gradients have an accumulator for each element."""
    return bool(as_flag(group.get("elementwise_dense", False)))


def settings_for(group: ParamGroup, param: Tensor, grad: Tensor | None) -> ParamGroup:
    """A group's settings for a gradient; ``by_row`` is among them where only the gradient asks for it."""
    # With one dimension, a row is an element.
    by_row = is_elementwise(group) and param.dim() > 1 and grad is not None and is_sparse(grad)
    return {**group, "by_row": True} if by_row else group


def is_sparse(grad: Tensor) -> bool:
    """Return whether a gradient is of some rows only."""
    return grad._sparse if isinstance(grad, EmbeddingGradient) else grad.layout is not torch.strided
