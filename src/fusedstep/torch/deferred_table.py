"""A parameter whose rows take their steps when they are looked up."""

from collections.abc import Sequence

import torch
from torch import Tensor

from ..operators.deferred import DeferredRows
from ..operators.operator import Operator


class DeferredTable:
    """The rows of a parameter, and the steps that they are owed.

    Attributes:
        param: the parameter.
        awake: for how many reasons all rows must be right after every step: code reads them as they lie in memory, or
            nobody brings them up to date any more.
    """

    def __init__(self, param: Tensor) -> None:
        self.param, self.awake = param, 0
        self._rows: DeferredRows | None = None
        self._operator: Operator | None = None

    def step(
        self,
        operator: Operator,
        states: Sequence[Tensor | None],
        values: Tensor,
        indices: Tensor | None,
        scalars: Sequence[float],
    ) -> None:
        """Takes a step with a gradient, of all rows where ``indices`` is None."""
        if indices is None or self.awake:
            self.flush()
            operator.step(states, values, indices, "every", scalars)
        else:
            # What rows sleep through is reckoned on the host; a count on the device must be waited for.
            self._for(operator, states).take(values, indices, list(map(float, scalars)))

    def catch_up(self, indices: Tensor) -> None:
        """Brings rows up to date, so that they can be looked up."""
        if self._rows is not None:
            # What a row is worth has not changed: autograd may keep what it saved of this parameter.
            with torch.autograd._unsafe_preserve_version_counter(self.param):
                self._rows.catch_up(indices.detach().reshape(-1))

    def flush(self) -> None:
        """Brings all rows up to date."""
        if self._rows is not None:
            self._rows.flush()
            # Nothing is owed: an optimizer that has gone is not to leave its states behind.
            self._rows = None

    def _for(self, operator: Operator, states: Sequence[Tensor | None]) -> DeferredRows:
        """The deferred rows of these states; others begin where an optimizer's settings or states were changed."""
        rows = self._rows
        same = rows is not None and all(old is new for old, new in zip(rows.states, states, strict=True))
        if rows is None or operator is not self._operator or not same:
            self.flush()
            rows = self._rows = DeferredRows.of(operator, states)
            self._operator = operator
        return rows
