"""Runs a call over its rows, on as many threads as pay."""

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from ..locks import exclusive
from .grouping import Groups, alloc_sums, in_row_order, shares, sum_segments, sums_of
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
        groups: the rows that indices name, where they are given.
        shape: of the variable.
        locked: with locking, the views that the call writes, and those that it reads.
    """

    spans: SpanCall
    loop: str
    groups: Groups | None
    shape: tuple[int, ...]
    locked: tuple[list[np.ndarray], list[np.ndarray]] | None


def launch(call: Call) -> None:
    """Run a checked call, on as many threads as pay."""
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
    """Every row takes the step with its own row of the gradient."""
    threads = threads_for(call.rows * call.width)
    steps = [call.dense(start, stop) for start, stop in parts(call.rows, call.width, threads)]
    call.bump_versions()
    run(steps, threads)


def launch_touched_rows(call: SpanCall, groups: Groups) -> None:
    """The unique rows take the step."""
    cuts, threads = share_touched_rows(call.gradient, call.storage, groups, call.width)
    steps = [part.stepping(call.touched(groups, part.sums, part.start, part.stop)) for part in cuts]
    call.bump_versions()
    run(steps, threads)


class Part(NamedTuple):
    """Named rows that take the step one after another.

    Attributes:
        add_up: makes their sums, where any are left to make.
        sums: where they lie.
        start, stop: their places in the order of the steps.
    """

    add_up: Callable[[], None] | None
    sums: np.ndarray
    start: int
    stop: int

    def stepping(self, step: Callable[[], None]) -> Callable[[], None]:
        """What a thread does: the sums, then the step, with nobody to wait for in between."""
        return step if self.add_up is None else partial(in_turn, self.add_up, step)


def in_turn(first: Callable[[], None], then: Callable[[], None]) -> None:
    """Does one after the other."""
    first()
    then()


def share_touched_rows(gradient: Any, storage: str, groups: Groups, width: int) -> tuple[list[Part], int]:
    """The parts in which named rows are added up and take the step, and on how many threads.

    All memory that is needed is there then. Where there are more parts than threads, the sums are made already.
    """
    threads = threads_for(gradient.size + ELEMENTS_PER_ROW * groups.distinct)
    number = number_of_parts(gradient.size, threads)
    cuts = shares(groups, number, STEP_COST)
    sums = alloc_sums(storage, groups, width)
    adding: list[Callable[[], None] | None] = [None] * len(cuts)
    if number > threads:
        # Each part goes through all gradients to find those of its sums: too often, where there are many parts.
        sum_segments(gradient, storage, groups, width, sums, threads)
    else:
        adding = sums_of(gradient, storage, groups, width, sums, cuts)
    return [Part(add_up, sums, cut.start, cut.stop) for add_up, cut in zip(adding, cuts, strict=True)], threads


def launch_every_row(call: SpanCall, groups: Groups) -> None:
    """The named rows take the step with their sums, all others with a zero gradient."""
    shares, threads = share_every_row(call, groups)
    call.bump_versions()
    run(shares, threads)


def share_every_row(call: SpanCall, groups: Groups) -> tuple[list[Callable[[], None]], int]:
    """The parts of a step of every row, and on how many threads; the sums are made already."""
    rows, width, gradient, storage = call.rows, call.width, call.gradient, call.storage
    threads = threads_for(rows * width)
    cuts = parts(rows, width, threads)
    sums = alloc_sums(storage, groups, width)
    sum_segments(gradient, storage, groups, width, sums, threads_for(gradient.size))
    order = in_row_order(groups, rows)
    # Which of the unique rows lie before each cut.
    before = [0, groups.distinct]
    if len(cuts) > 1:
        before[1:1] = np.searchsorted(groups.unique_rows[order], [stop for _, stop in cuts[:-1]]).tolist()
    steps = [
        call.every(groups, sums, order, before[part], before[part + 1], start, stop)
        for part, (start, stop) in enumerate(cuts)
    ]
    return steps, threads
