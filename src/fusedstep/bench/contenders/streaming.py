"""The machine itself: a bare loop over as many arrays as a work must move, and nothing computed."""

from functools import partial

import numpy as np
from numba import __version__, njit

from fusedstep.operators import threads
from fusedstep.operators.launch import parts

from .steps import Step
from .tables import Size

VERSION = __version__
begin = threads.set_num_threads
array = "float32[::1]"


@njit(f"void({array}, {array})", nogil=True, fastmath=True)
def read(a: np.ndarray, total: np.ndarray) -> None:
    found = np.float32(0)
    for i in range(a.size):
        found += a[i]
    total[0] = found


@njit(f"void({array})", nogil=True)
def change_one(a: np.ndarray) -> None:
    for i in range(a.size):
        a[i] += np.float32(1)


@njit(f"void({array}, {array})", nogil=True)
def change_two(a: np.ndarray, b: np.ndarray) -> None:
    for i in range(a.size):
        a[i] += np.float32(1)
        b[i] += np.float32(1)


@njit(f"void({array}, {array}, {array})", nogil=True)
def change_three(a: np.ndarray, b: np.ndarray, c: np.ndarray) -> None:
    for i in range(a.size):
        a[i] += np.float32(1)
        b[i] += np.float32(1)
        c[i] += np.float32(1)


CHANGE = {1: change_one, 2: change_two, 3: change_three}


def stream(size: Size, states: int, changed: int, read_only: int) -> list[Step]:
    """So many arrays changed, each of ``changed`` bytes, and ``read_only`` bytes read."""
    arrays = [np.ones(changed // 4, np.float32) for _ in range(states)]
    beside = np.ones(read_only // 4, np.float32)
    count = threads.get_num_threads()
    shares = [
        partial(CHANGE[states], *(each[low:high] for each in arrays)) for low, high in parts(changed // 4, 1, count)
    ]
    shares += [partial(read, beside[low:high], np.empty(1, np.float32)) for low, high in parts(beside.size, 1, count)]
    return [Step(partial(threads.run, shares, count))]
