"""The data of a work, equal for every contender."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

SEED = 20_261
# Tables repeat after so many numbers; no row width divides it, so that rows differ.
PERIOD = 65_537
GRADIENTS = 6
EXPONENT = 1.2
# A prime, so that the rows of a table that are drawn often lie apart, and each rank has a row of its own.
SCATTER = 2_654_435_761


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
        tables: the number of tables, or of layers.
        ids: the number of ids in a bag, or of tokens in a sequence.
        shortest: the rows of the shortest of several tables, whose longest has ``rows``; 0 if all have ``rows``.
        words: how results name the size, a format of these attributes; "" names the rows of a table and a gradient.
    """

    rows: int
    width: int
    batch: int = 0
    law: str = "zipf"
    batches: int = GRADIENTS
    tables: int = 1
    ids: int = 1
    shortest: int = 0
    words: str = ""


def table(size: Size, seed: int) -> np.ndarray:
    """A table of weights or states, positive."""
    some = np.random.default_rng(seed).random(PERIOD, dtype=np.float32)
    return np.resize(some, (size.rows, size.width))


def draw(random: np.random.Generator, rows: int, count: int, law: str = "zipf") -> np.ndarray:
    """So many rows of a table by a law, int64."""
    if law == "uniform":
        return random.integers(0, rows, count)
    drawn = np.empty(0, np.int64)
    # Drawn again where it is beyond the table: an array of the law's chances, as long as the table, would change where
    # glibc takes memory from (see torch_training.fill).
    while len(drawn) < count:
        more = random.zipf(EXPONENT, count)
        drawn = np.concatenate([drawn, more[more <= rows]])
    return drawn[:count] * SCATTER % rows


@lru_cache(maxsize=1)
def indices(size: Size) -> list[np.ndarray]:
    """The indices of each batch, int32."""
    random = np.random.default_rng(SEED)
    return [draw(random, size.rows, size.batch, size.law).astype(np.int32) for _ in range(size.batches)]


def lengths(size: Size) -> list[int]:
    """The rows of each table; where they differ, each is longer than the one before by the same factor."""
    if not size.shortest:
        return [size.rows] * size.tables
    return [round(rows) for rows in np.geomspace(size.shortest, size.rows, size.tables).tolist()]


def ids(size: Size) -> list[list[np.ndarray]]:
    """The ids of each table in each batch, int64: those of a bag stand together."""
    random, count = np.random.default_rng(SEED), size.batch * size.ids
    return [[draw(random, rows, count, size.law) for rows in lengths(size)] for _ in range(size.batches)]


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
