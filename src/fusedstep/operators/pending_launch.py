"""The launch of a step of deferred rows, as part of a call that steps several tables."""

from collections.abc import Callable
from contextlib import ExitStack

import numpy as np

from ..runtime.call import Launch
from ..runtime.cpu.table_steps import TableLaunch, TableStep
from ..runtime.history import History


class PendingLaunch(TableLaunch):
    """The launch of a step of a table whose rows first catch up. Until it is closed, only its thread uses the table."""

    def __init__(
        self, step: TableStep, prepare: Callable[[], Launch], history: History, totals: np.ndarray, held: ExitStack
    ) -> None:
        """``totals`` are those with which the history ends the step; ``held`` releases the table."""
        super().__init__(step, prepare)
        self._history, self._totals, self._held = history, totals, held

    def end(self, distinct: int) -> None:
        super().end(distinct)
        self._history.end(self._totals)

    def close(self) -> None:
        self._held.close()
