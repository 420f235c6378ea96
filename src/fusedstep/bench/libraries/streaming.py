"""The limit of the machine: a bare loop over as many bytes as a work must move."""

from functools import partial

import numpy as np
from numba import __version__, njit

from fusedstep.runtime.cpu import threads
from fusedstep.runtime.cpu.parts import parts

from .data import Size
from .steps import Step

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


@njit(f"void({array}, {array})", nogil=True)
def add_to_one(g: np.ndarray, a: np.ndarray) -> None:
    for i in range(a.size):
        a[i] += g[i]


@njit(f"void({array}, {array}, {array})", nogil=True)
def add_to_two(g: np.ndarray, a: np.ndarray, b: np.ndarray) -> None:
    for i in range(a.size):
        a[i] += g[i]
        b[i] += g[i]


@njit(f"void({array}, {array}, {array}, {array})", nogil=True)
def add_to_three(g: np.ndarray, a: np.ndarray, b: np.ndarray, c: np.ndarray) -> None:
    for i in range(a.size):
        a[i] += g[i]
        b[i] += g[i]
        c[i] += g[i]


CHANGE = {1: change_one, 2: change_two, 3: change_three}
ADD = {1: add_to_one, 2: add_to_two, 3: add_to_three}


def stream(size: Size, states: int, changed: int, read_only: int) -> list[Step]:
    """Change ``states`` arrays of ``changed`` bytes each, and read ``read_only`` bytes."""
    arrays = [np.ones(changed // 4, np.float32) for _ in range(states)]
    beside = np.ones(read_only // 4, np.float32)
    count = threads.get_num_threads()
    # Both are walked together as far as both reach, as a gradient is with its rows.
    both = min(changed, read_only) // 4
    parts_of_all = [
        partial(ADD[states], beside[low:high], *(each[low:high] for each in arrays))
        for low, high in parts(both, 1, count)
    ]
    longer = [each[both:] for each in arrays]
    parts_of_all += [
        partial(CHANGE[states], *(each[low:high] for each in longer)) for low, high in parts(longer[0].size, 1, count)
    ]
    rest = beside[both:]
    parts_of_all += [partial(read, rest[low:high], np.empty(1, np.float32)) for low, high in parts(rest.size, 1, count)]
    return [Step(partial(threads.run, [part for part in parts_of_all if part.args[0].size], count))]
