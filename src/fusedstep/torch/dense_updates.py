"""Dense steps of many parameters together: what is asked of Python is asked of lists, and all else natively.

No tensor is remembered between two steps. A parameter that is not plain, or whose step needs more than a kernel, is
left to be stepped by itself.
"""

from bisect import bisect_left
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from operator import attrgetter
from typing import Any

import torch
from torch import Tensor

from ..arrays.dlpack import CPU, functions_of
from ..arrays.torch_tensors import address_of, increment_version
from ..codegen.rule.program import ReductionScope
from ..operators.operator import Operator
from ..runtime.cpu.many_tensors import Blocks, take_steps
from ..runtime.tensor_table import MOST_COLUMNS, NOT_PLAIN, Memory, TensorTable, storages_of
from .distributed import PLAIN

PLAIN_TYPES = frozenset(PLAIN)
# Called by C's ``map``, which takes a third less time than a method of each.
is_negated, storage_of = Tensor.is_neg, Tensor.untyped_storage
version_of = attrgetter("_version")
start_of, size_of = torch.UntypedStorage.data_ptr, torch.UntypedStorage.nbytes
EMPTY: dict[str, Any] = {}


def memory_of(tensors: list[Any], states: Sequence[Any] = ()) -> Memory | None:
    """The memory of tensors; None if one has no memory of its own, or is negated lazily.

    Also None if one of the states, which are among the tensors, is of inference mode: it must be replaced.
    """
    try:
        if not PLAIN_TYPES.issuperset(map(type, tensors)) or any(map(is_negated, tensors)):
            return None
        # A tensor of inference mode has none. This takes half the time of is_inference().
        deque(map(version_of, states), maxlen=0)
        # Before the addresses: another thread may replace the memory of a tensor at any time.
        storages = list(map(storage_of, tensors))
        return Memory(tensors, storages, list(map(start_of, storages)), list(map(size_of, storages)))
    except RuntimeError:
        # Sparse, fake, or one of torch.func.
        return None


def has_no_version(value: Any) -> bool:
    """Return whether a value is a tensor of inference mode, which cannot be changed outside."""
    return isinstance(value, Tensor) and value.is_inference()


def addresses_of(counts: Iterable[Any]) -> list[int]:
    """Where the counts that are tensors lie, without those that have no memory."""
    found = [address_of(count) for count in counts if isinstance(count, Tensor)]
    return [address for address in found if address]


def can_run(operator: Operator, group: dict[str, Any]) -> bool:
    """Return whether the steps of a group may be taken together."""
    few = len(operator.spec.kinds) < MOST_COLUMNS
    return few and not group.get("differentiable") and steps_elements(operator) and functions_of(Tensor) is not None


@lru_cache(maxsize=256)
def steps_elements(operator: Operator) -> bool:
    """Return whether a kernel steps each element by itself, with nothing drawn at random."""
    spec = operator.spec
    by_element = spec.reduction_scope == ReductionScope.ELEMENT and {*spec.kinds[1:]} <= {"element", ""}
    return by_element and not operator.options.stochastic


class DenseUpdates:
    """The dense steps of some parameters of a group.

    Args:
        optimizer: the optimizer.
        group: the group, with the current values of its settings.
        operator: its operator.
        params, grads, states: the parameters, their gradients and states.
        cache: the scalars of parameters by their progress.
    """

    def __init__(
        self,
        optimizer: Any,
        group: dict[str, Any],
        operator: Operator,
        params: Sequence[Tensor],
        grads: Sequence[Tensor],
        states: Sequence[dict[str, Any]],
        cache: dict[Any, Any],
    ) -> None:
        self.optimizer, self.group, self.operator, self.cache = optimizer, group, operator, cache
        self.params, self.grads, self.states = params, grads, states
        self.keys = optimizer._used_keys(operator)
        # Counts that are numbers do not lie in memory.
        counts = bool(optimizer._counters)
        self.asks_each = optimizer._asks_each() or (counts and type(states[0].get("step")) is not Tensor)
        self.counted = counts and not self.asks_each
        self.places: Sequence[int] = range(len(params))
        self.blocks = Blocks()

    def run(self) -> Iterator[int]:
        """Step parameters; yield, in their order, the places of those to be stepped each by itself."""
        table = self.read()
        if table is None or not self.prepare(table):
            yield from range(len(self.params))
            return
        first = 0
        for place in self.others(table):
            stop = bisect_left(self.places, place)
            self.step(table, first, stop)
            yield place
            first = stop
        self.step(table, first, len(self.places))

    def others(self, table: TensorTable) -> Sequence[int]:
        """The places of the parameters to be stepped each by itself."""
        if table.all_plain and len(self.places) == len(self.params):
            return ()
        together = {self.places[row] for row in table.plain_rows(0, table.rows)}
        return [place for place in range(len(self.params)) if place not in together]

    def read(self) -> TensorTable | None:
        """Read where tensors lie; None if no parameters can be stepped together."""
        if not can_run(self.operator, self.group):
            return None
        if not self.are_usual():
            self.places = [place for place in self.places if self.is_usual(place)]
        memory = self.memory(self.places) if self.places else None
        if memory is None:
            self.places = [place for place in self.places if self.memory([place]) is not None]
            memory = self.memory(self.places) if self.places else None
        if memory is None:
            return None
        table = TensorTable(memory, len(self.places), len(self.keys) + 2, self.counted, *self.devices())
        return table if self.counts_are_distinct(table) else None

    def devices(self) -> tuple[int, int]:
        """Where the tensors lie, and where their counts do, as DLPack says it."""
        return CPU, CPU

    def counts_are_distinct(self, table: TensorTable) -> bool:
        """Return whether no two parameters share a count: all are read before the first step is taken."""
        if self.counted:
            alone = [self.states[place].get("step") for place in self.others(table)]
            return table.counters_are_distinct(addresses_of(alone))
        if not self.asks_each:
            return True
        states = [state for state in self.states if state is not EMPTY]
        counts = addresses_of([state.get(key) for state in states for key in self.optimizer._counters])
        return len({*map(id, states)}) == len(states) and len({*counts}) == len(counts)

    def are_usual(self) -> bool:
        """Return whether no gradient or parameter is of another kind, which few questions tell."""
        optimizer = self.optimizer
        return not optimizer._tables and not self.asks_each and PLAIN_TYPES.issuperset(map(type, self.grads))

    def is_usual(self, place: int) -> bool:
        """Return whether a parameter's gradient is dense, its rows are not deferred, and its states complete."""
        optimizer, param, state = self.optimizer, self.params[place], self.states[place]
        if self.asks_each and (state is EMPTY or any(has_no_version(state.get(key)) for key in optimizer._counters)):
            # To advance, it needs states of its own, and counts that may be changed.
            return False
        return (
            type(self.grads[place]) in PLAIN_TYPES
            and param not in optimizer._tables
            and not optimizer._lacks_states(self.operator, state)
        )

    def memory(self, places: Sequence[int]) -> Memory | None:
        """The memory of the tensors of some parameters, column after column."""
        held, grads, counters = self.tensors(places)
        return memory_of([*held, *grads, *counters], [*held[len(places) :], *counters])

    def tensors(self, places: Sequence[int]) -> tuple[list[Any], Sequence[Any], list[Any]]:
        """Some parameters and their states, column after column; their gradients; and the counts of their steps."""
        params, grads, states = (
            each if len(places) == len(each) else [each[place] for place in places]
            for each in (self.params, self.grads, self.states)
        )
        held = [*params]
        for key in self.keys:
            held += [state.get(key) for state in states]
        return held, grads, [state.get("step") for state in states] if self.counted else []

    def storages(self, table: TensorTable) -> dict[int, tuple[tuple[str, ...], str]]:
        """The storage types that the kernel steps, by their number; parameters of others are left out."""
        found = {}
        for types in {*table.types} - {NOT_PLAIN}:
            storages, place = storages_of(types, table.columns), self.places[table.types.index(types)]
            settings = self.optimizer._settings_for(self.group, self.params[place], self.grads[place])
            if storages is None or settings is not self.group:
                table.leave_out(types)
            else:
                found[types] = storages
        return found

    def prepare(self, table: TensorTable) -> bool:
        """Prepare what the kernel takes beside the tensors; return whether it can step any parameter."""
        functions = {types: self.operator.span_functions(*each) for types, each in self.storages(table).items()}
        progress = self.progress(table)
        if len(functions) == 1 and table.all_plain and len({*progress}) == 1:
            wanted = [(table.types[0], progress[0])]
        else:
            wanted = [*zip(table.types, progress, strict=True)]
        for types, each in {*wanted}:
            if types in functions:
                scalars = self.optimizer._numbers(self.group, self.operator, each, self.cache)
                if any(type(scalar) is not float for scalar in scalars):
                    return False
                self.blocks.add((types, each), functions[types], scalars)
        if len(self.blocks) > 1:
            table.set_blocks(self.blocks, wanted)
        return len(self.blocks) > 0

    def progress(self, table: TensorTable) -> list[Any]:
        """What the scalars of each parameter depend on."""
        if self.counted:
            return [count + 1 for count in table.counts]
        states, ask = [self.states[place] for place in self.places], self.optimizer._progress
        return [*map(ask, states)] if self.asks_each else [ask(states[0])] * len(states)

    def step(self, table: TensorTable, first: int, stop: int) -> None:
        """Step the parameters of some rows of the table."""
        written = self.written(table, first, stop)
        if not written:
            return
        increment_version(written)
        take_steps(table, self.blocks, first, stop)
        if self.asks_each:
            for row in table.plain_rows(first, stop):
                self.optimizer._advance(self.group, self.states[self.places[row]])

    def written(self, table: TensorTable, first: int, stop: int) -> list[Tensor]:
        """The tensors that the steps of some rows change."""
        columns = [*self.operator.spec.written, *([table.columns] if self.counted else ())]
        tensors, number = table.memory.tensors, table.rows
        if table.all_plain:
            return [each for column in columns for each in tensors[column * number + first : column * number + stop]]
        rows = table.plain_rows(first, stop)
        return [tensors[column * number + row] for column in columns for row in rows]
