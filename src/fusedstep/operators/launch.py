"""Runs a kernel over its rows: which thread takes which."""

from collections.abc import Callable, Sequence
from functools import partial
from itertools import pairwise

import numpy as np

from ..arrays.layout import Rows
from ..codegen.kernels import survey
from ..loops.cpu.grouping import SPREAD
from .threads import get_num_threads, run

# Below this many elements to a thread, handing work over costs more than it saves.
ELEMENTS_PER_THREAD = 400_000
BLOCKS = 256

Run = Callable[..., None]


def threads_for(elements: int) -> int:
    """How many threads pay for so many elements."""
    return max(1, min(get_num_threads(), elements // ELEMENTS_PER_THREAD))


def launch_dense(kernel: Run, states: Sequence[Rows], gradient: np.ndarray, scalars: Sequence[float]) -> None:
    """Every row takes the step with its own row of the gradient."""
    _, rows, width, _ = states[0]
    arrays = [*(state.flat for state in states), *(state.pitch for state in states), gradient]
    threads = threads_for(rows * width)
    if threads == 1:
        kernel(*arrays, 0, rows, width, *scalars)
        return
    cuts = [rows * share // threads for share in range(threads + 1)]
    run([partial(kernel, *arrays, low, high, width, *scalars) for low, high in pairwise(cuts)])


def launch_touched_rows(
    kernel: Run, states: Sequence[Rows], gradient: np.ndarray, indices: np.ndarray, scalars: Sequence[float]
) -> None:
    """The named rows take the step. Threads share rows out by a hash, which scatters neighbours that are in demand."""
    width = states[0].width
    arrays = [*(state.flat for state in states), *(state.pitch for state in states), gradient, indices, width]
    cuts = balanced_cuts(indices, SPREAD, 32, 2**32, 0.0, threads_for(indices.size * width))
    run([partial(kernel, *arrays, SPREAD, 32, low, high, *scalars) for low, high in pairwise(cuts)])


def launch_every_row(
    kernel: Run, states: Sequence[Rows], gradient: np.ndarray, indices: np.ndarray, scalars: Sequence[float]
) -> None:
    """The named rows take the step with their sums, all others with a zero gradient."""
    _, rows, width, _ = states[0]
    arrays = [*(state.flat for state in states), *(state.pitch for state in states), gradient, indices, width]
    # Streaming a row costs about twice what adding up one gradient costs.
    cuts = balanced_cuts(indices, 1, 0, rows, 2.0, threads_for(rows * width))
    run([partial(kernel, *arrays, low, high, *scalars) for low, high in pairwise(cuts)])


def balanced_cuts(
    indices: np.ndarray, multiplier: int, shift: int, places: int, place_cost: float, threads: int
) -> list[int]:
    """Where to cut a range of places so that every thread has the same work.

    Args:
        indices: the rows named; each costs 1.
        multiplier, shift: how ``place_of`` orders rows.
        places: the end of the range.
        place_cost: what a place costs that nobody names.
        threads: into how many parts.
    """
    if threads == 1:
        return [0, places]
    coarse = max(0, (places - 1).bit_length() - BLOCKS.bit_length() + 1)
    counts = np.zeros(BLOCKS, np.int64)
    survey().count_blocks(indices, multiplier, shift + coarse, counts)
    edges = np.minimum(np.arange(BLOCKS + 1) << coarse, places)
    costs = np.concatenate(([0.0], np.cumsum(counts + place_cost * np.diff(edges))))
    goals = costs[-1] * np.arange(1, threads) / threads
    nearest = np.searchsorted((costs[1:] + costs[:-1]) / 2, goals)
    return [0, *(int(edges[block]) for block in nearest), places]
