"""Dense steps of many parameters on a device by one kernel."""

from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import Tensor

from ..arrays.devices import capturing
from ..arrays.dlpack import CPU, device_word
from ..arrays.torch_tensors import increment_version
from ..operators.checks.device import check_device_scalars
from ..operators.checks.scalars import parse_scalar
from ..runtime.gpu.many_tensors import (
    Numbers,
    Placed,
    launch_tensors,
    numbers_by_tensor,
    numbers_on_device,
    place,
    same_numbers,
)
from ..runtime.tensor_table import Memory, TensorTable, advance_counts
from .dense_updates import DenseUpdates, memory_of
from .settings import refuse_capture, to_number


class DeviceDenseUpdates(DenseUpdates):
    """The dense steps of some parameters of a group on a device: the first says which one.

    What tells the device where tensors lie stays there, and is sent again when one has moved. Parameters that the
    kernel does not step follow the others.

    Attributes:
        placed: the tensors as they lie.
        numbers: the numbers of their step.
        is_known: whether parameters and states are those of the last step.
    """

    placed: Placed
    numbers: Numbers
    is_known = False

    def run(self) -> Iterator[int]:
        table = self.read()
        if table is None or not self.prepare(table):
            yield from range(len(self.params))
            return
        self.step(table, 0, table.rows)
        yield from self.others(table)

    def read(self) -> TensorTable | None:
        table = super().read()
        if self.is_known and (table is None or not table.all_plain):
            # What was asked before may have changed: a parameter has other memory.
            del self.optimizer._held[self.number_of_group()]
            self.places, self.is_known = range(len(self.params)), False
            table = super().read()
        return table

    def memory(self, places: Sequence[int]) -> Memory | None:
        """The memory of the tensors of some parameters; what was asked of those before is not asked again.

        Where each lies, and how, is read each time.
        """
        held, grads, counters = self.tensors(places)
        lasting = [*held, *counters]
        known = self.optimizer._held.get(self.number_of_group())
        self.is_known = known is not None and list(map(id, known.tensors)) == list(map(id, lasting))
        if not self.is_known:
            known = memory_of(lasting, lasting[len(places) :])
            if known is None:
                return None
            if len(places) == len(self.params):
                self.optimizer._held[self.number_of_group()] = known
        own = memory_of([*grads])
        if own is None:
            return None
        count = len(held)
        return Memory(*([*each[:count], *new, *each[count:]] for each, new in zip(known, own, strict=True)))

    def devices(self) -> tuple[int, int]:
        try:
            tensors = device_word(self.params[0].detach())
        except Exception:
            # One that DLPack does not know: no tensor lies there.
            return 0, CPU
        return tensors, tensors if self.counts_there else CPU

    @property
    def counts_there(self) -> bool:
        """Whether steps are counted on the device."""
        return self.counted and bool(self.group.get("capturable"))

    def prepare(self, table: TensorTable) -> bool:
        if not self.storages(table):
            return False
        plain = table.plain_rows(0, table.rows)
        like = self.params[self.places[plain[0]]]
        refuse_capture(self.operator.name, self.group, like, bool(self.optimizer._counters))
        numbers = self.numbers_of(table, plain, like)
        if numbers is None:
            return False
        known, key = self.optimizer._placed, self.number_of_group()
        self.numbers, self.placed = numbers, place(table, known.get(key))
        known[key] = self.placed
        return not self.placed.overlap

    def number_of_group(self) -> int:
        """The place of the group among the optimizer's."""
        params = self.group["params"]
        return next(k for k, each in enumerate(self.optimizer.param_groups) if each["params"] is params)

    def numbers_of(self, table: TensorTable, plain: list[int], like: Tensor) -> Numbers | None:
        """The numbers of the step of each plain parameter; None if a kernel cannot take them from a table."""
        if self.counts_there:
            counts = torch.stack(self.counters(table, plain)).reshape(-1)
            return numbers_on_device(self.operator, self.scalars_of_all(to_number(counts) + 1), len(plain), like)
        if self.asks_each and self.group.get("capturable"):
            return None
        of_all = self.progress(table)
        progress = [of_all[row] for row in plain]
        sets = {each: k for k, each in enumerate(dict.fromkeys(progress))}
        scalars = [self.optimizer._numbers(self.group, self.operator, each, self.cache) for each in sets]
        if not any(type(scalar) is not float for each in scalars for scalar in each):
            if len(sets) == 1:
                return same_numbers(self.operator, scalars[0])
            if capturing(like):
                # What is sent to a device is sent once, and not in each replay of a graph.
                return None
            return numbers_by_tensor(self.operator, scalars, [sets[each] for each in progress], like)
        check_device_scalars(self.operator.name, self.operator.signature.scalars, scalars[0], like.device)
        if len(sets) == 1:
            return numbers_on_device(self.operator, scalars[0], len(plain), like)
        return None

    def scalars_of_all(self, progress: Tensor) -> list[Any]:
        """The rule's scalars of all parameters: numbers, and tensors of one element, or of one for each parameter."""
        signature, name = self.operator.signature, self.operator.name
        named = {**signature.defaults, **self.optimizer._scalars(self.group, progress)}
        scalars = [
            value.contiguous()
            if isinstance(value, Tensor) and value.shape == progress.shape
            else parse_scalar(name, scalar, value)
            for scalar, value in ((each, named[each]) for each in signature.scalars)
        ]
        check_device_scalars(name, signature.scalars, scalars, progress.device)
        return scalars

    def counters(self, table: TensorTable, rows: list[int]) -> list[Tensor]:
        """The counts of the steps of some parameters."""
        first = table.rows * table.columns
        return [table.memory.tensors[first + row] for row in rows]

    def step(self, table: TensorTable, first: int, stop: int) -> None:
        increment_version(self.written(table, first, stop))
        plain = table.plain_rows(first, stop)
        launch_tensors(self.operator, self.placed, self.numbers, self.params[self.places[plain[0]]])
        if self.asks_each:
            for row in plain:
                self.optimizer._advance(self.group, self.states[self.places[row]])
        elif self.counts_there:
            torch._foreach_add_(self.counters(table, plain), 1)
        elif self.counted:
            advance_counts(table)
