"""The launch of a step of deferred rows, as part of a call that steps several tables."""

from collections.abc import Callable, Sequence
from contextlib import ExitStack

from ..runtime.call import Launch
from ..runtime.cpu.deferred_call import with_pending
from ..runtime.cpu.table_steps import TableLaunch, TableStep
from .bags import BagGradient
from .checks.scalars import check_host_scalars
from .deferred import DeferredRows


class PendingLaunch(TableLaunch):
    """The launch of a step of a table whose rows first catch up.

    The table is locked only while the call runs; a table that another thread uses is stepped by itself.
    """

    def __init__(
        self,
        step: TableStep,
        prepare: Callable[[], Launch],
        rows: DeferredRows,
        scalars: Sequence[float],
        is_current: Callable[[], bool],
    ) -> None:
        """``rows`` begins the step when it is opened; ``is_current`` says if the table still has these rows."""
        super().__init__(step, prepare)
        self._rows, self._scalars, self._is_current = rows, scalars, is_current
        self._held = ExitStack()

    def open(self) -> bool:
        rows = self._rows
        if not rows._lock.acquire(blocking=False):
            return False
        with ExitStack() as held:
            held.callback(rows._lock.release)
            held.enter_context(rows.busy())
            named = dict(zip(rows._operator.signature.scalars, self._scalars, strict=True))
            if not (self._is_current() and rows._history.allows(named)):
                return False
            self._begin(named)
            self._held = held.pop_all()
        return True

    def _begin(self, named: dict[str, float]) -> None:
        rows = self._rows
        operator, history = rows._operator, rows._history
        self._totals = history.begin(named)
        functions = operator.functions_for(rows._shape[1][0])
        self.step = with_pending(self.step, functions, history, rows._last_steps, operator.switches)

    def end(self) -> None:
        self._rows._history.end(self._totals)
        super().end()

    def close(self) -> None:
        self._held.close()


def pending_launch(
    rows: DeferredRows,
    gradient: BagGradient,
    scalars: Sequence[float],
    prepare: Callable[[], Launch],
    is_current: Callable[[], bool],
) -> PendingLaunch | None:
    """Check a step of deferred rows as part of a call that steps several tables; None if ``take`` must do it.

    The values of indices and offsets are checked by that call.

    Args:
        rows, gradient, scalars: as ``DeferredRows.take`` has them.
        prepare, is_current: see ``PendingLaunch``.
    """
    operator = rows._operator
    if rows._on_device:
        return None
    check_host_scalars(rows.name, operator.signature.scalars, scalars)
    count = sum(len(each.indices) for each in gradient.lookups)
    # A step that may name most rows is one of every row, however many threads there are.
    if 2 * count >= len(rows._last_steps):
        return None
    with rows._lock:
        rows._borrow()
        step = operator.table_step(rows.states, gradient, "touched", scalars)
    return None if step is None else PendingLaunch(step, prepare, rows, scalars, is_current)
