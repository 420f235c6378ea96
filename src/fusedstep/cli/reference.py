"""What the plain NumPy rule makes of the same gradients in float64."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from .digits import CLASSES, Digits


class Reference:
    """A rule's float64 states for the rows that occur at all.

    A row that never occurs has a zero gradient throughout: the rules compared here leave its weights at zero, so that
    a table of the others alone is exact.
    """

    def __init__(self, rule: Callable[..., Any], rows: str, starts: Sequence[float], digits: Digits) -> None:
        self.rule = rule
        self.rows = rows
        self.digits = digits
        self.states = [np.full((len(digits.occurring), CLASSES), start) for start in starts]

    def step(self, pictures: np.ndarray, gradient: np.ndarray, scalars: Mapping[str, float]) -> None:
        """Takes one step with the gradient's rows merged by the table row that they belong to."""
        places = self.digits.places[pictures].reshape(-1)
        count = len(self.digits.occurring)
        merged = np.stack([np.bincount(places, column, count) for column in gradient.T], axis=1)
        if self.rows == "every":
            self.states = list(self.rule(*self.states, merged, **scalars))
            return
        named = np.flatnonzero(np.bincount(places, minlength=count))
        stepped = self.rule(*(state[named] for state in self.states), merged[named], **scalars)
        for state, new in zip(self.states, stepped, strict=True):
            state[named] = new

    def largest_difference(self, table: np.ndarray) -> float:
        """The largest distance of a trained weight from the rule's."""
        expected = np.zeros(table.shape)
        expected[self.digits.occurring] = self.states[0]
        return float(np.abs(table - expected).max())
