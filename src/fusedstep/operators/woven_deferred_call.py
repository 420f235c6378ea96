"""A checked call on deferred rows, by a woven kernel: of rules that add up rows."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np

from ..arrays.layout import Rows
from .grouping import Groups
from .history import History
from .launch import Part
from .woven_call import writable

# What is named where all rows are to wake.
EVERY_ROW = np.empty(0, np.int64)


class WovenDeferredCall:
    """The same as ``DeferredCall``.

    Attributes:
        kernel: the compiled loop, and what writes into the history.
        arrays: the memory of every state, then every state's pitch.
        gradient: its elements.
        scalars: the rule's scalars.
        width: of the table.
        history, lasts: what rows have slept through, and the step up to which each is up to date.
    """

    def __init__(
        self,
        kernel: Any,
        tables: Sequence[Rows],
        gradient: np.ndarray,
        scalars: Sequence[float],
        history: History,
        lasts: np.ndarray,
    ) -> None:
        self.kernel, self.gradient, self.scalars = kernel, gradient, scalars
        self.width, self.history, self.lasts = tables[0].width, history, lasts
        self.arrays = [*map(writable, tables), *(table.pitch for table in tables)]

    def remember(self) -> None:
        """Writes the numbers of the step that is about to be taken into the history."""
        self.kernel.remember(self.history.numbers, self.history.steps, *self.scalars)

    def step(self, groups: Groups, part: Part) -> Callable[[], None]:
        """The step of the unique rows in some places of their order."""
        own = self.gradient, groups.found, groups.unique_rows, part.sums, part.spare
        return self.sleeping(own, part.start, part.stop)

    def wake(self, groups: Groups, start: int, stop: int) -> Callable[[], None]:
        """Wakes unique rows, by number."""
        return self.sleeping((groups.unique_rows,), start, stop)

    def wake_all(self, start: int, stop: int) -> Callable[[], None]:
        """Wakes rows in the order of memory."""
        return self.sleeping((EVERY_ROW,), start, stop)

    def sleeping(self, own: tuple[Any, ...], start: int, stop: int) -> Callable[[], None]:
        """The kernel on a part, with what its loop asks for beside the history."""
        history = self.history
        slept = history.numbers, history.totals, history.held, self.lasts
        more = history.steps, history.window, int(history.closed)
        return partial(self.kernel.run, *self.arrays, *own, *slept, *more, start, stop, self.width)
