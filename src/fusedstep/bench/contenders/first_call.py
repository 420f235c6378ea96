"""Fresh processes that import and make one call, their kernels cached; the process is timed from start to end."""

import subprocess
import sys
from functools import partial
from pathlib import Path

import fusedstep as fs

from .steps import Step
from .tables import Size

VERSION = fs.__version__

EMPTY = """
import numba
@numba.njit("void(float32[::1])", cache=True, nogil=True)
def empty(array):
    pass
"""
RUN_EMPTY = "import numpy as np, empty_kernel; empty_kernel.empty(np.ones(1, np.float32))"
CALL = """
import numpy as np, fusedstep as fs
states = [np.ones((8, 4), np.float32) for _ in range(3)]
scalars = (0.9, 0.999, 0.001, 0.9, 0.999, 1e-8)
fs.ops.{operator}()(*states, *scalars, np.ones((2, 4), np.float32), np.array([1, 1]))
"""


def begin(threads: int) -> None:
    # The worker's folder is its own, and goes with it.
    Path("empty_kernel.py").write_text(EMPTY, encoding="utf-8")


def process(program: str) -> list[Step]:
    return [Step(partial(subprocess.run, [sys.executable, "-c", program], check=True, stdout=subprocess.DEVNULL))]


def operator(size: Size, name: str) -> list[Step]:
    """A call of an operator on a table of 8 x 4."""
    return process(CALL.format(operator=name))


def empty(size: Size) -> list[Step]:
    """Numba alone: a cached kernel that does nothing."""
    return process(RUN_EMPTY)
