"""Deferred rows: every row takes every step; rows that are not named take it later."""

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from ..arrays.devices import on_device
from ..arrays.layout import Rows
from ..codegen.rule.program import ReductionScope
from ..codegen.rule.signature import read_signature
from ..codegen.rule.spec import spec_of
from ..codegen.rule.text import rule_of
from ..interrupts import defer_sigint
from ..rules.idle import ClosedForm
from ..runtime.aliasing import ensure_no_alias
from ..runtime.history import History
from ..storage import compute_type
from . import host_deferred
from .bags import gradient_of_bags
from .checks.arrays import check_unused
from .checks.options import parse_switches
from .labels import Labels, parse_options
from .operator import Operator
from .pending_table import PendingTable


class DeferredRows:
    """Run a rule on every row of a table at each step, for the cost of the rows that are named.

    The rows that ``step`` names first catch up, then take the step. All other rows have a pending step, with a zero
    gradient. A row takes its pending steps when ``step`` or ``catch_up`` next names it, or at ``flush``. The result is
    that of ``rows="every"`` at each step, without a pass over the whole table.

    Between steps, a row with pending steps is out of date. Call ``catch_up(indices)`` before reading rows, and
    ``flush()`` before reading, saving or changing the table. If other code writes to a row, its steps stay pending.

    Scalars may change at every step. All rows catch up first if a scalar changes that must be constant in the closed
    form (in Adam's, epsilon), if the closed form becomes valid or invalid, and at the 8,192nd step after a flush. On
    the CPU, all rows take a step that names most rows. On a device, once a scalar is a tensor there, the device counts
    the steps: nothing waits for it, and a graph may capture calls.

    Args:
        rule: the rule, without sums beyond a row, or its text; see ``Operator``.
        *states: its states, the variable first. The table holds them and updates them in place.
        method: ``"series"`` applies the closed form of the rule. In float32 it is closer to exact arithmetic than the
            steps themselves; in float64 it is exact to about 1e-12 of the total movement. Elements for which the series
            is invalid, and rules without a closed form, are replayed. ``"replay"`` applies pending steps one by one,
            each with its own scalars. The result equals ``rows="every"`` bit for bit, in every storage type: a 16-bit
            state is rounded after each step. The closed form rounds it once.
        check_indices: check indices on a device; see ``Operator``.
        **switches: the rule's compile-time switches.

    Raises:
        TypeError, ValueError: as for ``Operator``; or the rule reduces over more than a row.

    >>> import numpy as np
    >>> import fusedstep as fs
    >>> var, accum = np.ones((4, 2), np.float32), np.ones((4, 2), np.float32)
    >>> table = DeferredRows(fs.rules.momentum, var, accum)
    >>> grad, indices = np.array([[0.5, 0.0]], np.float32), np.array([2])
    >>> _ = table.step(grad, indices, lr=0.125, momentum=0.5)
    >>> _ = table.step(grad, indices, lr=0.125, momentum=0.5)
    >>> var[2].tolist(), var[3].tolist()
    ([0.75, 0.90625], [1.0, 1.0])
    >>> _ = table.catch_up(np.array([3]))
    >>> var[3].tolist()
    [0.90625, 0.90625]
    """

    def __init__(
        self,
        /,
        rule: Callable[..., Any] | str,
        *states: Any,
        method: str = "series",
        check_indices: bool = True,
        **switches: bool,
    ) -> None:
        function = rule_of(rule)
        signature = read_signature(function)
        options = parse_options(signature.name, False, "nearest", 0, check_indices)
        chosen = parse_switches(signature.name, signature.switches, switches)
        labels = Labels(f"DeferredRows({signature.name})", signature.states)
        self._begin(Operator.from_spec(function, spec_of(function, chosen), labels, options), states, method)

    @classmethod
    def of(cls, operator: Operator, states: Sequence[Any], method: str = "series", lock: Any = None) -> "DeferredRows":
        """Defer the rows of an existing operator; messages use its names. ``lock``, an RLock, is held during calls."""
        table = cls.__new__(cls)
        table._begin(operator, states, method, lock)
        return table

    def _begin(self, operator: Operator, states: Sequence[Any], method: str, lock: Any = None) -> None:
        self._operator, self.name = operator, operator.name
        spec, expected = operator.spec, operator.signature.states
        if len(states) != len(expected):
            raise TypeError(f"{self.name}: takes the states {', '.join(expected)}, got {len(states)}")
        if method not in ("series", "replay"):
            raise ValueError(f'{self.name}: method is {method!r}, expected "series" or "replay"')
        check_unused(self.name, operator.labels.states, states, spec.used)
        self.states, self.method = tuple(states), method
        self._on_device = on_device(states[0])
        if spec.reduction_scope == ReductionScope.TENSOR:
            raise ValueError(
                f"{self.name}: the rule reduces over more than a row, so no row can be deferred; "
                "call fs.Operator instead"
            )
        self._shape: Any = None
        shape, storages, tables = self._borrow()
        self._shape, names = (shape, storages), operator.array_spec.names
        if not shape:
            raise ValueError(f"{self.name}: {names[0]} has no dimensions, expected at least one, for the rows")
        ensure_no_alias(self.name, names, tables, np.empty(0))
        count = len(spec.program.numbers)
        self._history: History = self._backend.new_history(
            self._closed_form(), dict(operator.switches), compute_type(storages[0]), count
        )
        self._last_steps = self._backend.new_last_steps(shape[0], states[0])
        # Whether a call has begun: what interrupts it on its thread, as a signal's handler, finds it unfinished.
        self._lock, self.is_busy = lock or threading.RLock(), False

    def __repr__(self) -> str:
        return f"<fusedstep {self.name}: {len(self._last_steps)} rows, {self.method}>"

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in vars(self).items() if name != "_lock"}

    def __setstate__(self, known: dict[str, Any]) -> None:
        vars(self).update(known)
        self._lock, self.is_busy = threading.RLock(), False
        # Functions that other functions define cannot be pickled: the closed form is looked up again.
        self._history.closed_form = self._closed_form()

    def step(
        self, /, grad: Any, indices: Any, offsets: Any = None, weights: Any = None, **scalars: Any
    ) -> tuple[Any, ...]:
        """Take one step: the named rows take it now, all other rows later.

        Args:
            grad: the gradient of the named rows. Its shape is ``(len(indices),) + var.shape[1:]``; its type is the
                variable's, or float32 with a 16-bit variable.
            indices: the row of each gradient row, integers in any order, as an array, a list or a range. Gradients of
                one row are summed first.
            offsets, weights: for a gradient of bags, where each bag begins among the indices, and factors of the
                indices; see ``Operator``. Then ``grad`` has one row for each bag.
            **scalars: the rule's scalars, as numbers or arrays of one element, which may be on the states' device.

        Returns:
            The states, the same objects.

        Raises:
            TypeError, ValueError, IndexError: an argument is invalid; nothing is changed.
        """
        if offsets is not None or weights is not None:
            grad, indices = gradient_of_bags(self.name, grad, indices, offsets, weights), None
        return self.take(grad, indices, self._operator.scalars(scalars))

    def take(self, grad: Any, indices: Any, scalars: Sequence[Any]) -> tuple[Any, ...]:
        """Take one step, with the scalars in the rule's order; ``grad`` may be a ``BagGradient``, without indices."""
        with self._lock:
            names = self._operator.signature.scalars
            table = self._table()
            self._backend.check_scalars(table, scalars)
            step = self._backend.prepare_step(table, grad, indices, scalars)
            named = dict(zip(names, scalars, strict=True))
            # A new history is allocated after the flush: if that fails, all rows are up to date, which is valid.
            with defer_sigint():
                if step.every_row:
                    self.flush()
                    step.launch()
                    return self.states
                if not self._history.allows(named):
                    self.flush()
                with self.busy():
                    totals = self._history.begin(named)
                    step.launch()
                    self._history.end(totals)
            return self.states

    def catch_up(self, indices: Any) -> tuple[Any, ...]:
        """Apply the pending steps of rows, so that the rows can be read.

        Args:
            indices: the rows, integers in any order and number, as an array, a list or a range.

        Returns:
            The states, the same objects.

        Raises:
            TypeError, ValueError, IndexError: an argument is invalid; nothing is changed.
        """
        with self._lock:
            with self.busy():
                self._backend.prepare_catch_up(self._table(), indices)()
            return self.states

    def first_pending(self, indices: Any) -> int | None:
        """The first of some rows that has a pending step, or None. Always None on a device, to avoid waiting for it.

        Args:
            indices: the rows, integers in any order and number. Indices that name no row are ignored.
        """
        with self._lock:
            if self._on_device or self._history.is_empty:
                return None
            named = np.asarray(indices).reshape(-1)
            named = named[(named >= 0) & (named < len(self._last_steps))]
            pending = self._last_steps[named] < self._history.steps
            return int(named[pending.argmax()]) if pending.any() else None

    def flush(self) -> tuple[Any, ...]:
        """Apply the pending steps of all rows.

        Returns:
            The states, the same objects.

        Raises:
            TypeError, ValueError: the states can no longer be updated; nothing is changed.
        """
        with self._lock:
            table = self._table()
            if self.is_busy:
                # The call goes on with the history that it has begun.
                self._backend.prepare_catch_up(table, range(len(self._last_steps)))()
            elif not self._history.is_empty:
                with self.busy(), defer_sigint():
                    self._backend.prepare_flush(table)()
            return self.states

    @property
    def is_repeatable(self) -> bool:
        """Whether a graph may repeat calls: the device counts the steps."""
        return self._history.is_repeatable

    @property
    def is_captured(self) -> bool:
        """Whether a graph repeats calls."""
        return self._history.is_captured

    @contextmanager
    def busy(self) -> Iterator[None]:
        """Mark a call that has begun."""
        before, self.is_busy = self.is_busy, True
        try:
            yield
        finally:
            self.is_busy = before

    def _closed_form(self) -> ClosedForm | None:
        """The rule's closed form, if there is one and the method uses it."""
        return self._operator.closed_form if self.method == "series" else None

    def _borrow(self) -> tuple[tuple[int, ...], tuple[str, ...], list[Rows]]:
        """The shape, the storage types and the rows of the states that the rule uses."""
        operator = self._operator
        shape, storages, tables = self._backend.view_states(self.name, operator.array_spec, self._in_use)
        if self._shape not in (None, (shape, storages)):
            variable = operator.array_spec.names[0]
            raise ValueError(
                f"{self.name}: {variable} is now {shape} of {storages[0]}, expected {self._shape}, as at construction"
            )
        return shape, storages, tables

    def _table(self) -> PendingTable:
        """The table as it is now."""
        shape, storages, tables = self._borrow()
        closed_form = self._history.closed_form
        return PendingTable(
            self._operator, closed_form, shape, self._in_use, storages, tables, self._history, self._last_steps
        )

    @property
    def _in_use(self) -> list[Any]:
        """The states in use; the others may be None."""
        return [self.states[number] for number in self._operator.spec.used]

    @property
    def _backend(self) -> Any:
        """The module that checks and launches calls for the memory of the states."""
        if not self._on_device:
            return host_deferred
        from . import device_deferred

        return device_deferred
