"""The work that is measured, the same for every contender: names, sizes and data."""

from dataclasses import dataclass

import numpy as np

ROWS, WIDTH, BATCH, BATCHES = 1_000_000, 64, 65_536, 6
THREADS = 2
SEED = 20_261


@dataclass(frozen=True)
class Work:
    """One thing to measure.

    Attributes:
        name: the operator's name.
        bytes_per_element: the least that must move, for each element of the table; None where only named rows move.
    """

    name: str
    bytes_per_element: int | None


WORKS = [
    Work("FusedSparseAdam", 24),
    Work("FusedSparseLazyAdam", None),
    Work("ApplyProximalAdagrad", 20),
]

ADAM = {"beta1_power": 0.9, "beta2_power": 0.999, "lr": 0.001, "beta1": 0.9, "beta2": 0.999, "epsilon": 1e-8}
PROXIMAL = {"lr": 0.01, "l1": 1e-4, "l2": 1e-4}


def table(seed: int) -> np.ndarray:
    """A table of weights or states, positive."""
    return np.random.default_rng(seed).random((ROWS, WIDTH), dtype=np.float32)


def batches() -> list[tuple[np.ndarray, np.ndarray]]:
    """Indices and gradients of some batches: rows drawn by Zipf's law with exponent 1.2, scattered over the table."""
    random = np.random.default_rng(SEED)
    weights = np.arange(1, ROWS + 1) ** -1.2
    scattered = random.permutation(ROWS).astype(np.int32)
    return [
        (
            scattered[random.choice(ROWS, BATCH, p=weights / weights.sum())],
            random.standard_normal((BATCH, WIDTH), dtype=np.float32),
        )
        for _ in range(BATCHES)
    ]
