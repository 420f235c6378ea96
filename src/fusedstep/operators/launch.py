"""Runs a kernel over its rows: which thread takes which."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from ..arrays.layout import Rows
from .grouping import Groups, Totals, in_row_order, sum_duplicates
from .threads import get_num_threads, run

# Below this many elements to a thread, handing work over costs more than it saves.
ELEMENTS_PER_THREAD = 400_000


class Call(NamedTuple):
    """A checked call.

    Attributes:
        kernel: the compiled loop.
        states: the rows of every state.
        gradient: its elements.
        storage: its storage type.
        groups: the rows that are named; None for a dense gradient.
        scalars: the rule's scalars.
    """

    kernel: Callable[..., None]
    states: Sequence[Rows]
    gradient: np.ndarray
    storage: str
    groups: Groups | None
    scalars: Sequence[float]

    def share(self, *own: Any) -> Callable[[], None]:
        """One thread's part, given by the loop's own arguments."""
        flats, pitches = [state.flat for state in self.states], [state.pitch for state in self.states]
        return partial(self.kernel, *flats, *pitches, self.gradient, *own, *self.scalars)

    def totals(self, groups: Groups, threads: int) -> Totals:
        """The sums of the gradients that share a row."""
        compute = "float64" if self.storage == "float64" else "float32"
        return sum_duplicates(self.gradient, self.storage, groups, self.states[0].width, threads, compute)


def launch_dense(call: Call) -> None:
    """Every row takes the step with its own row of the gradient."""
    _, rows, width, _ = call.states[0]
    run([call.share(start, stop, width) for start, stop in parts(rows, threads_for(rows * width))])


def launch_touched_rows(call: Call) -> None:
    """The named rows take the step."""
    groups, width = call.groups, call.states[0].width
    assert groups is not None
    threads = threads_for(groups.numbers.size * width)
    slots, sums, spare = call.totals(groups, threads)
    run(
        [
            call.share(groups.named, groups.firsts, slots, sums, spare + thread, start, stop, width)
            for thread, (start, stop) in enumerate(parts(groups.named.size, threads))
        ]
    )


def launch_every_row(call: Call) -> None:
    """The named rows take the step with their sums, all others with a zero gradient."""
    groups, (_, rows, width, _) = call.groups, call.states[0]
    assert groups is not None
    threads = threads_for(rows * width)
    slots, sums, spare = call.totals(groups, threads)
    order = in_row_order(groups, rows)
    cuts = parts(rows, threads)
    firsts = [0, *np.searchsorted(groups.named[order], [stop for _, stop in cuts[:-1]]).tolist(), order.size]
    run(
        [
            call.share(
                groups.named,
                groups.firsts,
                slots,
                sums,
                spare + thread,
                order,
                *firsts[thread : thread + 2],
                *cut,
                width,
            )
            for thread, cut in enumerate(cuts)
        ]
    )


LAUNCH = {"dense": launch_dense, "touched_rows": launch_touched_rows, "every_row": launch_every_row}


def threads_for(elements: int) -> int:
    """How many threads pay for so many elements."""
    return max(1, min(get_num_threads(), elements // ELEMENTS_PER_THREAD))


def parts(count: int, threads: int) -> list[tuple[int, int]]:
    """Cuts a range into one part a thread."""
    return [(count * thread // threads, count * (thread + 1) // threads) for thread in range(threads)]
