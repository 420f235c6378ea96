"""Whether contenders that must compute the same have the same losses."""

from collections.abc import Iterator

import numpy as np

from .results import Result, Timing

# Relative. Sums in another order and products rounded elsewhere stay a hundred times below it.
ROUNDING = 1e-5


def compared(result: Result) -> Iterator[tuple[Timing, Timing]]:
    """The contenders that must have the losses of another one, each with that one, where both were timed."""
    by_label = {timing.label: timing for timing in result.timings if timing.losses}
    for timing in by_label.values():
        if timing.like in by_label:
            yield timing, by_label[timing.like]


def difference(one: Timing, other: Timing) -> float:
    """The greatest relative difference of two contenders' losses, of the steps that both took."""
    mine, its = np.array(list(zip(one.losses, other.losses, strict=False))).T
    with np.errstate(all="ignore"):
        return float(np.max(np.where(mine == its, 0, abs(mine - its) / abs(its))))


def differing(result: Result) -> list[str]:
    """A sentence for each contender whose losses are not those that they must be."""
    # A loss that is not a number is equal to none.
    return [
        f"{result.work}: the losses of {one.label} are not those of {other.label}: "
        f"they differ by {difference(one, other):.1e} of them"
        for one, other in compared(result)
        if not difference(one, other) <= ROUNDING
    ]
