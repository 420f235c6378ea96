"""The steps of tables whose tensors are plain: as few questions as possible, since there may be many small tables."""

from typing import Any

from torch import Tensor

from ..operators.bags import BagGradient
from ..operators.operator import Operator
from ..runtime.call import Launch
from ..runtime.cpu.table_steps import TableLaunch
from .distributed import PLAIN
from .kernel_bags import bags_of, rows_of_bags
from .param_groups import ParamGroup
from .settings import own_setting
from .table_updates import is_of_table


def plain_launch(
    optimizer: Any,
    group: ParamGroup,
    operator: Operator,
    param: Tensor,
    grad: Tensor,
    state: dict[str, Any],
    cache: dict[Any, Any],
) -> TableLaunch | None:
    """The launch of a table's step, see ``FusedOptimizer._update``; None if all checks must do it."""
    if (
        not is_of_table(grad)
        or param in optimizer._tables
        or group.get("differentiable")
        or optimizer._settings_for(group, param, grad) is not group
        or optimizer._lacks_states(operator, state)
        or grad._form.shape != param.shape
    ):
        return None
    kinds = operator.spec.kinds[1:]
    states = [param, *(state[key] if kind else None for key, kind in zip(optimizer._state_keys, kinds, strict=True))]
    # States that were created in inference mode cannot be changed outside.
    if any(each is not None and (type(each) not in PLAIN or each.is_inference()) for each in states):
        return None
    scalars = optimizer._numbers(group, operator, optimizer._progress(state), cache)
    rows, lookups = rows_of_bags(grad, own_setting(group, "rows")), tuple(grad._lookups)
    step = operator.prepare_table(states, BagGradient(lookups, private=True), rows, scalars)

    def prepare() -> Launch:
        return operator.prepare(states, bags_of(operator.name, grad, param), None, rows, scalars)

    return None if step is None else TableLaunch(step, prepare)
