"""A parameter whose rows take their steps when they are looked up."""

import itertools
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any
from weakref import WeakValueDictionary, ref

import torch
from torch import Tensor
from torch._functorch.pyfunctorch import temporarily_clear_interpreter_stack
from torch.utils._python_dispatch import _disable_current_modes

from ..operators.deferred import DeferredRows
from ..operators.operator import Operator

# The tables by the number that stands for them in a compiled graph.
tables: "WeakValueDictionary[int, DeferredTable]" = WeakValueDictionary()
_numbers = itertools.count(1)


class DeferredTable:
    """The rows of a parameter, and the steps that they are owed.

    The parameter keeps it alive, and not the other way round: what is owed goes when the parameter goes.

    Attributes:
        awake: for how many reasons all rows must be right after every step: code reads them as they lie in memory, or
            nobody brings them up to date any more.
        number: a number of the table's own.
    """

    def __init__(self, param: Tensor) -> None:
        self._param, self.awake, self.number = ref(param), 0, next(_numbers)
        self._rows: DeferredRows | None = None
        self._operator: Operator | None = None
        tables[self.number] = self

    @property
    def param(self) -> Tensor | None:
        """The parameter, while it is there."""
        return self._param()

    def memory(self) -> Tensor:
        """The parameter's memory, as a tensor that brings nothing up to date when it is read."""
        param: Any = self.param
        if param.deferred_table is not self:
            # Another optimizer defers these rows by now, and owes them steps.
            param.deferred_table.flush()
        with torch._C.DisableTorchFunctionSubclass():
            return param.detach()

    def step(
        self,
        operator: Operator,
        states: Sequence[Tensor | None],
        values: Tensor,
        indices: Tensor | None,
        scalars: Sequence[float],
    ) -> None:
        """Takes a step with a gradient, of all rows where ``indices`` is None.

        Raises:
            RuntimeError: the gradient names rows whose lookup was not seen; nothing is changed.
        """
        if indices is None or self.awake:
            self.flush()
            operator.step(states, values, indices, "every", scalars)
        else:
            rows = self._for(operator, states)
            self._all_seen(rows, indices)
            # What rows sleep through is reckoned on the host; a count on the device must be waited for.
            rows.take(values, indices, list(map(float, scalars)))

    def catch_up(self, indices: Tensor) -> None:
        """Brings rows up to date, so that they can be looked up."""
        if self._rows is None:
            return
        if not known(indices):
            self.flush()
            return
        # What a row is worth has not changed: autograd may keep what it saved of this parameter.
        with outside(), torch.autograd._unsafe_preserve_version_counter(self._rows.states[0]):
            self._rows.catch_up(indices.detach().reshape(-1))

    def flush(self) -> None:
        """Brings all rows up to date."""
        if self._rows is None:
            return
        try:
            with outside():
                self._rows.flush()
        except (TypeError, ValueError) as error:
            # Else nobody could read or save the parameter any more.
            warnings.warn(f"{error}: the steps that its rows were owed are lost", stacklevel=2)
        # Nothing is owed: an optimizer that has gone is not to leave its states behind.
        self._rows = None

    def _all_seen(self, rows: DeferredRows, indices: Tensor) -> None:
        if together():
            # Processes hand each other the gradients of rows that the others looked up.
            return
        row = rows.first_asleep(indices)
        if row is not None:
            raise RuntimeError(
                f"{rows.name}: a sparse gradient names row {row}, which was not looked up since the last step: it was "
                "computed from a row that was not up to date, or made by hand; look rows up through an embedding with "
                "this weight that is no TorchScript, or call optimizer.flush() before they are read"
            )

    def _for(self, operator: Operator, states: Sequence[Tensor | None]) -> DeferredRows:
        """The deferred rows of these states; others begin where an optimizer's settings or states were changed."""
        rows = self._rows
        if rows is None or operator is not self._operator or not all(map(same_memory, rows.states, states)):
            self.flush()
            # Not the parameter itself, whose memory may be put elsewhere, and which must not be kept alive.
            kept = [state if state is None else state.detach() for state in states]
            rows = self._rows = DeferredRows.of(operator, kept)
            self._operator = operator
        return rows


@contextmanager
def outside() -> Iterator[None]:
    """Leaves transformations and the recording of graphs for a while: there a tensor has no memory."""
    tracing = torch._C._get_tracing_state()
    with _disable_current_modes(), temporarily_clear_interpreter_stack():
        torch._C._set_tracing_state(None)
        try:
            yield
        finally:
            torch._C._set_tracing_state(tracing)


def known(indices: Tensor) -> bool:
    """Whether indices hold numbers, and do not stand for some of a transformation or of a graph."""
    return type(indices) is Tensor and not torch._C._functorch.is_functorch_wrapped_tensor(indices)


def same_memory(known: Tensor | None, state: Tensor | None) -> bool:
    """Whether a state still lies where it lay."""
    if known is None or state is None:
        return known is state
    return (
        known.data_ptr() == state.data_ptr()
        and known.dtype is state.dtype
        and known.shape == state.shape
        and known.stride() == state.stride()
    )


def together() -> bool:
    """Whether several processes train together."""
    distributed: Any = torch.distributed
    return bool(distributed.is_available() and distributed.is_initialized() and distributed.get_world_size() > 1)
