"""Steps of several tables side by side, each on one thread: handing over one call's parts takes longer than a part."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import NamedTuple

import torch
from torch import Tensor

from ..runtime.cpu.parts import ELEMENTS_PER_ROW, threads_for
from ..runtime.cpu.threads import run_in_turn, run_side_by_side
from .embedding_gradient import EmbeddingGradient


class TableUpdate(NamedTuple):
    """The step of one table that waits for others.

    Attributes:
        step: takes the step.
        start, stop: the addresses between which the table lies.
        work: its cost, in consecutive elements.
    """

    step: Callable[[], None]
    start: int
    stop: int
    work: int


def is_of_table(grad: Tensor) -> bool:
    """Return whether a gradient is of lookups alone, on the CPU."""
    return isinstance(grad, EmbeddingGradient) and grad._form.device.type == "cpu" and grad._beside is None


def table_update(step: Callable[[], None], memory: Tensor, grad: EmbeddingGradient, every_row: bool) -> TableUpdate:
    """The step of a table by the gradient of its lookups.

    Args:
        step: takes the step.
        memory: the table, on the CPU.
        grad: its gradient.
        every_row: whether all rows take the step.
    """
    width = memory.shape[1:].numel()
    work = grad._indices_count * (width + ELEMENTS_PER_ROW) + (memory.numel() if every_row else 0)
    start = memory.data_ptr()
    last = sum((size - 1) * stride for size, stride in zip(memory.shape, memory.stride(), strict=True))
    return TableUpdate(step, start, start + (last + 1) * memory.element_size(), work)


def run_updates(updates: Sequence[TableUpdate]) -> None:
    """Take the steps of tables, those of tables that overlap one after another.

    Raises:
        TypeError, ValueError, IndexError: those of the first step that fails; the other tables are stepped.
    """
    waiting = sorted(overlapping(updates), key=work_of, reverse=True)
    total = sum(map(work_of, waiting))
    threads = threads_for(total)
    # A table with more work than a thread's share is cut into parts, which all threads take.
    large = 0
    while large < len(waiting) and work_of(waiting[large]) * threads > total:
        total -= work_of(waiting[large])
        large += 1
    calls = [partial(in_turn, each) for each in waiting]
    run_in_turn([*calls[:large], partial(run_side_by_side, calls[large:], threads)])


def overlapping(updates: Sequence[TableUpdate]) -> list[list[TableUpdate]]:
    """Steps, together where their tables overlap in memory, in the order of the optimizer."""
    found: list[list[int]] = []
    end = 0
    for start, number in sorted((update.start, number) for number, update in enumerate(updates)):
        if start < end:
            found[-1].append(number)
        else:
            found.append([number])
        end = max(end, updates[number].stop)
    return [[updates[number] for number in sorted(numbers)] for numbers in found]


def work_of(updates: Sequence[TableUpdate]) -> int:
    """The cost of some steps."""
    return sum(each.work for each in updates)


def in_turn(updates: Sequence[TableUpdate]) -> None:
    """Take steps one after another."""
    # The mode is a thread's own.
    with torch.no_grad():
        run_in_turn([update.step for update in updates])
