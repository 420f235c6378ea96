"""What an operator must compute: the package's own reference, and what tests say with it."""

from typing import Any

import numpy as np
import pytest

from fusedstep.storage import STORAGES
from fusedstep.verify.arguments import dtypes, numbers
from fusedstep.verify.expected import first_difference
from fusedstep.verify.reference import bits, compute_type, step, summed

__all__ = [
    "BFLOAT16",
    "DTYPES",
    "as_array",
    "as_tensor",
    "assert_same_bits",
    "bits",
    "compute_type",
    "numbers",
    "step",
    "summed",
]


class Types(dict[str, np.dtype]):
    """The storage types by name; a test that asks for one that NumPy has not here is skipped."""

    def __missing__(self, name: str) -> np.dtype:
        pytest.skip(f"NumPy arrays of {name} need ml_dtypes")


DTYPES = Types(dtypes())
BFLOAT16 = DTYPES.get("bfloat16")


def as_array(given: Any) -> np.ndarray:
    """An array, or an array on a tensor's memory."""
    storage = STORAGES.get(str(given.dtype).removeprefix("torch."))
    if type(given).__module__ == "torch" and storage and not storage.in_numpy:
        import torch

        return np.asarray(given.view(getattr(torch, f"int{storage.bits}"))).view(DTYPES[storage.name])
    return np.asarray(given)


def as_tensor(array: np.ndarray) -> Any:
    """A tensor on an array's memory."""
    import torch

    storage = STORAGES.get(array.dtype.name)
    if storage is None or storage.in_numpy:
        return torch.from_numpy(array)
    return torch.from_numpy(array.view(f"int{storage.bits}")).view(getattr(torch, storage.name))


def assert_same_bits(got: Any, expected: Any, what: str = "") -> None:
    """Two arrays are equal bit for bit; any NaN equals any NaN."""
    got, expected = np.asarray(got), np.asarray(expected)
    assert got.dtype == expected.dtype, what
    assert got.shape == expected.shape, what
    different = bits(got) != bits(expected)
    if different.any():
        came, wanted = first_difference(got, expected, different)
        raise AssertionError(f"{what}: {came}, expected {wanted}")
