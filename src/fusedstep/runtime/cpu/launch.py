"""Launches calls, on as many threads as their size justifies."""

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from ..locks import exclusive
from .grouping import Groups, alloc_sums, cut_into_parts, in_row_order, sum_segments, sums_of
from .loops import LOOPS, WHOLE_TENSOR
from .parts import ELEMENTS_PER_ROW, STEP_COST, number_of_parts, parts, threads_for
from .span_call import SpanCall
from .threads import run
from .whole_tensor import launch_whole_tensor


class Call(NamedTuple):
    """A checked call.

    Attributes:
        spans: its arrays and parts.
        loop: the loop that it runs.
        groups: the unique rows of the indices, or None for a dense gradient.
        shape: the shape of the variable.
        locked: with locking, the views that the call writes and those that it reads.
    """

    spans: SpanCall
    loop: str
    groups: Groups | None
    shape: tuple[int, ...]
    locked: tuple[list[np.ndarray], list[np.ndarray]] | None


def launch(call: Call) -> None:
    """Run a checked call."""
    if call.locked is None:
        launch_loop(call)
    else:
        exclusive(partial(launch_loop, call), *call.locked)


def launch_loop(call: Call) -> None:
    """Run the loop of a call."""
    if call.loop == WHOLE_TENSOR:
        launch_whole_tensor(call.spans, call.shape)
    elif call.groups is None:
        launch_dense(call.spans)
    else:
        (launch_touched_rows if call.loop == LOOPS["touched"] else launch_every_row)(call.spans, call.groups)


def launch_dense(call: SpanCall) -> None:
    """Step every row with its own gradient row."""
    threads = threads_for(call.rows * call.width)
    steps = [call.dense(start, stop) for start, stop in parts(call.rows, call.width, threads)]
    call.bump_versions()
    run(steps, threads)


def launch_touched_rows(call: SpanCall, groups: Groups) -> None:
    """Step the unique rows."""
    cuts, threads = touched_row_parts(call.gradient, call.storage, groups, call.width)
    steps = [part.stepping(call.touched(groups, part.sums, part.start, part.stop)) for part in cuts]
    call.bump_versions()
    run(steps, threads)


class Part(NamedTuple):
    """Unique rows that one thread steps.

    Attributes:
        add_up: computes their sums, or None if these are computed already.
        sums: the segment sums.
        start, stop: their places in the order of the steps.
    """

    add_up: Callable[[], None] | None
    sums: np.ndarray
    start: int
    stop: int

    def stepping(self, step: Callable[[], None]) -> Callable[[], None]:
        """The work of a thread: the sums, then the step, without waiting in between."""
        return step if self.add_up is None else partial(in_turn, self.add_up, step)


def in_turn(first: Callable[[], None], then: Callable[[], None]) -> None:
    """Call both."""
    first()
    then()


def touched_row_parts(gradient: Any, storage: str, groups: Groups, width: int) -> tuple[list[Part], int]:
    """The parts in which unique rows are summed and stepped, and the number of threads.

    All memory is allocated here. With more parts than threads, the sums are computed here, too.
    """
    threads = threads_for(gradient.size + ELEMENTS_PER_ROW * groups.distinct)
    number = number_of_parts(gradient.size, threads)
    cuts = cut_into_parts(groups, number, STEP_COST)
    sums = alloc_sums(storage, groups, width)
    adding: list[Callable[[], None] | None] = [None] * len(cuts)
    if number > threads:
        # Each part reads the indices of all gradients: too slow with many parts.
        sum_segments(gradient, storage, groups, width, sums, threads)
    else:
        adding = sums_of(gradient, storage, groups, width, sums, cuts)
    return [Part(add_up, sums, cut.start, cut.stop) for add_up, cut in zip(adding, cuts, strict=True)], threads


def launch_every_row(call: SpanCall, groups: Groups) -> None:
    """Step the unique rows with the sums of their gradients, all others with a zero gradient."""
    steps, threads = every_row_parts(call, groups)
    call.bump_versions()
    run(steps, threads)


def every_row_parts(call: SpanCall, groups: Groups) -> tuple[list[Callable[[], None]], int]:
    """The parts of a step of every row, and the number of threads. The sums are computed here."""
    rows, width, gradient, storage = call.rows, call.width, call.gradient, call.storage
    threads = threads_for(rows * width)
    cuts = parts(rows, width, threads)
    sums = alloc_sums(storage, groups, width)
    sum_segments(gradient, storage, groups, width, sums, threads_for(gradient.size))
    order = in_row_order(groups, rows)
    # The number of unique rows before each cut.
    before = [0, groups.distinct]
    if len(cuts) > 1:
        before[1:1] = np.searchsorted(groups.unique_rows[order], [stop for _, stop in cuts[:-1]]).tolist()
    steps = [
        call.every(groups, sums, order, before[part], before[part + 1], start, stop)
        for part, (start, stop) in enumerate(cuts)
    ]
    return steps, threads
