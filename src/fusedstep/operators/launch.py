"""Runs a kernel over its rows: in which parts, on how many threads."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from .grouping import Groups, in_row_order, room_for_sums, shares, sum_duplicates, sums_of
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


class Call(NamedTuple):
    """A checked call.

    Attributes:
        kernel: the compiled loop.
        arrays: the memory of every state, then every state's pitch, then the gradient's elements.
        rows: how many rows a state has.
        width: elements in a row.
        storage: the gradient's storage type.
        scalars: the rule's scalars.
        announce: tells the owners of the states, right before they are written to, that they will be.
    """

    kernel: Callable[..., None]
    arrays: list[Any]
    rows: int
    width: int
    storage: str
    scalars: Sequence[float]
    announce: Callable[[], None]


def launch_dense(call: Call) -> None:
    """Every row takes the step with its own row of the gradient."""
    kernel, arrays, rows, width, _, scalars, announce = call
    threads = threads_for(rows * width)
    if threads == 1:
        # A call on tiny arrays costs what is done about it: as little as can be.
        announce()
        kernel(*arrays, 0, rows, width, *scalars)
        return
    cuts = parts(rows, width, threads)
    announce()
    run([partial(kernel, *arrays, start, stop, width, *scalars) for start, stop in cuts], threads)


def launch_touched_rows(call: Call, groups: Groups) -> None:
    """The named rows take the step."""
    kernel, arrays, _, width, storage, scalars, announce = call
    parts, threads = share_touched_rows(arrays[-1], storage, groups, width)
    common = [*arrays, groups.found, groups.named]
    announce()
    run(
        [
            part.stepping(partial(kernel, *common, part.sums, part.spare, part.start, part.stop, width, *scalars))
            for part in parts
        ],
        threads,
    )


class Part(NamedTuple):
    """Named rows that take the step one after another.

    Attributes:
        add_up: makes their sums, where any are left to make.
        sums: where they lie.
        spare: the slot that is theirs.
        start, stop: their places in the order of the steps.
    """

    add_up: Callable[[], None] | None
    sums: np.ndarray
    spare: int
    start: int
    stop: int

    def stepping(self, step: Callable[[], None]) -> Callable[[], None]:
        """What a thread does: the sums, then the step, with nobody to wait for in between."""
        return step if self.add_up is None else partial(in_turn, self.add_up, step)


def in_turn(first: Callable[[], None], then: Callable[[], None]) -> None:
    """Does one after the other."""
    first()
    then()


def share_touched_rows(gradient: np.ndarray, storage: str, groups: Groups, width: int) -> tuple[list[Part], int]:
    """The parts in which named rows are added up and take the step, and on how many threads.

    All memory that is needed is there then. Where there are more parts than threads, the sums are made already.
    """
    threads = threads_for(gradient.size + ELEMENTS_PER_ROW * groups.distinct)
    number = number_of_parts(gradient.size, threads)
    cuts = shares(groups, number, STEP_COST)
    sums = room_for_sums(storage, groups, width, number)
    adding: list[Callable[[], None] | None] = [None] * len(cuts)
    if number > threads:
        # Each part goes through all gradients to find those of its sums: too often, where there are many parts.
        sum_duplicates(gradient, storage, groups, width, sums, threads)
    else:
        adding = sums_of(gradient, storage, groups, width, sums, cuts)
    return [
        Part(add_up, sums, groups.summed + place, cut.start, cut.stop)
        for place, (add_up, cut) in enumerate(zip(adding, cuts, strict=True))
    ], threads


def launch_every_row(call: Call, groups: Groups) -> None:
    """The named rows take the step with their sums, all others with a zero gradient."""
    shares, threads = share_every_row(call, groups)
    call.announce()
    run(shares, threads)


def share_every_row(call: Call, groups: Groups) -> tuple[list[Callable[[], None]], int]:
    """The parts of a step of every row, and on how many threads; the sums are made already."""
    kernel, arrays, rows, width, storage, scalars, _ = call
    threads = threads_for(rows * width)
    cuts = parts(rows, width, threads)
    sums = room_for_sums(storage, groups, width, len(cuts))
    sum_duplicates(arrays[-1], storage, groups, width, sums, threads_for(arrays[-1].size))
    order = in_row_order(groups, rows)
    # Which of the named rows lie before each cut.
    before = [0, groups.distinct]
    if len(cuts) > 1:
        before[1:1] = np.searchsorted(groups.named[order], [stop for _, stop in cuts[:-1]]).tolist()
    common = [*arrays, groups.found, groups.named, sums]
    steps: list[Callable[[], None]] = [
        partial(
            kernel,
            *common,
            groups.summed + part,
            order,
            before[part],
            before[part + 1],
            start,
            stop,
            width,
            *scalars,
        )
        for part, (start, stop) in enumerate(cuts)
    ]
    return steps, threads


def threads_for(elements: int) -> int:
    """How many threads pay for so many elements."""
    return max(1, min(get_num_threads(), elements // ELEMENTS_PER_THREAD))


def number_of_parts(elements: int, threads: int) -> int:
    """How many parts so many elements are cut into."""
    return 1 if threads == 1 else threads * max(1, elements // (threads * ELEMENTS_PER_PART))


def parts(rows: int, width: int, threads: int) -> list[tuple[int, int]]:
    """Cuts rows into parts, one a thread or more."""
    number = number_of_parts(rows * width, threads)
    return [(rows * part // number, rows * (part + 1) // number) for part in range(number)]
