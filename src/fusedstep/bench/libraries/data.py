"""The data of a work, equal for every contender."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

SEED = 20_261
# Tables repeat after so many numbers; no row width divides it, so that rows differ.
PERIOD = 65_537
GRADIENTS = 6


@dataclass(frozen=True)
class Size:
    """How large a work is.

    Attributes:
        rows: rows of a table.
        width: elements in a row.
        batch: rows of a sparse gradient, or bags in a batch.
        law: the distribution of a batch's rows: "zipf", Zipf's law with exponent 1.2, scattered over the table, or
            "uniform".
        batches: the number of batches that are drawn; steps use them in turn.
        tables: the number of tables.
        ids: the number of ids in a bag.
    """

    rows: int
    width: int
    batch: int = 0
    law: str = "zipf"
    batches: int = GRADIENTS
    tables: int = 1
    ids: int = 1


def table(size: Size, seed: int) -> np.ndarray:
    """A table of weights or states, positive."""
    some = np.random.default_rng(seed).random(PERIOD, dtype=np.float32)
    return np.resize(some, (size.rows, size.width))


def rows_by_law(size: Size) -> Callable[[int], np.ndarray]:
    """A function that draws so many rows, int32."""
    random = np.random.default_rng(SEED)
    if size.law == "uniform":
        return lambda count: random.integers(0, size.rows, count, dtype=np.int32)
    chances = np.cumsum(np.arange(1, size.rows + 1) ** -1.2)
    scattered = random.permutation(size.rows).astype(np.int32)
    return lambda count: scattered[np.searchsorted(chances, random.random(count) * chances[-1])]


@lru_cache(maxsize=1)
def indices(size: Size) -> list[np.ndarray]:
    """The indices of each batch, int32."""
    draw = rows_by_law(size)
    return [draw(size.batch) for _ in range(size.batches)]


def bags(size: Size) -> list[list[np.ndarray]]:
    """The ids of each table in each batch, int64: those of a bag stand together."""
    draw = rows_by_law(size)
    return [[draw(size.batch * size.ids).astype(np.int64) for _ in range(size.tables)] for _ in range(size.batches)]


@lru_cache(maxsize=1)
def gradients(size: Size) -> list[np.ndarray]:
    """The gradient of each batch; later ones repeat the first."""
    random = np.random.default_rng(SEED)
    some = [
        random.standard_normal((size.batch, size.width), dtype=np.float32) for _ in range(min(GRADIENTS, size.batches))
    ]
    return [some[number % len(some)] for number in range(size.batches)]


def batches(size: Size) -> list[tuple[np.ndarray, np.ndarray]]:
    """Indices and gradients."""
    return list(zip(indices(size), gradients(size), strict=True))


def distinct(size: Size) -> int:
    """The mean number of distinct rows in a batch."""
    return round(sum(len(np.unique(each)) for each in indices(size)) / size.batches)
