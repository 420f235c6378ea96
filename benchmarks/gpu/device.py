"""Where the contenders of a work run on a device, and how their steps are timed."""

import time
from collections.abc import Iterator
from functools import partial
from itertools import cycle
from typing import Any

import torch

from fusedstep.bench.libraries.data import Size
from fusedstep.bench.libraries.steps import Step
from fusedstep.bench.libraries.worker import sentence
from fusedstep.bench.race import FailedError
from fusedstep.bench.results import STREAMING
from fusedstep.bench.works import Contender, Library

from .lost import is_lost
from .tables import ITEM, LARGE, Tables
from .works import GpuWork

COPY = "copying device memory"
# Room in a report for the text of an error.
LONGEST = 500


class Device:
    """A device, or the CPU under Triton's interpreter.

    The device's events time its steps. The host's clock times what the host does, and all steps in the interpreter.

    Args:
        name: the device, as PyTorch names it.
        large: the bytes that are overwritten before each step. The device's cache then holds no part of the step, and
            the host has time to launch the step before the device begins.
    """

    def __init__(self, name: str, large: int = LARGE) -> None:
        self.name, self.lost = name, False
        self.one, self.other = (torch.zeros(large // ITEM, device=name) for _ in range(2))
        self.size: Size | None = None
        self.steps: dict[str, Iterator[Step]] = {}

    def prepare(self, work: GpuWork, contender: Contender) -> None:
        """Prepare a contender's steps; the contenders of a work share its tables."""
        if self.size != work.size:
            self.forget()
            self.size, self.tables = work.size, Tables(work.size, self.name)
        assert callable(contender.call)
        steps = self.attempt(partial(contender.call, self.tables, **contender.arguments))
        # Steps in a list are repeated. Others are made one by one, and none of them is kept.
        self.steps[contender.label] = cycle(steps) if isinstance(steps, list) else iter(steps)

    def seconds(self, work: GpuWork, contender: Contender) -> float:
        """Take a contender's next step; return its time, the host's or the device's."""
        step = self.attempt(partial(next, self.steps[contender.label]))
        return float(self.attempt(partial(self.timed, step, work.host)))

    def can_run(self, contender: Contender) -> bool:
        """Whether the device still works."""
        return not self.lost

    def attempt(self, do: Any) -> Any:
        """Do something, or raise FailedError."""
        try:
            return do()
        except Exception as error:
            self.lost = is_lost()
            raise FailedError(sentence(error)[:LONGEST]) from error

    def timed(self, step: Step, host: bool = False) -> float:
        """The time of a step, on the device or until the host may go on."""
        step.before()
        if self.name != "cpu" and host:
            torch.cuda.synchronize()
        if self.name == "cpu" or host:
            began = time.perf_counter()
            step.run()
            return time.perf_counter() - began
        start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        self.one.zero_()
        start.record()
        step.run()
        end.record()
        end.synchronize()
        return float(start.elapsed_time(end)) / 1e3

    def copying(self) -> Contender:
        """The limit of the device: a copy from its memory to its memory, which reads and writes each byte once."""
        library = Library(STREAMING, "streaming", peer=False)
        moved = 2 * int(self.one.numel()) * ITEM
        return Contender(COPY, library, lambda _: [Step(partial(self.other.copy_, self.one))], moved=moved)

    def forget(self) -> None:
        """Free the memory of a work."""
        self.steps.clear()
        self.size = self.tables = None  # type: ignore[assignment]
        if self.name == "cuda" and not self.lost:
            torch.cuda.empty_cache()
