"""A checked call of a woven kernel: of rules that add up rows, and of stochastic rounding."""

from collections.abc import Callable, Sequence
from functools import partial

import numpy as np

from ..arrays.layout import Rows
from .grouping import Groups


class WovenCall:
    """What a call is made of, on any number of threads.

    Attributes:
        kernel: the compiled loop.
        arrays: the memory of every state, then every state's pitch, then the gradient's elements.
        rows, width: of the table.
        gradient: its elements.
        storage: their storage type.
        scalars: the rule's scalars.
        announce: tells the owners of the states, right before they are written to, that they will be.
    """

    def __init__(
        self,
        kernel: Callable[..., None],
        tables: Sequence[Rows],
        gradient: np.ndarray,
        storage: str,
        scalars: Sequence[float],
        announce: Callable[[], None],
    ) -> None:
        self.kernel, self.gradient, self.storage, self.scalars = kernel, gradient, storage, scalars
        self.announce = announce
        _, self.rows, self.width, _ = tables[0]
        self.arrays = [*map(writable, tables), *(table.pitch for table in tables), gradient]

    def dense(self, start: int, stop: int) -> Callable[[], None]:
        """The step of some rows with a row of the gradient each."""
        return partial(self.kernel, *self.arrays, start, stop, self.width, *self.scalars)

    def touched(self, groups: Groups, sums: np.ndarray, spare: int, start: int, stop: int) -> Callable[[], None]:
        """The step of the unique rows in some places of their order; ``spare`` is the slot that is theirs."""
        own = groups.found, groups.unique_rows, sums, spare, start, stop, self.width
        return partial(self.kernel, *self.arrays, *own, *self.scalars)

    def every(
        self,
        groups: Groups,
        sums: np.ndarray,
        spare: int,
        order: np.ndarray,
        first: int,
        last: int,
        start: int,
        stop: int,
    ) -> Callable[[], None]:
        """The step of some rows, of which the unique ones are ``order[first:last]``; all others have no gradient."""
        own = groups.found, groups.unique_rows, sums, spare, order, first, last, start, stop, self.width
        return partial(self.kernel, *self.arrays, *own, *self.scalars)


def writable(table: Rows) -> np.ndarray:
    """A state's elements; of one that is only read, and read-only, a copy: kernels are compiled for others."""
    flat = table.flat
    return flat if flat.flags.writeable else flat.copy()
