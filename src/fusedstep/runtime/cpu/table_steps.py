"""Steps of tables by the gradients of their lookups, each on one thread, all of them in one call of a thread."""

from array import array
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from ...arrays.address import address_of
from ...loops.cpu.table_step import REFUSED
from ..advice import mostly_touched
from ..call import BumpVersions, Launch
from . import loops, workspace
from .parts import is_for_one_thread
from .threads import run


class TableStep(NamedTuple):
    """A step of a table, checked but for the values of indices and of the starts of bags.

    Attributes:
        operator, rows: the operator's name, and the number of rows of the table.
        block: its block.
        work: its cost, in consecutive elements.
        scratch: the bytes of scratch that it needs.
        bump: raises the version counters of the states.
        memory: what the block speaks of, kept until the step is taken.
    """

    operator: str
    rows: int
    block: "array[int]"
    work: int
    scratch: int
    bump: BumpVersions
    memory: Any


class TableLaunch:
    """A launch of a table's step, which may also be taken in one call with those of other tables.

    Attributes:
        step: the step.
    """

    def __init__(self, step: TableStep, prepare: Callable[[], Launch]) -> None:
        """``prepare`` checks everything, for a step that is not taken, and for one that is cut into parts."""
        self.step, self._prepare = step, prepare

    def __call__(self) -> None:
        if is_for_one_thread(self.step.work):
            (distinct,) = take_all([self], 1)
            if distinct != REFUSED:
                self.advise(distinct)
                return
        self.take_checked()

    def take_checked(self) -> None:
        """Take the step after all checks, on as many threads as its size justifies."""
        self._prepare()()

    def open(self) -> bool:
        """Make the step ready right before it is taken; return whether it can be."""
        return True

    def end(self) -> None:
        """Do what belongs to the step after it is taken."""
        self.step.bump()

    def close(self) -> None:
        """Release what was held for the step; called once for each that was opened."""

    def advise(self, distinct: int) -> None:
        """Log once if a step by so many unique rows should be another one."""
        mostly_touched(self.step.operator, distinct, self.step.rows)


def take_all(launches: Sequence[TableLaunch], threads: int) -> list[int]:
    """Take the steps of several tables on so many threads, the first ones first.

    Returns:
        The number of unique rows of each. ``REFUSED`` for one that is not taken and has changed nothing: its indices
        name no row, its bags do not follow one another, or its table is in use.
    """
    with ExitStack() as held:
        ready = []
        for each in launches:
            if each.open():
                held.callback(each.close)
                ready.append(each)
        results = dict(zip(map(id, ready), take_ready(ready, threads), strict=True))
    return [results.get(id(each), REFUSED) for each in launches]


def take_ready(launches: Sequence[TableLaunch], threads: int) -> list[int]:
    """Take the steps of tables that are ready, see ``take_all``."""
    if not launches:
        return []
    steps = [each.step for each in launches]
    blocks = array("q", [step.block.buffer_info()[0] for step in steps])
    results, following = array("q", [REFUSED]) * len(steps), array("q", [0])
    threads = min(threads, len(steps))
    scratch = [workspace.empty(max(step.scratch for step in steps), np.uint8) for _ in range(threads)]
    addresses = blocks.buffer_info()[0], results.buffer_info()[0], len(steps), following.buffer_info()[0]
    try:
        run([partial(loops.loop("table_steps"), *addresses, address_of(each)) for each in scratch], threads)
    finally:
        for each, distinct in zip(launches, results, strict=True):
            if distinct != REFUSED:
                each.end()
    return results.tolist()
