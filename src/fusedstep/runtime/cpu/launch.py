"""Runs a kernel over its rows: in which parts, on how many threads."""

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from . import span_call
from .grouping import Groups, alloc_sums, in_row_order, shares, sum_segments, sums_of
from .span_call import SpanCall
from .threads import get_num_threads, run

# Below this many elements to a thread, handing work over costs more than it saves.
ELEMENTS_PER_THREAD = 400_000
# Memory does not serve all cores alike at all times: where there is much to do, whoever is ahead does more parts.
ELEMENTS_PER_PART = 4_000_000
# To go to a row somewhere in memory takes as long as so many elements one after another.
ELEMENTS_PER_ROW = 64
# The step of such a row takes as long as adding so many gradients to a sum.
STEP_COST = 12

# The loop that a call runs, by which rows take the step; None where the gradient is dense.
LOOPS = {None: "dense", "touched": "touched_rows", "every": "every_row"}
# The loop of rules whose sums reach beyond a row.
WHOLE_TENSOR = "whole_tensor"
# That of a deferred step.
DEFERRED_ROWS = "deferred_rows"
# What is compiled for each; a deferred step that names most rows is one of every row.
COMPILED = {
    LOOPS[None]: ("dense_rows",),
    LOOPS["touched"]: (LOOPS["touched"],),
    LOOPS["every"]: (LOOPS["every"],),
    DEFERRED_ROWS: (DEFERRED_ROWS, "catch_up", "flush", LOOPS["every"]),
    WHOLE_TENSOR: (WHOLE_TENSOR, "column_states", "reduce_partials"),
}
# The files of those that are not called like theirs.
FILES = dict.fromkeys(("column_states", "reduce_partials"), WHOLE_TENSOR)


def prepare_loops(loop: str) -> None:
    """Makes ready what goes through memory in the calls that run a loop."""
    for name in COMPILED[loop]:
        span_call.loop(name, FILES.get(name, ""))


def launch_dense(call: SpanCall) -> None:
    """Every row takes the step with its own row of the gradient."""
    threads = threads_for(call.rows * call.width)
    steps = [call.dense(start, stop) for start, stop in parts(call.rows, call.width, threads)]
    call.announce()
    run(steps, threads)


def launch_touched_rows(call: SpanCall, groups: Groups) -> None:
    """The unique rows take the step."""
    cuts, threads = share_touched_rows(call.gradient, call.storage, groups, call.width)
    steps = [part.stepping(call.touched(groups, part.sums, part.start, part.stop)) for part in cuts]
    call.announce()
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
    call.announce()
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


def threads_for(elements: int) -> int:
    """How many threads pay for so many elements."""
    return max(1, min(get_num_threads(), elements // ELEMENTS_PER_THREAD))


def is_for_one_thread(elements: int) -> bool:
    """Whether so few elements pay for no second thread, however many there are."""
    return elements < 2 * ELEMENTS_PER_THREAD


def number_of_parts(elements: int, threads: int) -> int:
    """How many parts so many elements are cut into."""
    return 1 if threads == 1 else threads * max(1, elements // (threads * ELEMENTS_PER_PART))


def parts(rows: int, width: int, threads: int) -> list[tuple[int, int]]:
    """Cuts rows into parts, one a thread or more."""
    number = number_of_parts(rows * width, threads)
    return [(rows * part // number, rows * (part + 1) // number) for part in range(number)]
