"""The launch of a step of deferred rows, as part of a call that steps several tables."""

from collections.abc import Callable, Sequence
from typing import Any

from ..runtime.call import Launch
from ..runtime.cpu.deferred_call import with_pending
from ..runtime.cpu.table_steps import TableLaunch, TableStep
from .bags import BagGradient
from .checks.scalars import check_host_scalars


class PendingLaunch(TableLaunch):
    """The launch of a step of a table whose rows first catch up.

    The table is locked only while the call runs; a table that another thread uses is stepped by itself.
    """

    def __init__(self, step: TableStep, prepare: Callable[[], Launch], rows: Any, scalars: Sequence[float]) -> None:
        """``rows`` is the ``DeferredRows``, whose history begins the step when it is opened."""
        super().__init__(step, prepare)
        self._rows, self._scalars, self._begun = rows, scalars, -1

    def open(self) -> bool:
        rows = self._rows
        if not rows._lock.acquire(blocking=False):
            return False
        try:
            self._begin()
        except BaseException:
            rows._lock.release()
            raise
        return True

    def _begin(self) -> None:
        rows = self._rows
        operator, history = rows._operator, rows._history
        named = dict(zip(operator.signature.scalars, self._scalars, strict=True))
        if not history.allows(named):
            rows.flush()
        self._totals, self._begun = history.begin(named), history.steps
        functions = operator.functions_for(rows._shape[1][0])
        self.step = with_pending(self.step, functions, history, rows._last_steps, operator.switches)

    def is_ready(self) -> bool:
        # What reads the table in this thread, such as a handler of a signal, flushes it.
        return bool(self._rows._history.steps == self._begun)

    def end(self) -> None:
        self._rows._history.end(self._totals)
        super().end()

    def close(self) -> None:
        self._rows._lock.release()


def pending_launch(rows: Any, gradient: BagGradient, scalars: Sequence[float]) -> PendingLaunch | None:
    """Check a step of a ``DeferredRows`` as part of a call that steps several tables; None if ``take`` must do it.

    The values of indices and offsets are checked by that call.
    """
    operator = rows._operator
    check_host_scalars(rows.name, operator.signature.scalars, scalars)
    count = sum(len(each.indices) for each in gradient.lookups)
    # A step that may name most rows is one of every row, however many threads there are.
    if rows._on_device or 2 * count >= len(rows._last_steps):
        return None
    with rows._lock:
        rows._borrow()
        step = operator.table_step(rows.states, gradient, "touched", scalars)

    def take() -> None:
        rows.take(gradient, None, scalars)

    return None if step is None else PendingLaunch(step, lambda: take, rows, scalars)
