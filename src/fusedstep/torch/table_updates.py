"""Steps of several tables side by side, each on one thread: handing over one call's parts takes longer than a part.

Those on a device are launched by the thread that asks, whose current stream they follow.

What Python does for them is done before and after: threads that want the interpreter wait for one another.
"""

from bisect import bisect_left
from collections.abc import Generator, Sequence
from functools import partial
from typing import NamedTuple

import torch
from torch import Tensor

from ..arrays import torch_device
from ..arrays.devices import on_device
from ..loops.cpu.table_step import REFUSED
from ..runtime.call import Launch
from ..runtime.cpu.parts import ELEMENTS_PER_ROW, threads_for
from ..runtime.cpu.table_steps import TableLaunch, take_all
from ..runtime.cpu.threads import run_in_turn, run_side_by_side
from .device_tables import DeviceTableLaunch, launches_of
from .embedding_gradient import EmbeddingGradient


class TableUpdate(NamedTuple):
    """The step of one table that waits for others.

    Attributes:
        parts: a generator that checks the step, yields what takes it, and counts it.
        start, stop: the addresses between which the table lies.
        work: its cost, in consecutive elements.
        reads: the addresses between which a gradient lies that others may have made.
        on_device: whether it is on a device.
    """

    parts: Generator[Launch, None, None]
    start: int
    stop: int
    work: int
    reads: tuple[int, int] = (0, 0)
    on_device: bool = False


def is_of_table(grad: Tensor) -> bool:
    """Return whether a gradient is of some rows where kernels run: of lookups alone, or a COO one by row."""
    if isinstance(grad, EmbeddingGradient):
        return grad._beside is None and has_kernels(grad._form.device)
    is_coo = type(grad) is Tensor and grad.layout is torch.sparse_coo
    return is_coo and (grad.is_cpu or has_kernels(grad.device)) and grad.sparse_dim() == 1


def has_kernels(device: torch.device) -> bool:
    """Return whether kernels run on a device."""
    return device.type == "cpu" or device.type in torch_device.DEVICES


def indices_count(grad: Tensor) -> int:
    """The number of indices of a gradient of some rows."""
    return grad._indices_count if isinstance(grad, EmbeddingGradient) else int(grad._nnz())


def table_update(parts: Generator[Launch, None, None], memory: Tensor, grad: Tensor, every_row: bool) -> TableUpdate:
    """The step of a table by a gradient of some rows.

    Args:
        parts: see ``TableUpdate``.
        memory: the table.
        grad: its gradient.
        every_row: whether all rows take the step.
    """
    width = memory.shape[1:].numel()
    work = indices_count(grad) * (width + ELEMENTS_PER_ROW) + (memory.numel() if every_row else 0)
    start = memory.data_ptr()
    last = sum((size - 1) * stride for size, stride in zip(memory.shape, memory.stride(), strict=True))
    stop = start + (last + 1) * memory.element_size()
    return TableUpdate(parts, start, stop, work, memory_read(grad), on_device(memory))


def memory_read(grad: Tensor) -> tuple[int, int]:
    """The addresses between which the storage of a COO gradient's values lies; no one else has those of lookups."""
    if isinstance(grad, EmbeddingGradient):
        return 0, 0
    storage = grad._values().untyped_storage()
    return storage.data_ptr(), storage.data_ptr() + storage.nbytes()


class CheckedUpdate:
    """A checked step of a table.

    Attributes:
        update: the step.
        launch: takes it.
        is_taken: whether it is taken.
        error: the error that it raised.
    """

    def __init__(self, update: TableUpdate, launch: Launch) -> None:
        self.update, self.launch, self.is_taken = update, launch, False
        self.error: Exception | None = None

    def take(self, launch: Launch | None = None) -> None:
        """Take the step, by its launch or another one, and note an error."""
        try:
            (launch or self.launch)()
            self.is_taken = True
        except Exception as raised:
            self.error = raised

    def finish(self) -> None:
        """Count the step, if it is taken; else forget what was made for it.

        Raises:
            Exception: the step has raised it.
        """
        try:
            if self.error is not None:
                raise self.error
            if self.is_taken:
                next(self.update.parts, None)
        finally:
            self.update.parts.close()
            self.error = None


def run_updates(updates: Sequence[TableUpdate]) -> None:
    """Take the steps of tables, those of tables that overlap one after another. A check may take its step itself.

    Raises:
        TypeError, ValueError, IndexError: those of the first step that fails; the other tables are stepped.
    """
    checked: list[CheckedUpdate] = []
    checks = [partial(check, update, checked) for update in updates]
    try:
        run_in_turn([*checks, partial(launch_all, checked), partial(finish_all, checked)])
    finally:
        for update in updates:
            update.parts.close()


def check(update: TableUpdate, checked: list[CheckedUpdate]) -> None:
    """Check a step, and append it to those that are checked."""
    launch = next(update.parts, None)
    if launch is not None:
        checked.append(CheckedUpdate(update, launch))


def finish_all(checked: Sequence[CheckedUpdate]) -> None:
    """Count the steps that are taken."""
    run_in_turn([each.finish for each in checked])


def launch_all(checked: Sequence[CheckedUpdate]) -> None:
    """Take checked steps."""
    there: list[CheckedUpdate] = []
    here: list[CheckedUpdate] = []
    for each in checked:
        (there if each.update.on_device else here).append(each)
    run_in_turn([partial(launch_on_device, there), partial(launch_on_host, here)])


def launch_on_device(checked: Sequence[CheckedUpdate]) -> None:
    """Take checked steps on devices."""
    parts = overlapping(checked)
    alone = {id(part[0]) for part in parts if len(part) == 1}
    joint = [
        (each, each.launch) for each in checked if id(each) in alone and isinstance(each.launch, DeviceTableLaunch)
    ]
    known = {id(each) for each, _ in joint}
    for part in parts:
        take_in_turn([each for each in part if id(each) not in known])
    with torch.no_grad():
        for places, launch in launches_of([launch for _, launch in joint]):
            take_as_one([joint[place][0] for place in places], launch)


def take_as_one(checked: Sequence[CheckedUpdate], launch: Launch) -> None:
    """Take steps by one launch."""
    first, *others = checked
    first.take(launch)
    for each in others:
        each.is_taken, each.error = first.is_taken, first.error


def launch_on_host(checked: Sequence[CheckedUpdate]) -> None:
    """Take checked steps on the CPU."""
    waiting = sorted(overlapping(checked), key=work_of, reverse=True)
    total = sum(map(work_of, waiting))
    threads = threads_for(total)
    # A table with more work than a thread's share is cut into parts, which all threads take.
    large = 0
    while large < len(waiting) and work_of(waiting[large]) * threads > total:
        total -= work_of(waiting[large])
        large += 1
    joint = [each[0] for each in waiting[large:] if is_joint(each)]
    others = [partial(take_in_turn, each) for each in waiting[large:] if not is_joint(each)]
    first = [partial(take_in_turn, each) for each in waiting[:large]]
    run_in_turn([*first, partial(take_together, joint, threads), partial(run_side_by_side, others, threads)])


def is_joint(checked: Sequence[CheckedUpdate]) -> bool:
    """Return whether a step overlaps no other one, and can be taken in one call with others."""
    return len(checked) == 1 and isinstance(checked[0].launch, TableLaunch)


def take_together(checked: Sequence[CheckedUpdate], threads: int) -> None:
    """Take the steps of several tables in one call; then one by one those that it does not take."""
    launches = [each.launch for each in checked if isinstance(each.launch, TableLaunch)]
    results = take_all(launches, threads)
    for each, distinct in zip(checked, results, strict=True):
        each.is_taken = distinct != REFUSED
    for each, launch, distinct in zip(checked, launches, results, strict=True):
        if each.is_taken:
            launch.advise(distinct)
        else:
            each.take(launch.take_checked)


def overlapping(checked: Sequence[CheckedUpdate]) -> list[list[CheckedUpdate]]:
    """Steps, together where their tables overlap in memory, in the order of the optimizer."""
    by_start = sorted((each.update.start, number) for number, each in enumerate(checked))
    if any(is_read(checked, by_start, number) for number in range(len(checked))):
        return [list(checked)]
    found: list[list[int]] = []
    end = 0
    for start, number in by_start:
        if start < end:
            found[-1].append(number)
        else:
            found.append([number])
        end = max(end, checked[number].update.stop)
    return [[checked[number] for number in sorted(numbers)] for numbers in found]


def is_read(checked: Sequence[CheckedUpdate], by_start: Sequence[tuple[int, int]], number: int) -> bool:
    """Return whether the gradient of a step may lie in the table of another one."""
    start, stop = checked[number].update.reads
    for _, other in reversed(by_start[: bisect_left(by_start, (stop, 0))]):
        if checked[other].update.stop > start and other != number:
            return True
        if checked[other].update.stop <= start:
            break
    return False


def work_of(checked: Sequence[CheckedUpdate]) -> int:
    """The cost of some steps."""
    return sum(each.update.work for each in checked)


def take_in_turn(checked: Sequence[CheckedUpdate]) -> None:
    """Take steps one after another."""
    # The mode is a thread's own.
    with torch.no_grad():
        for each in checked:
            each.take()
