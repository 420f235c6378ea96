"""Times the operators on a GPU beside PyTorch's optimizers, and beside the bandwidth of its memory.

    python benchmarks/gpu.py                some minutes; the result is kept in benchmarks/results/
    python benchmarks/gpu.py --interpret    tiny sizes in Triton's interpreter, to see that all works

Contenders take one step each in turn. Before each, more memory than the GPU's cache holds is overwritten. They share
one table and its states: what is in them changes no time.
"""

import argparse
import math
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

from fusedstep.bench import results
from fusedstep.cli import machine
from fusedstep.cli.extras import MissingExtraError, require
from fusedstep.cli.options import folder_to_write, thread_count
from fusedstep.cli.progress import progress

Tell = Callable[[str, int], None]
KEPT = Path(__file__).parent / "results"
ROWS, WIDTH, BATCH, ROUNDS = 1 << 24, 64, 1 << 18, 20
TINY = {"rows": 40, "width": 4, "batch": 12, "rounds": 2}
INTERPRETER = "Triton's interpreter"
NOT_BELIEVED = "Interpreted on the CPU: this shows that all works, and no time in it means anything."
TIMED = "Timed by the GPU's own events; before each step more memory than its cache holds is overwritten."
OTHERS = "In deferred-adam and rowwise-adagrad, torch's SparseAdam is Adam of the touched rows, for comparison."


def arguments() -> argparse.Namespace:
    """What was asked for."""
    parser = argparse.ArgumentParser(description="Times the operators on a GPU beside PyTorch's optimizers.")
    add = parser.add_argument
    add("works", nargs="*", metavar="WORK", help="what to measure (default: everything)")
    add("--rows", type=thread_count, default=ROWS, help="rows of the table (default: %(default)s, or what fits)")
    add("--width", type=thread_count, default=WIDTH, help="float32 elements in a row (default: %(default)s)")
    add("--batch", type=thread_count, default=BATCH, help="rows of a sparse gradient (default: %(default)s)")
    add("--rounds", type=thread_count, default=ROUNDS, help="times that each is timed (default: %(default)s)")
    add("--results", type=folder_to_write, metavar="FOLDER", help=f"where to keep the result (default: {KEPT})")
    add("--interpret", action="store_true", help="tiny sizes on the CPU, in Triton's interpreter; keeps none unasked")
    options = parser.parse_args()
    if options.interpret:
        vars(options).update(TINY)
    return options


def interpreted() -> str:
    """Makes Triton interpret, and takes the CPU for a device."""
    import numpy as np

    from fusedstep.arrays import torch_device
    from fusedstep.bench.gpu import interpreter

    interpreter.mend()
    torch_device.DEVICES.add("cpu")
    # The interpreter is NumPy, which warns of what devices say nothing about.
    np.seterr(all="ignore")
    return "cpu"


def described(device: str) -> dict[str, Any]:
    """The machine and the versions, those of the GPU among them."""
    import torch

    found = machine.description()
    of_gpu: dict[str, Any] = {"gpu": INTERPRETER}
    if device == "cuda":
        properties = torch.cuda.get_device_properties(device)
        of_gpu = {"gpu": properties.name, "gpu_memory_gb": round(properties.total_memory / 1e9, 1)}
    platforms = {"cuda": torch.version.cuda, "hip": torch.version.hip, "driver": driver()}
    versions = found["versions"] | {"torch": torch.__version__, "triton": machine.version("triton")} | platforms
    return {"machine": found["machine"] | of_gpu, "versions": versions}


def driver() -> str | None:
    """The version of the GPU's driver, as far as the system says."""
    tool, module = shutil.which("nvidia-smi"), Path("/sys/module/amdgpu/version")
    if tool is None:
        return module.read_text(encoding="utf-8").strip() if module.exists() else None
    asked = [tool, "--query-gpu=driver_version", "--format=csv,noheader"]
    told = subprocess.run(asked, capture_output=True, text=True, check=False)
    return told.stdout.partition("\n")[0].strip() or None


def begun(options: argparse.Namespace, device: str) -> results.Report:
    """The report before anything is measured."""
    rows = rows_that_fit(options, device)
    notes = [NOT_BELIEVED if options.interpret else TIMED, OTHERS]
    notes += [f"The table has {rows:,} rows: {options.rows:,} do not fit."] * (rows < options.rows)
    known, today = described(device), date.today().isoformat()
    return results.Report(
        known["machine"], known["versions"], today, 0, options.rounds, (), tuple(notes), options.interpret
    )


def rows_that_fit(options: argparse.Namespace, device: str) -> int:
    """The rows of the table: as many as were asked for, or as fit."""
    import torch

    from fusedstep.bench.gpu.tables import fitting

    free = torch.cuda.mem_get_info()[0] if device == "cuda" else sys.maxsize
    return fitting(options.rows, options.width, options.batch, free)


def measured(options: argparse.Namespace, device: str, tell: Tell, end: float = math.inf) -> Iterator[results.Report]:
    """The report after each of the works that were asked for, or after a part of one.

    Raises:
        DeviceLostError: after the report of the work in which the device was lost.
    """
    import torch

    from fusedstep.bench.gpu.lost import DeviceLostError
    from fusedstep.bench.gpu.race import Clock, Race
    from fusedstep.bench.gpu.tables import LARGE

    report, rows = begun(options, device), rows_that_fit(options, device)
    clock = Clock(device, 1 << 10 if options.interpret else LARGE)
    for each in chosen(options.works):
        race, before = Race(each, each.size(rows, options.width, options.batch), clock), report
        for found in race.run(options.rounds, tell, end):
            report = replace(report, results=(*before.results, found), notes=(*before.notes, *race.notes))
            yield report
        if race.lost:
            raise DeviceLostError(f"the GPU takes no more kernels after {each.name}")
        if time.monotonic() >= end:
            return
        del race
        if device == "cuda":
            torch.cuda.empty_cache()


def chosen(names: list[str]) -> list[Any]:
    """The works of some names; all of them where none is named."""
    from fusedstep.bench.gpu.works import WORKS

    return [each for each in WORKS if not names or each.name in names]


def unknown(names: list[str]) -> str:
    """That some names are no works, in words; "" where all are."""
    from fusedstep.bench.gpu.works import WORKS

    known = [each.name for each in WORKS]
    wrong = [name for name in names if name not in known]
    return f"{', '.join(wrong)}: no work; expected some of {', '.join(known)}" if wrong else ""


def refused(sentence: str) -> int:
    """Says why nothing is measured."""
    print(f"gpu.py: {sentence}", file=sys.stderr)
    return 2


def main() -> int:
    options = arguments()
    # Read when Triton is imported.
    os.environ["TRITON_INTERPRET"] = str(int(options.interpret))
    try:
        require("benchmarks/gpu.py", "bench,gpu", {"rich": "rich", "torch": "torch", "triton": "triton"})
    except MissingExtraError as error:
        return refused(str(error))
    import torch
    from rich.console import Console

    from fusedstep.bench import summary
    from fusedstep.bench.gpu.lost import DeviceLostError

    if not options.interpret and not torch.cuda.is_available():
        return refused("PyTorch finds no GPU on this machine; --interpret runs tiny sizes in Triton's interpreter")
    wrong = unknown(options.works)
    if wrong:
        return refused(wrong)
    console = Console(highlight=False)
    if options.interpret:
        console.print(NOT_BELIEVED)
    steps = options.rounds * sum(len(each.contenders) + (not each.host) for each in chosen(options.works))
    device = interpreted() if options.interpret else "cuda"
    report = begun(options, device)
    with progress(steps) as tell, suppress(DeviceLostError):
        for latest in measured(options, device, tell):
            report = latest
    console.print(summary.introduction(report))
    for each in summary.tables(report):
        console.print(each)
    console.print(summary.notes(report, []), soft_wrap=False)
    if options.results or not options.interpret:
        console.print(f"Kept: {results.save(report, options.results or KEPT)}", soft_wrap=True)
    whole = len(report.results) == len(chosen(options.works))
    return 0 if whole and all(result.timings[0].seconds for result in report.results) else 1


if __name__ == "__main__":
    sys.exit(main())
