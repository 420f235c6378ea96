"""What an operator must compute: the package's own reference, and what tests say with it."""

from typing import Any

import numpy as np
import pytest

from fusedstep.verify.arguments import dtypes, numbers
from fusedstep.verify.expected import first_difference
from fusedstep.verify.reference import bits, compute_type, step, summed

__all__ = ["BFLOAT16", "DTYPES", "as_array", "assert_same_bits", "bits", "compute_type", "numbers", "step", "summed"]


class Types(dict[str, np.dtype]):
    """The storage types by name; a test that asks for one that NumPy has not here is skipped."""

    def __missing__(self, name: str) -> np.dtype:
        pytest.skip(f"NumPy arrays of {name} need ml_dtypes")


DTYPES = Types(dtypes())
BFLOAT16 = DTYPES.get("bfloat16")


def as_array(given: Any) -> np.ndarray:
    """An array or a tensor as an array."""
    if type(given).__module__ == "torch" and str(given.dtype) == "torch.bfloat16":
        import torch

        return np.asarray(given.view(torch.int16)).view(BFLOAT16)
    return np.asarray(given)


def assert_same_bits(got: Any, expected: Any, what: str = "") -> None:
    """Two arrays are equal bit for bit; any NaN equals any NaN."""
    got, expected = np.asarray(got), np.asarray(expected)
    assert got.dtype == expected.dtype, what
    assert got.shape == expected.shape, what
    different = bits(got) != bits(expected)
    if different.any():
        came, wanted = first_difference(got, expected, different)
        raise AssertionError(f"{what}: {came}, expected {wanted}")
