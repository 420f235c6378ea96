"""Measures works on a device, and describes it."""

import math
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path
from typing import Any

from fusedstep.bench.race import Advance, Pace, Race
from fusedstep.bench.results import Report
from fusedstep.cli import machine

from .lost import DeviceLostError

# Steps that are not counted: torch.compile compiles again for batches of other sizes.
WARM_UP = 3
# In the interpreter nothing stays in a cache.
SMALL = 1 << 10
INTERPRETER = "Triton's interpreter"
NOT_TIMED = "Interpreted on the CPU: this shows that everything runs; its times mean nothing."
TIMED = "Timed by the GPU's events; before each step more memory than its cache holds is overwritten."
OTHERS = "In deferred-adam and rowwise-adagrad, torch's SparseAdam is Adam of the touched rows, for comparison."


@dataclass(frozen=True)
class Settings:
    """What is measured, and where.

    Attributes:
        works: the names of the works; empty for all.
        rows, width, batch: the size of the table and of a sparse gradient.
        rounds: the number of times that each contender is timed.
        interpret: whether Triton's interpreter takes the place of a device.
    """

    works: Sequence[str] = field(default_factory=tuple)
    rows: int = 1 << 24
    width: int = 64
    batch: int = 1 << 18
    rounds: int = 20
    interpret: bool = False

    @property
    def device(self) -> str:
        """The device, as PyTorch names it."""
        return "cpu" if self.interpret else "cuda"


FULL = Settings()
TINY = Settings(rows=40, width=4, batch=12, rounds=2, interpret=True)


def choose_interpreter(interpret: bool) -> None:
    """Choose Triton's interpreter or a device; Triton reads the choice when it is imported."""
    os.environ["TRITON_INTERPRET"] = str(int(interpret))


def prepare(settings: Settings) -> None:
    """Let the interpreter, if it is chosen, take the CPU for a device."""
    if not settings.interpret:
        return
    import numpy as np

    from fusedstep.arrays import torch_device

    from . import interpreter

    interpreter.mend()
    torch_device.DEVICES.add("cpu")
    # The interpreter uses NumPy, which warns where devices do not.
    np.seterr(all="ignore")


def described(device: str) -> dict[str, Any]:
    """The machine with its GPU, and all versions."""
    import torch

    found = machine.description()
    gpu: dict[str, Any] = {"gpu": INTERPRETER}
    if device == "cuda":
        properties = torch.cuda.get_device_properties(device)
        gpu = {"gpu": properties.name, "gpu_memory_gb": round(properties.total_memory / 1e9, 1)}
    platforms = {"cuda": torch.version.cuda, "hip": torch.version.hip, "driver": driver()}
    versions = found["versions"] | {"torch": torch.__version__, "triton": machine.version("triton")} | platforms
    return {"machine": found["machine"] | gpu, "versions": versions}


def driver() -> str | None:
    """The version of the GPU's driver, if the system reports it."""
    tool, module = shutil.which("nvidia-smi"), Path("/sys/module/amdgpu/version")
    if tool is None:
        return module.read_text(encoding="utf-8").strip() if module.exists() else None
    query = [tool, "--query-gpu=driver_version", "--format=csv,noheader"]
    answer = subprocess.run(query, capture_output=True, text=True, check=False)
    return answer.stdout.partition("\n")[0].strip() or None


def rows_that_fit(settings: Settings) -> int:
    """The rows of the table: the chosen number, or as many as fit."""
    import torch

    from .tables import fitting

    free = sys.maxsize if settings.interpret else torch.cuda.mem_get_info()[0]
    return fitting(settings.rows, settings.width, settings.batch, free)


def chosen(settings: Settings) -> list[Any]:
    """The works to measure."""
    from .works import works

    found = works(rows_that_fit(settings), settings.width, settings.batch)
    return [each for each in found if not settings.works or each.name in settings.works]


def empty_report(settings: Settings) -> Report:
    """The report before anything is measured."""
    rows = rows_that_fit(settings)
    notes = [NOT_TIMED if settings.interpret else TIMED, OTHERS]
    notes += [f"The table has {rows:,} rows: {settings.rows:,} do not fit."] * (rows < settings.rows)
    known, today = described(settings.device), date.today().isoformat()
    return Report(known["machine"], known["versions"], today, 0, settings.rounds, (), tuple(notes), settings.interpret)


def measured(settings: Settings, advance: Advance, end: float = math.inf) -> Iterator[Report]:
    """Measure all works until time is up; yield the report after each work, or part of one.

    Raises:
        DeviceLostError: after the report of the work in which the device was lost.
    """
    from .device import Device
    from .tables import LARGE

    report = empty_report(settings)
    device = Device(settings.device, SMALL if settings.interpret else LARGE)
    pace = Pace(settings.rounds, warm_up=WARM_UP, end=end)
    for work in chosen(settings):
        limit = [] if work.host else [device.copying()]
        race, before = Race(work, [*work.contenders, *limit], device, pace, advance), report
        for result in race.run():
            report = replace(report, results=(*before.results, result), notes=(*before.notes, *race.notes))
            yield report
        device.forget()
        if device.lost:
            raise DeviceLostError(f"the GPU takes no more kernels after {work.name}")
        if time.monotonic() >= end:
            return
