"""Times the contenders of a work: they take one step each in turn."""

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict
from functools import partial
from itertools import cycle, product
from typing import Any

import torch

from ..contenders.steps import Step
from ..contenders.tables import Size
from ..contenders.worker import sentence
from ..results import STREAMING, Result, Timing
from .lost import is_lost
from .tables import ITEM, LARGE, Tables
from .works import COMPILED, Contender, Work

COPY = "copying device memory"
# Steps that are not counted: two batches of other sizes, and what torch.compile makes of them.
WARM_UP = 3


class Clock:
    """Times steps on a device by its own events; what the host does of one, and all in the interpreter, by its clock.

    Args:
        device: the device.
        large: bytes that are overwritten before each step, so that the device's cache holds nothing of it, and so that
            the host has launched what it can before the device begins.
    """

    def __init__(self, device: str, large: int = LARGE) -> None:
        self.device = device
        self.one, self.other = (torch.zeros(large // ITEM, device=device) for _ in range(2))

    def seconds(self, step: Step, host: bool = False) -> float:
        """How many a step takes: the device, or the host until it may go on."""
        step.before()
        if self.device != "cpu" and host:
            torch.cuda.synchronize()
        if self.device == "cpu" or host:
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
        """The device itself: a copy from its memory to its memory, which reads and writes each byte once."""
        return Contender(COPY, STREAMING, lambda _: [Step(partial(self.other.copy_, self.one))])

    @property
    def copied(self) -> int:
        """The bytes that a copy moves."""
        return 2 * int(self.one.numel()) * ITEM


class Race:
    """The contenders of a work.

    Args:
        work: the work.
        size: how large it is.
        clock: times their steps.

    Attributes:
        times: the seconds of each contender's steps; none of one that has failed.
        notes: why it has.
        lost: whether the device takes no more kernels.
    """

    def __init__(self, work: Work, size: Size, clock: Clock) -> None:
        self.work, self.size, self.clock, self.least = work, size, clock, work.least_bytes(size)
        self.contenders = [*work.contenders, *[clock.copying()] * (not work.host)]
        self.steps: dict[str, Iterator[Step]] = {}
        self.times: dict[str, list[float]] = {each.label: [] for each in self.contenders}
        self.notes: list[str] = []
        self.lost = False

    def run(self, rounds: int, tell: Callable[[str, int], None], end: float = math.inf) -> Iterator[Result]:
        """Times every contender so often, telling of each step; those that must be compiled first come last.

        Yields:
            What is known so far: once without those, once with them.
        """
        tables = Tables(self.size, self.clock.device)
        slow = [each for each in self.contenders if each.library == COMPILED]
        timed: list[Contender] = []
        for heat in ([each for each in self.contenders if each not in slow], slow):
            for each in heat:
                tell(f"{self.work.name}: {each.label} gets ready", 0)
                if time.monotonic() < end:
                    self.attempt(each, partial(self.prepare, each, tables))
            for _, each in product(range(rounds), heat):
                if each.label in self.steps:
                    self.attempt(each, partial(self.step, each))
                tell(f"{self.work.name}: {each.label}", 1)
            timed += heat
            if heat:
                shown = tuple(self.timing(each) for each in self.contenders if each in timed)
                yield Result(self.work.name, self.work.title, asdict(self.size), shown)

    def prepare(self, contender: Contender, tables: Tables) -> None:
        """Gets a contender's steps ready, and takes some that are not counted."""
        steps = cycle_of(contender.prepare(tables))
        for _ in range(WARM_UP):
            self.clock.seconds(next(steps), self.work.host)
        self.steps[contender.label] = steps

    def step(self, contender: Contender) -> None:
        """Times a contender once."""
        seconds = self.clock.seconds(next(self.steps[contender.label]), self.work.host)
        self.times[contender.label].append(seconds)

    def attempt(self, contender: Contender, do: Callable[[], None]) -> None:
        """Has a contender do something; one that cannot is out, and all where the device takes no more kernels."""
        if self.lost:
            self.steps.pop(contender.label, None)
            return
        try:
            do()
        except Exception as error:
            self.notes.append(f"{self.work.name}: {contender.label} failed: {sentence(error)[:500]}")
            self.steps.pop(contender.label, None)
            self.times[contender.label].clear()
            self.lost = is_lost()

    def timing(self, contender: Contender) -> Timing:
        """A contender's times."""
        least = None if self.work.host else self.clock.copied if contender.library == STREAMING else self.least
        return Timing(contender.label, contender.library, tuple(self.times[contender.label]), least)


def cycle_of(steps: Any) -> Iterator[Step]:
    """Steps in turn, for ever; of those that go on by themselves none is kept."""
    return cycle(steps) if isinstance(steps, list) else iter(steps)
