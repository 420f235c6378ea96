"""The rows of one deferred parameter, and the steps that they owe."""

import itertools
import threading
import warnings
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import partial
from typing import Any
from weakref import WeakValueDictionary, ref

import torch
from torch import Tensor
from torch._functorch.pyfunctorch import temporarily_clear_interpreter_stack
from torch._ops import _len_torch_dispatch_stack_pre_dispatch
from torch.utils._python_dispatch import _disable_current_modes

from ..arrays.devices import capturing, on_device
from ..operators.bags import BagGradient, is_sparse
from ..operators.deferred import DeferredRows
from ..operators.operator import Operator
from ..operators.pending_launch import pending_launch
from ..runtime.call import Launch
from ..runtime.cpu.table_steps import TableLaunch

# The deferred parameters by the number that represents them in a compiled graph.
tables: "WeakValueDictionary[int, DeferredParameter]" = WeakValueDictionary()
_numbers = itertools.count(1)


class DeferredParameter:
    """The rows of a parameter, and the steps that they owe.

    The parameter keeps this object alive, not the reverse: owed steps are gone with the parameter.

    Attributes:
        eager: how many users need all rows up to date after every step: code that reads the memory itself, and another
            optimizer that defers the same rows.
        number: its number in a compiled graph.
    """

    def __init__(self, param: Tensor) -> None:
        self._param, self.eager, self.number = ref(param), 0, next(_numbers)
        self._rows: DeferredRows | None = None
        # Whether the last step left rows that owe it, as the first one is taken to do.
        self._owes = True
        # Rows that a graph steps, from before a setting has changed; and whether one takes all rows to be up to date.
        self._of_graphs: list[DeferredRows] = []
        self._is_in_graph = False
        self._operator: Operator | None = None
        # Of the rows, too: those that a thread steps do not become others meanwhile, which would lose the step.
        self._lock = threading.RLock()
        # Whether a call of this thread goes on with the rows: what interrupts it, as a signal's handler, leaves them.
        self._is_busy = False
        tables[self.number] = self

    def successor(self) -> "DeferredParameter":
        """What takes the place of this object for its parameter; the rows that a graph steps are its, too."""
        param: Any = self.param
        table = DeferredParameter(param)
        table._lock, table._of_graphs, table._is_in_graph = self._lock, self._of_graphs, self._is_in_graph
        if self._rows is not None and self._rows.is_captured:
            table._rows, table._operator = self._rows, self._operator
        return table

    @property
    def param(self) -> Tensor | None:
        """The parameter; None once it is gone."""
        return self._param()

    def memory(self) -> Tensor:
        """The parameter's memory, as a tensor whose reads do not catch up rows."""
        param: Any = self.param
        if param.deferred_parameter is not self:
            # Another optimizer defers these rows now; they may owe it steps.
            param.deferred_parameter.flush()
        with torch._C.DisableTorchFunctionSubclass():
            return param.detach()

    def step(
        self,
        operator: Operator,
        states: Sequence[Tensor | None],
        values: Tensor | BagGradient,
        indices: Tensor | None,
        scalars: Sequence[Any],
    ) -> None:
        """Step the rows of a sparse gradient; with a dense gradient, ``indices`` None, step all rows.

        Lookups that leave a gradient of bags have brought their rows up to date themselves.

        Raises:
            RuntimeError: the gradient has rows that owe steps; nothing is changed.
        """
        with self._lock:
            self._owes = is_sparse(values, indices) and not self.eager and not self._is_in_graph
            if not self._owes:
                self._flush_rows()
                operator.step(states, values, indices, "every", scalars)
                return
            with self._busy():
                rows = self._rows_of(operator, states)
                if indices is not None:
                    self._check_looked_up(rows, indices)
                # Where the host counts the steps that rows owe, wait for scalars on a device.
                rows.take(values, indices, scalars if on_device(rows.states[0]) else list(map(float, scalars)))

    def table_launch(
        self, operator: Operator, states: Sequence[Tensor | None], gradient: BagGradient, scalars: Sequence[Any]
    ) -> TableLaunch | None:
        """Check a step of the rows of lookups as part of a call that steps several tables; None if ``step`` must."""
        with self._lock, self._busy():
            if self.eager:
                return None
            rows = self._rows_of(operator, states)

            def prepare() -> Launch:
                return partial(self.step, operator, states, gradient, None, scalars)

            return pending_launch(rows, gradient, scalars, prepare, lambda: self._rows is rows and not self.eager)

    def catch_up(self, indices: Tensor) -> None:
        """Bring rows up to date before a lookup."""
        with self._lock:
            self._flush_rows_of_graphs()
            rows = self._rows
            if rows is None:
                self._check_capture()
                return
            if not is_concrete(indices):
                self.flush()
                return
            with self._busy(), untraced(), same_version(rows.states[0]):
                rows.catch_up(indices.detach().reshape(-1))

    @contextmanager
    def up_to_date(self) -> Iterator[None]:
        """Keep all rows up to date."""
        self.start_eager()
        try:
            yield
        finally:
            with self._lock:
                self.eager -= 1

    def start_eager(self) -> None:
        """Bring all rows up to date, and keep them so."""
        with self._lock:
            self.eager += 1
            self.flush()

    def flush(self) -> None:
        """Bring all rows up to date."""
        with self._lock:
            self._flush_rows_of_graphs()
            rows = self._rows
            if rows is None:
                return
            try:
                with untraced(), same_version(rows.states[0]):
                    rows.flush()
            except (TypeError, ValueError) as error:
                # An error would leave the parameter unreadable.
                warnings.warn(f"{error}: the steps that its rows owed are lost", stacklevel=2)
            if not (self._is_busy or rows.is_busy or rows.is_repeatable):
                # No steps are owed: do not keep the states of an optimizer that is gone. A graph may use them.
                self._rows = None

    @contextmanager
    def _busy(self) -> Iterator[None]:
        """Mark a call that goes on with the rows."""
        before, self._is_busy = self._is_busy, True
        try:
            yield
        finally:
            self._is_busy = before

    def _flush_rows(self) -> None:
        """Bring all rows up to date before a step of all rows."""
        if self._rows is None:
            param = self.param
            self._is_in_graph |= param is not None and on_device(param) and capturing(param)
        self.flush()

    def _flush_rows_of_graphs(self) -> None:
        """Take the steps that rows owe to replays of graphs from before a setting has changed."""
        for rows in self._of_graphs:
            with untraced(), same_version(rows.states[0]):
                rows.flush()

    def _check_capture(self) -> None:
        """Check that no graph captures a lookup for training before the first step, whose rows never catch up.

        Where all rows are kept up to date, they stay so from then on.

        Raises:
            RuntimeError: one does.
        """
        param = self.param
        if param is None or not torch.is_grad_enabled() or not on_device(param) or not capturing(param):
            return
        if self.eager or not self._owes:
            self._is_in_graph = True
            return
        raise RuntimeError(
            "a graph captures a lookup of a table with deferred rows before a step with capturable=True, or with a "
            "setting on the device: its rows would not catch up in replays; take such a step before the capture"
        )

    def _check_looked_up(self, rows: DeferredRows, indices: Tensor) -> None:
        if training_distributed():
            # Gradients of other processes name rows that were looked up there.
            return
        row = rows.first_pending(indices)
        if row is not None:
            raise RuntimeError(
                f"{rows.name}: a sparse gradient has row {row}, which was not looked up since the last step: the "
                "gradient was computed from an outdated row, or by hand; look rows up through an embedding with this "
                "weight that is not TorchScript, or call optimizer.flush() before rows are read"
            )

    def _rows_of(self, operator: Operator, states: Sequence[Tensor | None]) -> DeferredRows:
        """The deferred rows of these states; begin anew where the optimizer's settings or states changed."""
        rows = self._rows
        if rows is None or operator is not self._operator or not all(map(same_memory, rows.states, states)):
            self.flush()
            if rows is not None and rows.is_captured:
                # A graph writes their memory in each replay.
                self._of_graphs.append(rows)
            # Not the parameter itself: its memory may be replaced, and this must not keep it alive.
            memory = [state if state is None else state.detach() for state in states]
            rows = self._rows = DeferredRows.of(operator, memory, lock=self._lock)
            self._operator = operator
        return rows


def untraced() -> AbstractContextManager[Any]:
    """Suspend modes, functorch transformations and tracing, in which tensors have no memory; mostly there are none."""
    is_plain = (
        torch._C._len_torch_dispatch_stack() == 0
        and _len_torch_dispatch_stack_pre_dispatch() == 0
        and not torch._C._are_functorch_transforms_active()
        and torch._C._get_tracing_state() is None
    )
    return nullcontext() if is_plain else suspended()


@contextmanager
def suspended() -> Iterator[None]:
    """Suspend them, whether or not there are any."""
    tracing = torch._C._get_tracing_state()
    with _disable_current_modes(), temporarily_clear_interpreter_stack():
        torch._C._set_tracing_state(None)
        try:
            yield
        finally:
            torch._C._set_tracing_state(tracing)


def same_version(memory: Any) -> AbstractContextManager[Any]:
    """Keep the version of a parameter whose rows catch up.

    The values are those of an eager optimizer: what autograd saved of it stays valid.
    """
    # An inference tensor has no version.
    return nullcontext() if memory.is_inference() else torch.autograd._unsafe_preserve_version_counter(memory)


def is_concrete(indices: Tensor) -> bool:
    """Return whether indices hold numbers, and are not placeholders of a transformation or a graph."""
    return type(indices) is Tensor and not torch._C._functorch.is_functorch_wrapped_tensor(indices)


def same_memory(before: Tensor | None, state: Tensor | None) -> bool:
    """Return whether a state still has the same memory and layout."""
    if before is None or state is None:
        return before is state
    return (
        before.data_ptr() == state.data_ptr()
        and before.dtype is state.dtype
        and before.shape == state.shape
        and before.stride() == state.stride()
    )


def training_distributed() -> bool:
    """Return whether several processes train together."""
    distributed: Any = torch.distributed
    return bool(distributed.is_available() and distributed.is_initialized() and distributed.get_world_size() > 1)
