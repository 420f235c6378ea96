"""The seed of what is random: NumPy's global generator, as in MindSpore."""

import numpy as np

_seed: int | None = None


def set_seed(seed: int) -> None:
    """Seed NumPy's global generator, from which initializers draw.

    Args:
        seed: a number that is not negative.

    Raises:
        TypeError: it is not an integer.
        ValueError: it is negative, or above 2**32 - 1.

    >>> from fusedstep.mindspore.common.initializer import initializer
    >>> def drawn():
    ...     set_seed(1)
    ...     return initializer("normal", [3]).tolist()
    >>> drawn() == drawn(), get_seed()
    (True, 1)
    """
    global _seed
    if isinstance(seed, bool) or not hasattr(seed, "__index__"):
        raise TypeError(f"set_seed: seed is of type {type(seed).__name__}, expected an integer")
    if not 0 <= seed < 2**32:
        raise ValueError(f"set_seed: seed is {seed}, expected a number from 0 to {2**32 - 1}")
    np.random.seed(int(seed))
    _seed = int(seed)


def get_seed() -> int | None:
    """The last seed that was set, or None.

    >>> set_seed(3)
    >>> get_seed()
    3
    """
    return _seed


def generator() -> "np.random.Generator":
    """A generator that is seeded by NumPy's global one."""
    return np.random.default_rng(np.random.randint(1, 2**63, dtype=np.int64))
