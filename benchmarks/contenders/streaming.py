"""The machine itself: a bare loop over as many arrays as the work must move, and nothing computed."""

from collections.abc import Callable
from functools import partial

import numpy as np
import work
from numba import njit

from fusedstep.operators.launch import parts
from fusedstep.operators.threads import run

arrays = "float32[::1], float32[::1], float32[::1]"


@njit(f"void({arrays})", nogil=True)
def three_changed(a: np.ndarray, b: np.ndarray, c: np.ndarray) -> None:
    for i in range(a.size):
        a[i] += np.float32(1)
        b[i] += np.float32(1)
        c[i] += np.float32(1)


@njit(f"void({arrays})", nogil=True)
def two_changed_one_read(a: np.ndarray, b: np.ndarray, c: np.ndarray) -> None:
    for i in range(a.size):
        a[i] += c[i]
        b[i] += c[i]


def stream(loop: Callable[..., None]) -> list[Callable[[], None]]:
    flat = [work.table(seed).reshape(-1) for seed in range(3)]
    cuts = parts(flat[0].size, 1, work.THREADS)
    shares = [partial(loop, *(array[low:high] for array in flat)) for low, high in cuts]
    return [partial(run, shares, work.THREADS)]


WORKS = {
    "FusedSparseAdam": partial(stream, three_changed),
    "ApplyProximalAdagrad": partial(stream, two_changed_one_read),
}
