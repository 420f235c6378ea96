"""The history of pending steps on a device: each step appends its numbers there, and nothing else is sent.

The host counts the steps, until a scalar is on the device: from then on the device counts them, as a graph needs it.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from ...arrays.devices import library_of, on_device
from ...codegen.gpu import build
from ...codegen.gpu.weave_history import DUE, PENDING, RECORD, STEP
from ...codegen.rule.closed_form import closed_program
from .. import history
from ..history import NEGLIGIBLE, TOLERANCE, History
from .launch_kernel import launch_kernel

# The steps since which rows may be pending that a program of the appending kernel updates.
BLOCK = 128
# The rows that a program forgets at once, and the most programs: about as many as a large device runs at once.
BLOCK_OF_ROWS, PROGRAMS = 1024, 1024


class Room(NamedTuple):
    """The arrays of a history, which never move.

    Attributes:
        numbers: the numbers of each step, one step after another.
        totals: the totals since each step, in float64, one row per total.
        kept: the numbers of the closed form since each step, one row per number.
        settled: the same for rows that have replayed a whole window.
        record: where the device counts, the number of steps, the window, and whether there is a closed form; see
            ``codegen/gpu/weave_history.py``.
        fixed: there, the scalars that must not change while rows are pending.
        step_scalars, step_numbers: there, the scalars and the numbers of the step that has begun.
    """

    numbers: Any
    totals: Any
    kept: Any
    settled: Any
    record: Any
    fixed: Any
    step_scalars: Any
    step_numbers: Any


class DeviceHistory(History):
    """A history whose numbers and totals are on a device.

    Attributes:
        room: the arrays; None before the first step.
        counted_there: whether the device counts the steps; else the host knows how many there are, the window, and what
            stays constant.
        is_loaded: whether this process has taken a step, so that the kernels of steps are compiled and loaded.
    """

    room: Room | None = None
    counted_there = is_loaded = False

    def __getstate__(self) -> dict[str, Any]:
        return {**super().__getstate__(), "is_loaded": False, "is_captured": False}

    @property
    def is_repeatable(self) -> bool:
        """Whether a graph may repeat the next step: the device has counted one."""
        return self.counted_there and self.is_loaded

    @property
    def is_empty(self) -> bool:
        """Whether no steps are pending, as far as the host knows."""
        return self.room is None or (not self.counted_there and super().is_empty)

    def allows(self, scalars: Mapping[str, Any]) -> bool:
        """Return whether a step is possible while rows are pending. Where the device counts, it sees to that itself."""
        if self.counted_there:
            return True
        return super().is_empty if any(map(on_device, scalars.values())) else super().allows(scalars)

    def begin(self, scalars: Mapping[str, Any]) -> None:  # type: ignore[override]
        """Note what a step determines; what it changes on the device is launched with the step."""
        if not (self.counted_there or any(map(on_device, scalars.values()))):
            self.admit(scalars)

    def end(self, totals: None) -> None:  # type: ignore[override]
        """Record a step that was appended."""
        self.is_loaded = True
        if not self.counted_there:
            self.steps += 1

    def forget_rows(self, last_steps: Any, due: bool = False) -> None:
        """Forget the steps of all rows, which have taken them; with ``due`` if the step that has begun needs it.

        What may be pending is then as the step says.
        """
        self.forget()
        library, record = library_of(last_steps), self.arrays_there().record
        if self.counted_there:
            rows = (record[STEP], record[PENDING], record[DUE]) if due else (None, record[PENDING], None)
            blocks = -(-last_steps.shape[0] // BLOCK_OF_ROWS)
            arguments = [last_steps, last_steps.shape[0], *rows]
            launch_kernel(library, build.forget(), min(max(1, blocks), PROGRAMS), arguments, BLOCK=BLOCK_OF_ROWS)
        else:
            last_steps[...] = 0

    def arrays_there(self) -> Room:
        """The arrays, which a step has allocated."""
        assert self.room is not None
        return self.room

    def arrays(self, operator: Any, like: Any) -> Room:
        """The arrays, on the device of ``like``; allocated at the first call."""
        if self.room is None:
            library, limit, count, fixed = library_of(like), history.LIMIT, 1, 1
            if self.closed_form:
                closed = closed_program(self.closed_form, operator.spec.program, operator.spec.switches)
                count = len(closed.hoisted) or 1
                fixed = len(self.closed_form.constant) or 1
            limit_of_totals = limit if self.closed_form else 1
            numbers = max(1, self.numbers.shape[1])
            self.room = Room(
                library.empty((limit, numbers), self.compute, like),
                library.empty((max(1, len(self.starts)), limit_of_totals), "float64", like),
                library.empty((count, limit_of_totals), self.compute, like),
                library.empty((count, limit_of_totals), self.compute, like),
                library.full((DUE + 1, RECORD), 0, "int32", like),
                library.empty((fixed,), "float64", like),
                library.empty((max(1, len(operator.signature.scalars)),), "float64", like),
                library.empty((numbers,), self.compute, like),
            )
        return self.room

    def pending(self, operator: Any, like: Any, last_steps: Any, row: int) -> list[Any]:
        """The arguments of kernels for the pending steps; where the device counts, those of a row of the record."""
        room = self.arrays(operator, like)
        arrays = [room.numbers, room.kept, room.settled, room.kept.shape[1], last_steps]
        return [*arrays, room.record[row]] if self.counted_there else [*arrays, *self._counted]

    def begin_there(self, operator: Any, like: Any, scalars: Sequence[Any], programs: int = 1) -> None:
        """Launch the kernel that begins a step; a second launch changes nothing. Without programs it is only loaded."""
        room, closed_form, compute = self.arrays(operator, like), self.closed_form, self.compute
        there, negligible = tuple(map(on_device, scalars)), math.log(NEGLIGIBLE[compute])
        known = operator.spec, closed_form, compute, negligible, there
        kernel = operator.build_once(("begin", closed_form, compute, there), lambda: build.begin_for(*known))
        arrays = [room.record, room.fixed, room.step_scalars, room.step_numbers]
        launch_kernel(library_of(like), kernel, programs, [*arrays, *scalars], LIMIT=history.LIMIT)

    def append(
        self, operator: Any, like: Any, numbers: Sequence[float], scalars: Sequence[Any], most: int | None = None
    ) -> None:
        """Launch the kernel that appends a step, in at most so many programs: with 0 it is only loaded."""
        room, closed_form, compute = self.arrays(operator, like), self.closed_form, self.compute
        known = operator.spec, closed_form, compute, TOLERANCE[compute], self.counted_there
        kernel = operator.build_once(
            ("append", closed_form, compute, self.counted_there), lambda: build.append_for(*known)
        )
        if self.counted_there:
            arguments, programs = [*room, room.kept.shape[1]], -(-history.LIMIT // BLOCK)
        else:
            record = [room.kept.shape[1], *self._counted]
            arguments = [*room[: Room._fields.index("record")], *record, *numbers, *scalars, *map(float, self.held)]
            programs = self.steps // BLOCK + 1 if self.closed else 1
        programs = programs if most is None else min(programs, most)
        launch_kernel(library_of(like), kernel, programs, arguments, BLOCK=BLOCK)

    @property
    def _counted(self) -> list[int]:
        """What the host counts, as kernels take it."""
        return [self.steps, self.window, int(self.closed)]
