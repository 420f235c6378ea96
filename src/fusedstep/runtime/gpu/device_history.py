"""The history of pending steps on a device: each step appends its numbers there, and nothing else is sent."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from ...arrays.devices import library_of
from ...codegen.gpu.build import append_for
from ...codegen.rule.closed_form import closed_program
from .. import history
from ..history import TOLERANCE, History
from .launch_kernel import launch_kernel

# The steps since which rows may be pending that a program of the appending kernel updates.
BLOCK = 128


class Room(NamedTuple):
    """The arrays of a history, which never move.

    Attributes:
        numbers: the numbers of each step, one step after another.
        totals: the totals since each step, in float64, one row per total.
        kept: the numbers of the closed form since each step, one row per number.
        settled: the same for rows that have replayed a whole window.
    """

    numbers: Any
    totals: Any
    kept: Any
    settled: Any


class DeviceHistory(History):
    """A history whose numbers and totals are on a device.

    The host knows how many steps there are, the window, and what stays constant.

    Attributes:
        room: the arrays; None before the first step.
    """

    room: Room | None = None

    def begin(self, scalars: Mapping[str, float]) -> None:  # type: ignore[override]
        """Note what a step determines; what it changes on the device is launched with the step."""
        self.admit(scalars)

    def end(self, totals: None) -> None:  # type: ignore[override]
        """Record a step that was appended."""
        self.steps += 1

    def arrays(self, operator: Any, like: Any) -> Room:
        """The arrays, on the device of ``like``; allocated at the first call."""
        if self.room is None:
            library, limit, count = library_of(like), history.LIMIT, 1
            if self.closed_form:
                count = (
                    len(closed_program(self.closed_form, operator.spec.program, operator.spec.switches).hoisted) or 1
                )
            limit_of_totals = limit if self.closed_form else 1
            self.room = Room(
                library.empty((limit, max(1, self.numbers.shape[1])), self.compute, like),
                library.empty((max(1, len(self.starts)), limit_of_totals), "float64", like),
                library.empty((count, limit_of_totals), self.compute, like),
                library.empty((count, limit_of_totals), self.compute, like),
            )
        return self.room

    def pending(self, operator: Any, like: Any, last_steps: Any) -> list[Any]:
        """The arguments of kernels for the pending steps."""
        room = self.arrays(operator, like)
        arrays = [room.numbers, room.kept, room.settled, room.kept.shape[1], last_steps]
        return [*arrays, self.steps, self.window, int(self.closed)]

    def append(self, operator: Any, like: Any, numbers: list[float], scalars: list[float]) -> None:
        """Launch the kernel that appends a step."""
        room = self.arrays(operator, like)
        closed_form, compute = self.closed_form, self.compute
        key = ("append", closed_form, compute)
        kernel = operator.build_once(key, lambda: append_for(operator.spec, closed_form, compute, TOLERANCE[compute]))
        record = [room.kept.shape[1], self.steps, self.window, int(self.closed)]
        programs = self.steps // BLOCK + 1 if self.closed else 1
        arguments = [*room, *record, *numbers, *scalars, *map(float, self.held)]
        launch_kernel(library_of(like), kernel, programs, arguments, BLOCK=BLOCK)
