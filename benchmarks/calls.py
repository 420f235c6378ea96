"""What a call costs beside its work: on tiny arrays, and the first of a process."""

import importlib.util
import os
import statistics
import subprocess
import sys
import tempfile
import timeit
from pathlib import Path

import numpy as np

CALLS, REPEATS, PROCESSES = 2_000, 15, 7

EMPTY = "import numba\n@numba.njit('void(float32[::1])', cache=True, nogil=True)\ndef empty(array):\n    pass\n"
RUN_EMPTY = (
    "import numpy as np, time\nstart = time.perf_counter()\nimport {module}\n{module}.empty(np.ones(1, np.float32))\n"
)
FIRST = """
import numpy as np, time
start = time.perf_counter()
import fusedstep as fs
states = [np.ones((8, 4), np.float32) for _ in range(3)]
scalars = (0.9, 0.999, 0.001, 0.9, 0.999, 1e-8)
fs.ops.{operator}()(*states, *scalars, np.ones((2, 4), np.float32), np.array([1, 1]))
"""
PRINT = "print(time.perf_counter() - start)\n"


def tiny() -> dict[str, float]:
    """Microseconds a call of FusedSparseLazyAdam on a table of 8 x 4."""
    import fusedstep as fs

    step = fs.ops.FusedSparseLazyAdam()
    arrays = [np.ones((8, 4), np.float32) for _ in range(3)] + [np.ones((2, 4), np.float32), np.array([1, 5])]
    found = {"numpy": per_call(step, arrays)}
    if importlib.util.find_spec("torch"):
        import torch

        found["torch"] = per_call(step, [torch.from_numpy(array) for array in arrays])
    return found


def per_call(step: object, arrays: list[object]) -> float:
    names = {"step": step, "a": arrays, "s": (0.9, 0.999, 0.001, 0.9, 0.999, 1e-8)}
    timer = timeit.Timer("step(a[0], a[1], a[2], *s, a[3], a[4])", globals=names)
    timer.timeit(200)
    return statistics.median(timer.repeat(REPEATS, CALLS)) / CALLS * 1e6


def first_calls() -> dict[str, float]:
    """Seconds from importing to the end of the first call, in a fresh process whose kernels are cached."""
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "empty_kernel.py").write_text(EMPTY)
        programs = {"an empty cached kernel": RUN_EMPTY.format(module="empty_kernel")}
        programs |= {name: FIRST.format(operator=name) for name in ("FusedSparseLazyAdam", "FusedSparseAdam")}
        times: dict[str, list[float]] = {name: [] for name in programs}
        for _ in range(PROCESSES + 1):
            for name, program in programs.items():
                environment = {**os.environ, "PYTHONPATH": folder}
                done = subprocess.run(
                    [sys.executable, "-c", program + PRINT], env=environment, capture_output=True, text=True, check=True
                )
                times[name].append(float(done.stdout))
    return {name: statistics.median(seconds[1:]) for name, seconds in times.items()}


def report() -> dict[str, dict[str, float]]:
    """Prints, and returns, both."""
    calls, firsts = tiny(), first_calls()
    print("\nA call on tiny arrays")
    for name, microseconds in calls.items():
        print(f"  {name:<24} {microseconds:8.1f} us")
    print("\nFirst call in a process, imports included, kernels cached")
    for name, seconds in firsts.items():
        print(f"  {name:<24} {seconds:8.3f} s")
    return {"tiny": calls, "first": firsts}


if __name__ == "__main__":
    report()
