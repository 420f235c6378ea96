"""Deferred rows: every row takes every step, but one that is not named only when it is next looked at."""

import threading
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..arrays.borrow import bump_versions
from ..arrays.devices import on_device
from ..arrays.layout import Rows
from ..codegen.rule.program import ReductionScope
from ..interrupts import defer_sigint
from ..rules.idle import ClosedForm
from ..runtime.advice import mostly_touched
from ..runtime.aliasing import ensure_no_alias
from ..runtime.cpu.calls import call_of
from ..runtime.cpu.deferred_call import NO_GRADIENT, DeferredCall
from ..runtime.cpu.grouping import Groups
from ..runtime.cpu.launch import DEFERRED_ROWS, LOOPS, parts, share_every_row, share_touched_rows, threads_for
from ..runtime.cpu.threads import run
from ..runtime.history import History
from ..storage import compute_type
from . import checks
from .operator import Operator


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
        *states: its states, the variable first; they are kept, and updated in place.
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
        operator = Operator(rule, check_indices=check_indices)
        operator.switches = checks.switches(operator.name, operator.signature.switches, switches)
        operator.name = f"DeferredRows({operator.name})"
        self._begin(operator, states, method)

    @classmethod
    def of(cls, operator: Operator, states: Sequence[Any], method: str = "series") -> "DeferredRows":
        """Defers the rows of an operator that is made already; sentences keep its names."""
        table = cls.__new__(cls)
        table._begin(operator, states, method)
        return table

    def _begin(self, operator: Operator, states: Sequence[Any], method: str) -> None:
        self._operator, self.name = operator, operator.name
        expected = operator.signature.states
        if len(states) != len(expected):
            raise TypeError(f"{self.name}: takes the states {', '.join(expected)}, got {len(states)}")
        if method not in ("series", "replay"):
            raise ValueError(f'{self.name}: method is {method!r}, expected "series" or "replay"')
        self.states, self.method = tuple(states), method
        self._on_device = on_device(states[0])
        # States that the switches leave unused may be None.
        facts = operator.facts
        reach, self._used, self._wanted = facts.reduction_scope, facts.used, facts.wanted
        if reach == ReductionScope.TENSOR:
            raise ValueError(
                f"{self.name}: the rule adds up more than a row, so that no row can sleep; call fs.Operator instead"
            )
        self._names = self._wanted.names
        self._shape: Any = None
        shape, storages, tables = self._borrow()
        self._shape = shape, storages
        if not shape:
            raise ValueError(f"{self.name}: {self._names[0]} has no dimension, expected at least one, that of the rows")
        ensure_no_alias(self.name, self._names, tables, np.empty(0))
        self._history = History(
            self._closed_form(), dict(operator.switches), compute_type(storages[0]), operator.layout.hoisted
        )
        # Two bytes a row: the history is bounded, and a table's worth of them is to stay in the cache.
        self._last_steps = (
            self._device.awake(shape[0], states[self._used[0]]) if self._device else np.zeros(shape[0], np.int16)
        )
        self._lock = threading.RLock()

    def __repr__(self) -> str:
        return f"<fusedstep {self.name}: {len(self._last_steps)} rows, {self.method}>"

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in vars(self).items() if name != "_lock"}

    def __setstate__(self, known: dict[str, Any]) -> None:
        vars(self).update(known)
        self._lock = threading.RLock()
        # No copy of functions made in others can be sent: they are found again. An operator is sent without its name.
        self._history.idle = self._closed_form()
        self._operator.name = self.name

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

    def take(self, grad: Any, indices: Any, numbers: Sequence[float]) -> tuple[Any, ...]:
        """The same with the scalars in the rule's order."""
        with self._lock:
            checks.no_tensors(self.name, self._operator.scalar_names, numbers)
            if self._device:
                return self._take_on_device(grad, indices, numbers)
            names = dict(zip(self._operator.signature.scalars, numbers, strict=True))
            shape, storages, tables = self._borrow()
            snapshot = checks.indices(self.name, indices, self._names[0], shape)
            flat, storage = checks.gradient(self.name, "grad", grad, (snapshot.size, *shape[1:]), storages[0])
            groups = checks.group_indices(self.name, indices, snapshot, self._names[0], tables[0])
            call = self._call(DEFERRED_ROWS, storages, tables, flat, storage, numbers)
            if tables[0].array.size and mostly_touched(self.name, groups.distinct, tables[0].rows):
                return self._every_row(storages, tables, call.gradient, storage, groups, numbers)
            # All memory that a step needs is there before anything changes; a new history's is asked for once all rows
            # are awake, which is what they were due anyhow.
            shares, threads = share_touched_rows(call.gradient, storage, groups, tables[0].width)
            with defer_sigint():
                if not self._history.allows(names):
                    self.flush()
                totals = self._history.begin(names)
                call.remember()
                self._announce()
                run([share.stepping(call.step(groups, share)) for share in shares], threads)
                self._history.end(totals)
            return self.states

    def _take_on_device(self, grad: Any, indices: Any, numbers: Sequence[float]) -> tuple[Any, ...]:
        """The same on a device."""
        device, names = self._device, self._operator.scalar_names
        shape, _, _ = self._borrow()
        step = device.checked(self._sleeping(), shape, grad, indices)
        scalars = dict(zip(names, numbers, strict=True))
        with defer_sigint():
            if not self._history.allows(scalars):
                self.flush()
            totals = self._history.begin(scalars)
            device.take(self._sleeping(), step, numbers)
            self._history.end(totals)
        return self.states

    def _every_row(
        self,
        storages: tuple[str, ...],
        tables: list[Rows],
        flat: np.ndarray,
        storage: str,
        groups: Groups,
        numbers: Sequence[float],
    ) -> tuple[Any, ...]:
        """Wakes all rows, and takes one step with every one."""
        call = call_of(self._operator, LOOPS["every"], storages, tables, flat, storage, numbers, self._announce)
        shares, threads = share_every_row(call, groups)
        with defer_sigint():
            self.flush()
            self._announce()
            run(shares, threads)
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
            shape, storages, tables = self._borrow()
            if self._device:
                table = self._sleeping()
                named = self._device.checked_indices(table, shape, indices)
                if self._history.steps:
                    self._device.catch_up(table, named)
                return self.states
            snapshot = checks.indices(self.name, indices, self._names[0], shape)
            groups = checks.group_indices(self.name, indices, snapshot, self._names[0], tables[0])
            if self._history.steps and groups.distinct:
                threads = threads_for(snapshot.size * tables[0].width)
                cuts = parts(groups.distinct, tables[0].width, threads)
                call = self._waking("catch_up", storages, tables)
                self._announce()
                run([call.catch_up(groups, start, stop) for start, stop in cuts], threads)
            return self.states

    def first_asleep(self, indices: Any) -> int | None:
        """The first of some rows that is owed a step; none on a device, where nobody waits for what the rows are.

        Args:
            indices: the rows, integers in any order and number; those of no row are left out.
        """
        with self._lock:
            if not self._history.steps or self._device:
                return None
            named = np.asarray(indices).reshape(-1)
            named = named[(named >= 0) & (named < len(self._last_steps))]
            asleep = self._last_steps[named] < self._history.steps
            return int(named[asleep.argmax()]) if asleep.any() else None

    def flush(self) -> tuple[Any, ...]:
        """Brings all rows up to date.

        Returns:
            The states, the same objects.

        Raises:
            TypeError, ValueError: the states can no longer be updated; nothing is changed.
        """
        with self._lock:
            _, storages, tables = self._borrow()
            if self._history.steps and self._device:
                with defer_sigint():
                    self._device.flush(self._sleeping())
                    self._history.forget()
            elif self._history.steps:
                rows, width = tables[0].rows, tables[0].width
                threads = threads_for(rows * width)
                cuts = parts(rows, width, threads)
                call = self._waking("flush", storages, tables)
                with defer_sigint():
                    self._announce()
                    run([call.flush(start, stop) for start, stop in cuts], threads)
                    self._last_steps[:] = 0
                    self._history.forget()
            return self.states

    def _closed_form(self) -> ClosedForm | None:
        """The rule's closed form, if there is one, and it is wanted."""
        return self._operator.closed_form if self.method == "series" else None

    def _borrow(self) -> tuple[tuple[int, ...], tuple[str, ...], list[Rows]]:
        """The shape, the storage types and the rows of the states that the rule uses."""
        used = [self.states[number] for number in self._used]
        look = self._device.checks.states if self._device else checks.states
        shape, storages, tables = look(self.name, self._wanted, used)
        if self._shape not in (None, (shape, storages)):
            raise ValueError(
                f"{self.name}: {self._names[0]} is now {shape} of {storages[0]}, expected {self._shape}, as at first"
            )
        return shape, storages, tables

    @property
    def _device(self) -> Any:
        """What does the same on a device, if the states lie there."""
        if not self._on_device:
            return None
        from . import device_deferred as deferred

        return deferred

    def _sleeping(self) -> Any:
        """The table, for what does the same on a device."""
        _, storages, tables = self._borrow()
        used = [self.states[number] for number in self._used]
        return self._device.DeferredTable(
            self._operator, self._history.idle, used, storages, tables, self._history, self._last_steps
        )

    def _waking(self, loop: str, storages: tuple[str, ...], tables: list[Rows]) -> DeferredCall:
        """A call that only wakes rows, of a loop that does."""
        numbers = [0.0] * len(self._operator.signature.scalars)
        return self._call(loop, storages, tables, NO_GRADIENT, storages[0], numbers)

    def _call(
        self,
        loop: str,
        storages: tuple[str, ...],
        tables: list[Rows],
        flat: Any,
        storage: str,
        numbers: Sequence[float],
    ) -> DeferredCall:
        """A checked call, ready to be cut into parts."""
        call = call_of(self._operator, LOOPS["touched"], storages, tables, flat, storage, numbers, self._announce)
        return DeferredCall(call, loop, self._history, self._last_steps, self._operator.switches)

    def _announce(self) -> None:
        """Tells the owners of the states, right before they are written to, that they will be."""
        bump_versions([self.states[number] for number in self._used])
