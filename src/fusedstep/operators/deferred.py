"""Deferred rows: every row takes every step, but one that is not named only when it is next looked at."""

import threading
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..arrays.devices import on_device
from ..arrays.layout import Rows
from ..codegen.rule.program import ReductionScope
from ..codegen.rule.spec import spec_of
from ..interrupts import defer_sigint
from ..rules.idle import ClosedForm
from ..runtime.aliasing import ensure_no_alias
from ..runtime.history import History
from ..storage import compute_type
from . import host_deferred
from .checks.options import parse_switches
from .checks.scalars import check_host_scalars
from .operator import Operator
from .pending_table import PendingTable


class DeferredRows:
    """Runs a rule on every row of a table at each step, at the price of the rows that are named.

    The rows that ``step`` names are first brought up to date and then take the step. All others sleep: they are owed
    a step with a zero gradient, and take all that they are owed when they are next named, by ``step`` or ``catch_up``,
    or by ``flush``. What comes out is what ``rows="every"`` computes at each step, without its pass over the table.

    Between steps a row is right only once it was brought up to date: call ``catch_up(indices)`` before reading rows,
    and ``flush()`` before reading, saving or changing the table. A row that others write to keeps what it owes.

    Scalars may change at every step. Where the closed form takes one for constant, as Adam's takes epsilon, a step
    with another value brings all rows up to date first; so do one at which the closed form begins or ceases to hold,
    and the 8,192nd step after a flush. On the CPU a step that names most rows is taken by all of them.

    Args:
        rule: the rule; one whose sums reach no further than a row.
        *states: its states, the variable first; the table holds them, and updates them in place.
        method: ``"series"``: in closed form, where the rule has one: in float32 nearer to exact arithmetic than the
            steps themselves, in float64 to about 1e-12 of the distance travelled. An element that its series does not
            serve, and a rule without closed form, take the other way. ``"replay"``: the steps one by one, each with
            its own scalars. That is bit for bit what ``rows="every"`` computes, in every storage type, since a 16-bit
            state is rounded after each step; the closed form rounds it once.
        check_indices: whether indices on a device are checked, see ``Operator``.
        **switches: the rule's compile-time switches.

    Raises:
        TypeError, ValueError: as ``Operator``; or the rule adds up more than a row.

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
        rule: Callable[..., Any],
        *states: Any,
        method: str = "series",
        check_indices: bool = True,
        **switches: bool,
    ) -> None:
        made = Operator(rule, check_indices=check_indices)
        chosen = parse_switches(made.name, made.signature.switches, switches)
        labels = made.labels._replace(operator=f"DeferredRows({made.name})")
        self._begin(Operator.from_spec(rule, spec_of(rule, chosen), labels, made.options), states, method)

    @classmethod
    def of(cls, operator: Operator, states: Sequence[Any], method: str = "series") -> "DeferredRows":
        """Defers the rows of an operator that is made already; sentences keep its names."""
        table = cls.__new__(cls)
        table._begin(operator, states, method)
        return table

    def _begin(self, operator: Operator, states: Sequence[Any], method: str) -> None:
        self._operator, self.name = operator, operator.name
        spec, expected = operator.spec, operator.signature.states
        if len(states) != len(expected):
            raise TypeError(f"{self.name}: takes the states {', '.join(expected)}, got {len(states)}")
        if method not in ("series", "replay"):
            raise ValueError(f'{self.name}: method is {method!r}, expected "series" or "replay"')
        self.states, self.method = tuple(states), method
        self._on_device = on_device(states[0])
        if spec.reduction_scope == ReductionScope.TENSOR:
            raise ValueError(
                f"{self.name}: the rule adds up more than a row, so no row can be deferred; call fs.Operator instead"
            )
        self._shape: Any = None
        shape, storages, tables = self._borrow()
        self._shape, names = (shape, storages), operator.array_spec.names
        if not shape:
            raise ValueError(f"{self.name}: {names[0]} has no dimension, expected at least one, that of the rows")
        ensure_no_alias(self.name, names, tables, np.empty(0))
        count = len(spec.program.numbers)
        self._history = History(self._closed_form(), dict(operator.switches), compute_type(storages[0]), count)
        self._last_steps = self._backend.new_last_steps(shape[0], states[0])
        self._lock = threading.RLock()

    def __repr__(self) -> str:
        return f"<fusedstep {self.name}: {len(self._last_steps)} rows, {self.method}>"

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in vars(self).items() if name != "_lock"}

    def __setstate__(self, known: dict[str, Any]) -> None:
        vars(self).update(known)
        self._lock = threading.RLock()
        # No copy of functions made in others can be sent: they are found again.
        self._history.closed_form = self._closed_form()

    def step(self, grad: Any, indices: Any, **scalars: Any) -> tuple[Any, ...]:
        """Takes one step: the named rows now, all others when they are next looked at.

        Args:
            grad: the gradient of the named rows, of shape ``(len(indices),) + var.shape[1:]`` and the variable's
                type, or float32 beside a 16-bit variable.
            indices: the row of each, integers in any order; gradients of one row are summed first.
            **scalars: the rule's scalars, as numbers or arrays of one element.

        Returns:
            The states, the same objects.

        Raises:
            TypeError, ValueError, IndexError: before anything is changed.
        """
        return self.take(grad, indices, self._operator.scalars(scalars))

    def take(self, grad: Any, indices: Any, scalars: Sequence[float]) -> tuple[Any, ...]:
        """The same with the scalars in the rule's order."""
        with self._lock:
            names = self._operator.signature.scalars
            check_host_scalars(self.name, names, scalars)
            step = self._backend.prepare_step(self._table(), grad, indices, scalars)
            named = dict(zip(names, scalars, strict=True))
            # A new history's memory is asked for once all rows are up to date, which is what they were due anyhow.
            with defer_sigint():
                if step.every_row:
                    self.flush()
                    step.launch()
                    return self.states
                if not self._history.allows(named):
                    self.flush()
                totals = self._history.begin(named)
                step.launch()
                self._history.end(totals)
            return self.states

    def catch_up(self, indices: Any) -> tuple[Any, ...]:
        """Brings rows up to date, so that they can be read.

        Args:
            indices: the rows, integers in any order and number.

        Returns:
            The states, the same objects.

        Raises:
            TypeError, ValueError, IndexError: before anything is changed.
        """
        with self._lock:
            self._backend.prepare_catch_up(self._table(), indices)()
            return self.states

    def first_pending(self, indices: Any) -> int | None:
        """The first of some rows that is owed a step; none on a device, where nobody waits for what the rows are.

        Args:
            indices: the rows, integers in any order and number; those of no row are left out.
        """
        with self._lock:
            if not self._history.steps or self._on_device:
                return None
            named = np.asarray(indices).reshape(-1)
            named = named[(named >= 0) & (named < len(self._last_steps))]
            pending = self._last_steps[named] < self._history.steps
            return int(named[pending.argmax()]) if pending.any() else None

    def flush(self) -> tuple[Any, ...]:
        """Brings all rows up to date.

        Returns:
            The states, the same objects.

        Raises:
            TypeError, ValueError: the states can no longer be updated; nothing is changed.
        """
        with self._lock:
            table = self._table()
            if self._history.steps:
                flush = self._backend.prepare_flush(table)
                with defer_sigint():
                    flush()
                    self._history.forget()
            return self.states

    def _closed_form(self) -> ClosedForm | None:
        """The rule's closed form, if there is one, and it is wanted."""
        return self._operator.closed_form if self.method == "series" else None

    def _borrow(self) -> tuple[tuple[int, ...], tuple[str, ...], list[Rows]]:
        """The shape, the storage types and the rows of the states that the rule uses."""
        operator = self._operator
        shape, storages, tables = self._backend.view_states(self.name, operator.array_spec, self._in_use)
        if self._shape not in (None, (shape, storages)):
            variable = operator.array_spec.names[0]
            raise ValueError(
                f"{self.name}: {variable} is now {shape} of {storages[0]}, expected {self._shape}, as at first"
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
        """The states in use; others may be None."""
        return [self.states[number] for number in self._operator.spec.used]

    @property
    def _backend(self) -> Any:
        """What checks and launches where the states lie."""
        if not self._on_device:
            return host_deferred
        from . import device_deferred

        return device_deferred
