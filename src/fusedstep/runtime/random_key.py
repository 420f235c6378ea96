"""The key of stochastic rounding: the start of the counter-based generator in the kernels."""

MASK = 2**64 - 1


def key_of(seed: int, step: int) -> int:
    """The key for a step, as a signed 64-bit integer. Keys of adjacent seeds and steps are unrelated.

    >>> key_of(0, 1) != key_of(1, 0)
    True
    """
    mixed = scrambled(scrambled(seed + 0x9E3779B97F4A7C15) + step)
    return mixed - 2**64 if mixed >= 2**63 else mixed


def scrambled(number: int) -> int:
    """The output function of SplitMix64 (Steele, Lea & Flood, 2014)."""
    number &= MASK
    number = (number ^ (number >> 30)) * 0xBF58476D1CE4E5B9 & MASK
    number = (number ^ (number >> 27)) * 0x94D049BB133111EB & MASK
    return number ^ (number >> 31)
