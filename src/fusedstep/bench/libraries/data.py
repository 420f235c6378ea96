"""The data of a work, equal for every contender."""

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
        rows: rows of the table.
        width: elements in a row.
        batch: rows of a sparse gradient.
        law: the distribution of a batch's rows: "zipf", Zipf's law with exponent 1.2, scattered over the table, or
            "uniform".
        batches: the number of batches that are drawn; steps use them in turn.
    """

    rows: int
    width: int
    batch: int = 0
    law: str = "zipf"
    batches: int = GRADIENTS


def table(size: Size, seed: int) -> np.ndarray:
    """A table of weights or states, positive."""
    some = np.random.default_rng(seed).random(PERIOD, dtype=np.float32)
    return np.resize(some, (size.rows, size.width))


@lru_cache(maxsize=1)
def indices(size: Size) -> list[np.ndarray]:
    """The indices of each batch, int32."""
    random = np.random.default_rng(SEED)
    if size.law == "uniform":
        return [random.integers(0, size.rows, size.batch, dtype=np.int32) for _ in range(size.batches)]
    chances = np.cumsum(np.arange(1, size.rows + 1) ** -1.2)
    scattered = random.permutation(size.rows).astype(np.int32)
    return [scattered[np.searchsorted(chances, random.random(size.batch) * chances[-1])] for _ in range(size.batches)]


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
