"""The steps of tables whose tensors are plain: as few questions as possible, since there may be many small tables."""

from functools import partial
from typing import Any

import torch
from torch import Tensor

from ..arrays.devices import on_device
from ..operators.bags import BagGradient, Bags
from ..operators.operator import Operator
from ..runtime.call import Launch
from ..runtime.cpu.table_steps import TableLaunch
from .device_tables import DeviceTableLaunch, device_launch
from .distributed import PLAIN
from .embedding_gradient import EmbeddingGradient
from .kernel_bags import bags_of, rows_of_bags
from .param_groups import ParamGroup
from .settings import own_setting, refuse_capture
from .table_updates import is_of_table


def plain_launch(
    optimizer: Any,
    group: ParamGroup,
    operator: Operator,
    param: Tensor,
    grad: Tensor,
    state: dict[str, Any],
    cache: dict[Any, Any],
) -> TableLaunch | DeviceTableLaunch | None:
    """The launch of a table's step, see ``FusedOptimizer._update``; None if all checks must do it."""
    if (
        not is_of_table(grad)
        or param in optimizer._tables
        or group.get("differentiable")
        or optimizer._settings_for(group, param, grad) is not group
        or optimizer._lacks_states(operator, state)
        or shape_of(grad) != param.shape
    ):
        return None
    kinds = operator.spec.kinds[1:]
    states = [param, *(state[key] if kind else None for key, kind in zip(optimizer._state_keys, kinds, strict=True))]
    # States that were created in inference mode cannot be changed outside.
    if any(each is not None and (type(each) not in PLAIN or each.is_inference()) for each in states):
        return None
    there = on_device(param)
    if there:
        refuse_capture(operator.name, group, param, bool(optimizer._counters))
    scalars = optimizer._numbers(group, operator, optimizer._progress(state), cache)
    rows = rows_of_bags(grad, own_setting(group, "rows"))
    if isinstance(grad, EmbeddingGradient):
        known = BagGradient(tuple(Bags(*each) for each in grad._lookups), private=True)
        prepare = partial(prepare_bags, operator, states, grad, rows, scalars)
    else:
        values, indices = grad._values(), grad._indices()[0]
        known = BagGradient((Bags(values, indices),))
        prepare = partial(operator.prepare, states, values, indices, rows, scalars)
    if there:
        return device_launch(optimizer, operator, states, known.lookups, rows, scalars, prepare)
    step = operator.table_step(states, known, rows, scalars)
    return None if step is None else TableLaunch(step, prepare)


def shape_of(grad: Tensor) -> torch.Size:
    """The shape of a gradient."""
    # A subclass's own attributes ask for several calls.
    return grad._form.shape if isinstance(grad, EmbeddingGradient) else grad.shape


def prepare_bags(
    operator: Operator, states: list[Tensor], grad: EmbeddingGradient, rows: str, scalars: list[float]
) -> Launch:
    """Check the step of a table by the gradients of its lookups."""
    return operator.prepare(states, bags_of(operator.name, grad, states[0]), None, rows, scalars)
