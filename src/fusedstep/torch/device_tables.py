"""Steps of tables on a device, those of one kind together."""

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..arrays.torch_tensors import increment_version
from ..codegen.rule.program import ReductionScope
from ..operators.bags import Bags
from ..operators.operator import Operator
from ..runtime.call import Launch
from ..runtime.gpu.device_words import DeviceWords
from ..runtime.gpu.tables import (
    ALIGNMENT,
    MOST_INDICES,
    MOST_TABLES,
    Table,
    TableKind,
    TableLookup,
    launch_tables,
)
from ..storage import STORAGES, compute_type

STORAGE_OF = {getattr(torch, name): name for name in STORAGES}
DTYPE_OF = {name: dtype for dtype, name in STORAGE_OF.items()}
INTEGERS = (torch.int64, torch.int32)


class DeviceTableLaunch:
    """A launch of a table's step, which may also be taken with those of other tables.

    Attributes:
        kind: what tables that are stepped together have in common.
        table: the table.
        scalars: the rule's.
        states: the states in use.
        words: where the words of its optimizer's tables are kept on the device.
    """

    def __init__(
        self,
        kind: TableKind,
        table: Table,
        states: Sequence[Tensor],
        scalars: Sequence[Any],
        words: dict[Any, DeviceWords],
        prepare: Callable[[], Launch],
    ) -> None:
        """``prepare`` checks everything, for a step that is taken by itself."""
        self.kind, self.table, self.states, self.scalars = kind, table, states, scalars
        self.words, self._prepare = words, prepare

    def __call__(self) -> None:
        self._prepare()()

    @property
    def plain_scalars(self) -> tuple[float | None, ...]:
        """The scalars that are numbers, and None for those on the device."""
        return tuple(each if type(each) is float else None for each in self.scalars)

    def ranges(self) -> list[tuple[int, int]]:
        """The addresses between which each state lies."""
        return [
            (start, start + each.numel() * each.element_size())
            for start, each in zip(self.table.states, self.states, strict=True)
        ]

    def ranges_read(self) -> list[tuple[int, int]]:
        """The addresses between which each gradient lies."""
        owners = [each.owners[0] for each in self.table.lookups]
        return [(each.data_ptr(), each.data_ptr() + each.numel() * each.element_size()) for each in owners]


def device_launch(
    optimizer: Any,
    operator: Operator,
    states: Sequence[Tensor | None],
    lookups: Sequence[Bags],
    rows: str,
    scalars: Sequence[Any],
    prepare: Callable[[], Launch],
) -> DeviceTableLaunch | None:
    """The launch of a step of a table with plain tensors; None if the checks of all calls must take it."""
    in_use: list[Any] = [states[k] for k in operator.spec.used]
    kind = kind_of(operator, in_use, lookups)
    if kind is None or rows != "touched" or not are_usual(operator, scalars, kind):
        return None
    found = [table_lookup(each, kind) for each in lookups if each.indices.numel()]
    if None in found or not in_use[0].numel():
        return None
    table = Table([each.data_ptr() for each in in_use], in_use[0].shape[0], [each for each in found if each])
    return DeviceTableLaunch(kind, table, in_use, scalars, optimizer._table_words, prepare)


def are_usual(operator: Operator, scalars: Sequence[Any], kind: TableKind) -> bool:
    """Return whether scalars are numbers, or lie on the device of the table, where one launch may have several."""
    there = [each for each in scalars if type(each) is not float]
    # Exponents decide which formula all rows take, and sums of rows leave no registers.
    spec = operator.spec
    fits = not there or (spec.reduction_scope is ReductionScope.ELEMENT and not spec.program.exponents)
    return fits and all(isinstance(each, Tensor) and each.device == kind.device and each.numel() == 1 for each in there)


def kind_of(operator: Operator, states: Sequence[Tensor], lookups: Sequence[Bags]) -> TableKind | None:
    """What a table has in common with those that it is stepped with; None if it is stepped by itself."""
    spec, variable = operator.spec, states[0]
    storages, kinds = tuple(STORAGE_OF.get(each.dtype, "") for each in states), [spec.kinds[k] for k in spec.used]
    if spec.reduction_scope is ReductionScope.TENSOR or not lookups or "" in storages:
        return None
    compute, shapes = compute_type(storages[0]), {"element": variable.numel(), "row": variable.shape[0]}
    for each, storage, kind in zip(states, storages, ("element", *kinds[1:]), strict=True):
        fits = each.numel() == shapes.get(kind) and each.is_contiguous() and not each.is_neg()
        if not fits or each.device != variable.device or compute_type(storage) != compute:
            return None
    gradient = lookups[0].gradient.dtype
    if gradient is not variable.dtype and gradient is not DTYPE_OF[compute]:
        return None
    width = variable.shape[1:].numel()
    return TableKind(operator, storages, STORAGE_OF[gradient], width, variable.device)


def table_lookup(lookup: Bags, kind: TableKind) -> TableLookup | None:
    """The memory of one lookup; what is not as kernels read it is copied. None if all checks must see it."""
    gradient, indices, offsets, weights = lookup
    given = [each for each in lookup if each is not None]
    if any(each.device != kind.device or each.is_neg() for each in given) or indices.dtype not in INTEGERS:
        return None
    count = bags = indices.numel()
    if offsets is not None:
        bags = offsets.numel()
        if not bags or offsets.dtype not in INTEGERS:
            return None
        if offsets.dtype is not indices.dtype:
            indices, offsets = indices.long(), offsets.long()
    if gradient.shape[0] != bags or gradient.shape[1:].numel() != kind.width or indices.dim() != 1:
        return None
    if STORAGE_OF.get(gradient.dtype) != kind.gradient:
        return None
    gradient = gradient.contiguous()
    if gradient.data_ptr() % ALIGNMENT:
        gradient = gradient.clone()
    if weights is not None:
        weights = weights.to(DTYPE_OF[compute_type(kind.gradient)]).contiguous()
    indices, offsets = indices.contiguous(), offsets if offsets is None else offsets.contiguous()
    return TableLookup(
        count,
        indices.data_ptr(),
        gradient.data_ptr(),
        0 if offsets is None else offsets.data_ptr(),
        0 if offsets is None else bags,
        0 if weights is None else weights.data_ptr(),
        indices.dtype is torch.int32,
        (gradient, indices, offsets, weights),
    )


def launches_of(launches: Sequence[DeviceTableLaunch]) -> Iterator[tuple[Sequence[int], Launch]]:
    """The places of launches whose tables are stepped together, and what steps them."""
    if len(launches) < 2 or overlap(launches):
        yield from (([place], launch) for place, launch in enumerate(launches))
        return
    alike: dict[Any, list[int]] = {}
    for place, launch in enumerate(launches):
        alike.setdefault((launch.kind, launch.plain_scalars), []).append(place)
    for places in alike.values():
        for few in in_launches(launches, places):
            yield few, partial(step_together, [launches[place] for place in few])


def in_launches(launches: Sequence[DeviceTableLaunch], places: Sequence[int]) -> list[list[int]]:
    """The places of tables, those of one launch together: as many as keys can tell apart."""
    found: list[list[int]] = []
    total = 0
    for place in places:
        count = launches[place].table.index_count
        total += count
        if not found or total >= MOST_INDICES or len(found[-1]) >= MOST_TABLES:
            found.append([])
            total = count
        found[-1].append(place)
    return found


def step_together(launches: Sequence[DeviceTableLaunch]) -> None:
    """Step tables of one kind with the same numbers."""
    launches = [each for each in launches if each.table.index_count]
    if len(launches) == 1:
        launches[0]()
    elif launches:
        kind, operator = launches[0].kind, launches[0].kind.operator
        written = [state for each in launches for state in operator.spec.written_of(each.states)]
        words = launches[0].words.setdefault(kind, DeviceWords())
        tables, like = [each.table for each in launches], launches[0].states[0]
        launch_tables(kind, tables, scalars_of_all(launches), words, like, partial(increment_version, written))


def scalars_of_all(launches: Sequence[DeviceTableLaunch]) -> list[Any]:
    """The scalars of steps: the numbers are the same for all; what lies on the device may be one for each table."""
    found: list[Any] = []
    for own in zip(*(each.scalars for each in launches), strict=True):
        same = all(each is own[0] for each in own) or type(own[0]) is float
        found.append(own[0] if same else torch.stack([each.reshape(()).double() for each in own]))
    return found


def overlap(launches: Sequence[DeviceTableLaunch]) -> bool:
    """Return whether a state may share memory with another one, or with a gradient."""
    states = np.array([found for each in launches for found in each.ranges()], np.int64).reshape(-1, 2)
    states = states[np.argsort(states[:, 0], kind="stable")]
    if (states[1:, 0] < states[:-1, 1]).any():
        return True
    read = np.array([found for each in launches for found in each.ranges_read()], np.int64).reshape(-1, 2)
    place = np.searchsorted(states[:, 1], read[:, 0], "right")
    return bool((states[np.minimum(place, len(states) - 1), 0] < read[:, 1])[place < len(states)].any())
