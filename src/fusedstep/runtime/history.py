"""The pending steps of rows: the scalars of each step, and the totals of a closed form since each step."""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from ..rules.idle import ClosedForm, call_with_names

# For each compute type: the allowed error of a closed form, relative to the movement, and the weight at which a step is
# negligible.
TOLERANCE = {"float32": 1e-7, "float64": 1e-12}
NEGLIGIBLE = {"float32": 2.0**-34, "float64": 2.0**-63}
# After this many steps all rows must catch up.
LIMIT = 8192


class History:
    """The steps since all rows were up to date.

    Attributes:
        steps: their count.
        numbers: the numbers of each step.
        totals: the totals of the closed form, one per row; one column for each possible last step.
        held: the scalars that the closed form also takes.
        closed: whether there is a valid closed form.
        window: how many pending steps of a row can move its variable.
        is_captured: whether a graph repeats steps.
    """

    is_captured = False

    def __init__(self, closed_form: ClosedForm | None, switches: Mapping[str, bool], compute: str, count: int) -> None:
        self.closed_form, self.switches, self.compute = closed_form, dict(switches), compute
        self.starts = [*closed_form.kept_totals.values(), *closed_form.moved_totals.values()] if closed_form else []
        self.numbers = np.empty((0, count), compute)
        self.totals = np.empty((len(self.starts), 0))
        self.held = np.empty(len(closed_form.held) if closed_form else 0)
        self.constant: tuple[float, ...] = ()
        self.closed, self.window, self.steps = False, LIMIT, 0

    def __getstate__(self) -> dict[str, Any]:
        return {**vars(self), "closed_form": None}

    @property
    def is_empty(self) -> bool:
        """Whether no steps are pending."""
        return self.steps == 0

    @property
    def is_repeatable(self) -> bool:
        """Whether a graph may repeat the next step."""
        return False

    def forget(self) -> None:
        """Forget all steps: all rows are up to date."""
        self.steps = 0

    def allows(self, scalars: Mapping[str, float]) -> bool:
        """Return whether a step is possible while rows are pending."""
        return self.steps == 0 or (self.steps < LIMIT and self.constants(scalars) == self.constant)

    def constants(self, scalars: Mapping[str, float]) -> tuple[float, ...]:
        """The scalars that must not change while rows are pending, then whether the closed form is valid."""
        if self.closed_form is None:
            return (False,)
        return (*(scalars[name] for name in self.closed_form.constant), 0 <= self.fading(scalars) < 1)

    def fading(self, scalars: Mapping[str, float]) -> float:
        """The ratio of the weights of two successive steps."""
        assert self.closed_form is not None
        with np.errstate(all="ignore"):
            return float(call_with_names(self.closed_form.fading, {**scalars, **self.switches}))

    def begin(self, scalars: Mapping[str, float]) -> np.ndarray:
        """Reserve a slot for a step; return the updated totals."""
        self.admit(scalars)
        if self.steps == len(self.numbers):
            self.grow()
        if self.steps == 0:
            self.totals[:, 0] = self.starts
        return self.after(scalars)

    def admit(self, scalars: Mapping[str, float]) -> None:
        """Note what a step determines of the whole history: the window, and with the first what stays constant."""
        if self.steps == 0:
            self.constant = self.constants(scalars)
            self.closed = bool(self.constant[-1])
            self.window = 1 if self.closed and self.closed_form and self.closed_form.moved else LIMIT
            if self.closed_form:
                self.held[:] = [scalars[name] for name in self.closed_form.held]
        if self.closed and self.closed_form and self.closed_form.moved:
            # The window only grows: steps outside it stay negligible if later weights fall more slowly.
            fading = self.fading(scalars)
            steps = math.log(NEGLIGIBLE[self.compute]) / math.log(fading) if fading else 0
            self.window = min(LIMIT, max(self.window, 1 + math.ceil(steps)))

    def grow(self) -> None:
        """Double the capacity."""
        room = 2 * len(self.numbers) or 64
        numbers = np.empty((room, self.numbers.shape[1]), self.compute)
        # The stride is not a power of two: caches hold few numbers at such distances.
        totals = np.empty((len(self.starts), room + 8))
        known = self.totals[:, : self.steps + 1]
        numbers[: self.steps], totals[:, : known.shape[1]] = self.numbers, known
        self.numbers, self.totals = numbers, totals

    def after(self, scalars: Mapping[str, float]) -> np.ndarray:
        """The totals since each step, including a new step."""
        steps = self.steps + 1
        totals = np.empty((len(self.starts), steps))
        if self.closed_form and self.closed:
            names = {**scalars, **self.switches, "tolerance": TOLERANCE[self.compute]}
            kept = len(self.closed_form.kept_totals)
            with np.errstate(all="ignore"):
                fill(totals[:kept], call_with_names(self.closed_form.kept, names, *self.totals[:kept, :steps]))
                if self.closed_form.moved:
                    start = max(0, steps - self.window)
                    recent = *totals[:kept, start:], *self.totals[kept:, start:steps]
                    fill(totals[kept:, start:], call_with_names(self.closed_form.moved, names, *recent))
        return totals

    def end(self, totals: np.ndarray) -> None:
        """Record a step that was taken, without allocating memory: its totals exist already."""
        self.steps += 1
        if self.closed_form and self.closed:
            kept, start = len(self.closed_form.kept_totals), max(0, self.steps - self.window)
            self.totals[:kept, : self.steps] = totals[:kept]
            self.totals[kept:, start : self.steps] = totals[kept:, start:]
            self.totals[:, self.steps] = self.starts


def fill(totals: np.ndarray, values: Any) -> None:
    """Write values into totals."""
    for total, value in zip(totals, values if isinstance(values, tuple) else (values,), strict=True):
        total[...] = value
