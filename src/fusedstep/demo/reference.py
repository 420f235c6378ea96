"""The NumPy rule in float64 on the same gradients."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from .digits import CLASSES, Digits


class Reference:
    """A rule's float64 states, for the rows that occur in the data.

    Other rows only get zero gradients. The rules compared here leave their weights at zero, so a table without them is
    exact.
    """

    def __init__(self, rule: Callable[..., Any], rows: str, initial: Sequence[float], digits: Digits) -> None:
        self.rule = rule
        self.rows = rows
        self.digits = digits
        self.states = [np.full((len(digits.occurring), CLASSES), value) for value in initial]

    def step(self, pictures: np.ndarray, gradient: np.ndarray, scalars: Mapping[str, float]) -> None:
        """Take one step; the gradient's rows are summed by table row."""
        places = self.digits.places[pictures].reshape(-1)
        count = len(self.digits.occurring)
        sums = np.stack([np.bincount(places, column, count) for column in gradient.T], axis=1)
        if self.rows == "every":
            self.states = list(self.rule(*self.states, sums, **scalars))
            return
        touched = np.flatnonzero(np.bincount(places, minlength=count))
        stepped = self.rule(*(state[touched] for state in self.states), sums[touched], **scalars)
        for state, new in zip(self.states, stepped, strict=True):
            state[touched] = new

    def largest_difference(self, table: np.ndarray) -> float:
        """The largest difference between a trained weight and the rule's."""
        expected = np.zeros(table.shape)
        expected[self.digits.occurring] = self.states[0]
        return float(np.abs(table - expected).max())
